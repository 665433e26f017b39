"""Failures arrive as the library or the caller raised them, and finish the span."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

import stacks
from library.expected import CACHE_SIZE, Prompts, attributes_of, expected_attributes, facts, generation, typed
from recording import Recorder

WRONG_CALLS: dict[str, dict[str, Any]] = {
    "an unknown strategy": {"decode_strategy": "nope"},
    "two sequences in a greedy search": {"num_return_sequences": 2},
    "one beam": {"decode_strategy": "beam_search", "num_beams": 1},
    "more sequences than beams": {"decode_strategy": "beam_search", "num_beams": 2, "num_return_sequences": 3},
}


def raised_by(call: Callable[[], Any]) -> BaseException:
    """Return what a call raises."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - a test of what passes through
        return error
    raise AssertionError("nothing was raised")


def last_frame(error: BaseException) -> tuple[str, str]:
    """Return file and function that an exception came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename, frame.name


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_the_librarys_exception_arrives_unchanged(
    name: str, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """Same type, same arguments, raised at the same place, with nothing chained to it."""

    def call() -> Any:
        return llama.generate(**prompts.both, **WRONG_CALLS[name])

    error = raised_by(call)
    span = generation(observed)
    stack.new_instrumentor().uninstrument()
    alone = raised_by(call)
    assert (type(error), error.args) == (type(alone), alone.args)
    assert last_frame(error) == last_frame(alone)
    assert "paddle_otel" not in last_frame(error)[0]
    assert (error.__cause__, error.__context__) == (alone.__cause__, alone.__context__)
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == type(alone).__name__
    assert typed(attributes_of(span))["error.type"] == ("str", type(alone).__name__)


def test_a_wrong_call_tells_what_is_known(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The prompt's length is known; nothing was written, nothing timed, and there are no children."""
    raised_by(lambda: llama.generate(**prompts.both, decode_strategy="nope", max_new_tokens=4))
    expected = expected_attributes(
        [[], []],
        (),
        4,
        prompts.tokens,
        paddle__decode_strategy="nope",
        error__type="AssertionError",
        gen_ai__response__finish_reasons=("error", "error"),
        gen_ai__usage__output_tokens=None,
        paddle__sequences__output_tokens=None,
    )
    span = generation(observed)
    assert facts(span) == typed(expected)
    assert CACHE_SIZE not in attributes_of(span)
    assert observed.children(span) == []
    assert span.events == ()


class Refused(Exception):  # noqa: N818 - a name that nobody else uses
    """An exception of the caller's."""


ERRORS: dict[str, BaseException] = {
    f"{__name__}.Refused": Refused("a secret of the caller"),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "SystemExit": SystemExit(3),
    "GeneratorExit": GeneratorExit(),
    "MemoryError": MemoryError(),
}


@pytest.mark.parametrize("place", ["criterion", "streamer"])
@pytest.mark.parametrize("kind", ERRORS)
def test_what_the_callers_code_raises_passes_through(
    kind: str, place: str, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """The very object, from the caller's own frame; the span ends with what was done until then."""
    error = ERRORS[kind]

    class Raiser:
        calls = 0

        def put(self, *_: Any) -> bool:
            self.calls += 1
            if self.calls == 2 + (place == "streamer" and stack.streams_prompt):
                raise error
            return False

        __call__ = put

        def __deepcopy__(self, _: dict[int, Any]) -> "Raiser":
            return self

    raiser = Raiser()
    options: dict[str, Any] = {"streamer": raiser}
    if place == "criterion":
        options = {"stopping_criteria": stack.module("generation").StoppingCriteriaList([raiser])}
    caught = raised_by(lambda: llama.generate(**prompts.first, max_new_tokens=6, eos_token_id=None, **options))
    assert caught is error
    assert last_frame(caught) == (__file__, "put")
    span = generation(observed)
    assert span.status.status_code is StatusCode.ERROR
    assert attributes_of(span)["error.type"] == kind
    assert attributes_of(span)["gen_ai.response.finish_reasons"] == ("error",)
    assert attributes_of(span)["gen_ai.usage.input_tokens"] == 5
    # A step counts when the criteria are asked, behind the streamer.
    assert attributes_of(span)["gen_ai.usage.output_tokens"] == (2 if place == "criterion" else 1)
    assert "paddle.time_to_first_token" in attributes_of(span)
    assert "paddle.time_per_output_token" not in attributes_of(span)
    children = ["prefill", "decode"] if place == "criterion" else ["prefill"]
    assert [child.name for child in observed.children(span)] == children
    written = 2 if place == "criterion" else 1
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == written
    assert observed.point("paddle.request.active").value == 0


def test_nothing_of_a_failure_remains(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """No span stays current, and the next generation is a trace of its own."""
    raised_by(lambda: llama.generate(**prompts.both, decode_strategy="nope"))
    assert trace.get_current_span() is trace.INVALID_SPAN
    llama.generate(**prompts.both, max_new_tokens=1)
    failed, succeeded = (span for span in observed.spans() if span.name == "text_completion")
    assert failed.context is not None
    assert succeeded.context is not None
    assert failed.context.trace_id != succeeded.context.trace_id
    assert succeeded.parent is None


def test_no_message_is_recorded(observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """A message may quote a prompt."""

    def refuse(*_: Any, **__: Any) -> bool:
        raise Refused("a secret of the caller")

    criteria = stack.module("generation").StoppingCriteriaList([refuse])
    raised_by(lambda: llama.generate(**prompts.first, stopping_criteria=criteria))
    assert "secret" not in generation(observed).to_json()
    assert "secret" not in str(observed.metrics())
