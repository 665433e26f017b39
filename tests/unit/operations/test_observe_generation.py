"""A block that a program reports as a generation: exact names, values, types and times."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from global_sdk import START_UNIX_NS, Clock, clock, globally, no_sdk
from observed import INPUT, LABELS, OUTPUT, PUBLISHED, UNCHANGED
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.operations import ObservedGeneration, observe_generation, observed_generation
from paddle_otel.operations.generation import current_generation
from paddle_otel.version import VERSION
from recording import Recorder

__all__ = ["clock", "globally", "no_sdk"]

MODEL = LABELS["gen_ai.request.model"]
NAME = f"chat {MODEL}"


def attributes_of(recorder: Recorder, name: str = NAME) -> dict[str, Any]:
    """Return the attributes of the one span of this name."""
    return dict(recorder.span(name).attributes or {})


def test_everything_that_is_said(globally: Recorder, clock: Clock) -> None:
    """Span, children and metrics are those of an observed ``generate``, to the nanosecond."""
    asked: dict[str, Any] = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4, "seed": 11, "choices": 1}
    with observe_generation(
        MODEL, operation="chat", input_tokens=7, batch_size=1, stream=True, device="cpu", dtype="float32", **asked
    ) as generation:
        for seconds in (2, 1, 1):
            clock.passes(seconds)
            generation.step()
        clock.passes(0.5)
        generation.finish("stop")
    span = globally.span(NAME)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": MODEL,
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 4,
        "gen_ai.request.seed": 11,
        "gen_ai.request.choice.count": 1,
        "paddle.batch_size": 1,
        "paddle.device": "cpu",
        "paddle.dtype": "float32",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "paddle.sequences.output_tokens": (3,),
        "gen_ai.response.finish_reasons": ("stop",),
        "paddle.time_to_first_token": 2.0,
        "gen_ai.response.time_to_first_chunk": 2.0,
        "paddle.time_per_output_token": 1.25,
    }
    assert [type((span.attributes or {})[f"gen_ai.request.{key}"]) for key in ("top_k", "top_p")] == [int, float]
    assert span.status.status_code is StatusCode.UNSET
    seconds = 1_000_000_000
    assert (span.start_time, span.end_time) == (START_UNIX_NS, START_UNIX_NS + 4 * seconds + seconds // 2)
    prefill, decode = globally.children(span)
    assert (prefill.name, prefill.start_time, prefill.end_time) == (
        "prefill",
        START_UNIX_NS,
        START_UNIX_NS + 2 * seconds,
    )
    assert (decode.name, decode.start_time, decode.end_time) == ("decode", prefill.end_time, span.end_time)
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url) == ("paddle_otel.operations", VERSION, SCHEMA_URL)


def test_its_metrics(globally: Recorder, clock: Clock) -> None:
    """The same metrics with the same labels as an observed ``generate``."""
    with observe_generation(MODEL, operation="chat", input_tokens=7, batch_size=2) as generation:
        for tokens in (2, 2, 1):
            clock.passes(1)
            generation.step(tokens)
    assert set(globally.metrics()) == PUBLISHED | UNCHANGED
    for metric, value in (
        ("gen_ai.client.operation.duration", 3),
        ("gen_ai.server.request.duration", 3),
        ("gen_ai.server.time_to_first_token", 1),
        ("gen_ai.server.time_per_output_token", 1),
    ):
        point = globally.point(metric)
        assert (point.value, point.count, dict(point.attributes)) == (value, 1, LABELS), metric
    for direction, tokens in ((INPUT, 7), (OUTPUT, 5)):
        assert globally.point("gen_ai.client.token.usage", **direction).value == tokens
        assert globally.point("paddle.tokens", **direction).value == tokens
    assert globally.point("paddle.request.active").value == 0


def test_what_is_not_said_is_absent(globally: Recorder) -> None:
    """A bare block has the bare name and no count; a duration it always has."""
    with observe_generation():
        pass
    assert attributes_of(globally, "text_completion") == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "paddlepaddle",
    }
    assert globally.points("gen_ai.client.token.usage") == []
    assert globally.points("paddle.tokens") == []
    assert globally.point("gen_ai.client.operation.duration").count == 1


def test_it_counts_while_it_runs(globally: Recorder) -> None:
    """Tokens of every batch are counted at each step, and once; what is in flight is active."""
    seen = list[float]()
    with observe_generation("m", batch_size=3) as generation:
        for tokens in (3, 0, 2, 1):
            generation.step(tokens)
            seen.append(globally.point("paddle.tokens", **OUTPUT).value)
        assert globally.point("paddle.request.active").value == 1
        generation.finish("stop", "stop", "length", output_tokens=[1, 2, 3])
    assert [*seen, globally.point("paddle.tokens", **OUTPUT).value] == [3, 3, 5, 6, 6]
    assert globally.point("paddle.request.active").value == 0


def test_tokens_of_each_sequence(globally: Recorder) -> None:
    """They are reported as they are told, and their sum is the total."""
    with observe_generation("m", batch_size=2) as generation:
        generation.finish("stop", "length", output_tokens=[2, 5])
    found = attributes_of(globally, "text_completion m")
    assert found["paddle.sequences.output_tokens"] == (2, 5)
    assert found["gen_ai.usage.output_tokens"] == 7
    assert found["gen_ai.response.finish_reasons"] == ("stop", "length")
    assert globally.point("paddle.tokens", **OUTPUT).value == 7


def test_the_total_that_is_told_wins(globally: Recorder) -> None:
    """What the end knows better replaces what the steps said; of several sequences none has a count of its own."""
    with observe_generation("m", batch_size=2) as generation:
        generation.step(2)
        generation.step(None)
        generation.finish(output_tokens=9)
    found = attributes_of(globally, "text_completion m")
    assert found["gen_ai.usage.output_tokens"] == 9
    assert "paddle.sequences.output_tokens" not in found
    assert "gen_ai.response.finish_reasons" not in found
    assert globally.point("paddle.tokens", **OUTPUT).value == 9


def test_a_step_of_unknown_tokens(globally: Recorder) -> None:
    """The sum is then unknown and absent; the counter has what was told."""
    with observe_generation("m", batch_size=2) as generation:
        generation.step(2)
        generation.step(None)
    found = attributes_of(globally, "text_completion m")
    assert "gen_ai.usage.output_tokens" not in found
    assert "paddle.time_per_output_token" in found
    assert globally.points("gen_ai.client.token.usage") == []
    assert globally.point("paddle.tokens", **OUTPUT).value == 2


def test_a_known_zero(globally: Recorder) -> None:
    """Steps that made nothing tell that nothing was written, and no time to a first token."""
    with observe_generation("m") as generation:
        generation.step(0)
        generation.step(0)
    found = attributes_of(globally, "text_completion m")
    assert found["gen_ai.usage.output_tokens"] == 0
    assert "paddle.time_to_first_token" not in found
    assert globally.spans("prefill") == []


PER_TOKEN: list[tuple[dict[str, int], list[int | None], float | None]] = [
    ({}, [1, 1, 1], 1.0),
    ({}, [1], None),
    ({}, [0, 0, 1, 1], 1.0),
    ({}, [1, 4, 4], None),  # four sequences, or four tokens of one?
    ({}, [None, None], None),
    ({"batch_size": 1}, [1, 4, 4], 0.25),
    ({"batch_size": 1}, [4, 4, 0], 0.5),
    ({"batch_size": 1}, [1, None], None),
    ({"batch_size": 4}, [4, 4, 2], 1.0),
    ({"batch_size": 4}, [None, None, None], 1.0),
    ({"batch_size": 4}, [4, 8, 4], None),
    ({"batch_size": 2, "choices": 2}, [4, 4, 4], 1.0),
    ({"batch_size": 2}, [4, 4, 4], None),
]


@pytest.mark.parametrize(("request_", "steps", "expected"), PER_TOKEN)
def test_time_per_output_token(
    globally: Recorder, clock: Clock, request_: dict[str, int], steps: list[int | None], expected: float | None
) -> None:
    """Mean time between two tokens of a sequence after the first step, absent where it cannot be told."""
    with observe_generation("m", **request_) as generation:  # type: ignore[arg-type]
        for tokens in steps:
            clock.passes(1)
            generation.step(tokens)
    assert attributes_of(globally, "text_completion m").get("paddle.time_per_output_token") == expected
    assert [point.value for point in globally.points("gen_ai.server.time_per_output_token")] == (
        [] if expected is None else [expected]
    )


def test_the_model_and_the_prompt_may_be_told_later(globally: Recorder) -> None:
    """Name, labels and counts are as if they had been known at the start; a path is reduced to its last part."""
    with observe_generation() as generation:
        generation.set_model("/home/someone/models/Qwen2-0.5B/")
        generation.set_input_tokens(4)
        generation.step()
    found = attributes_of(globally, f"text_completion {MODEL}")
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == (MODEL, MODEL)
    assert found["gen_ai.usage.input_tokens"] == 4
    assert globally.point("paddle.tokens", **INPUT).attributes["gen_ai.request.model"] == MODEL


@pytest.mark.parametrize(
    ("name", "reported"),
    [("org/name", "name"), ("C:\\models\\name", "name"), ("x" * 500, "x" * 200), ("文心 4.5", "文心 4.5"), ("/", None)],
)
def test_model_names(globally: Recorder, name: str, reported: str | None) -> None:
    """Any text is a name, of bounded length; no local path is reported."""
    with observe_generation(name):
        pass
    (span,) = globally.spans()
    assert (span.attributes or {}).get("gen_ai.request.model") == reported


class OwnError(Exception):
    """An error of the program's."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OwnError("the prompt"), f"{__name__}.OwnError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
        (SystemExit(3), "SystemExit"),
    ],
)
def test_an_error_in_the_block(globally: Recorder, error: BaseException, kind: str) -> None:
    """It leaves the block unchanged; the span has its class, not its text, and what was counted before."""

    def fails() -> None:
        with observe_generation("m", batch_size=2, input_tokens=5) as generation:
            generation.step(2)
            generation.finish("stop", "stop")
            raise error

    with pytest.raises(type(error)) as caught:
        fails()
    assert caught.value is error
    span = globally.span("text_completion m")
    found = dict(span.attributes or {})
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, kind)
    assert span.events == ()
    assert found["error.type"] == kind
    assert found["gen_ai.response.finish_reasons"] == ("error", "error")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 2)
    assert globally.point("gen_ai.client.operation.duration").attributes["error.type"] == kind
    assert globally.point("paddle.request.active").value == 0
    assert globally.points("gen_ai.server.time_per_output_token") == []


def test_a_generator_that_is_closed_inside_its_block_is_no_error(globally: Recorder) -> None:
    """That somebody has read enough is no error; why it ended is unknown, what it wrote is known."""

    def answer() -> Any:
        with observe_generation("m") as generation:
            generation.step()
            yield "a"
            generation.step()
            yield "b"

    values = answer()
    next(values)
    values.close()
    span = globally.span("text_completion m")
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {})["gen_ai.usage.output_tokens"] == 1
    assert "gen_ai.response.finish_reasons" not in (span.attributes or {})


def test_the_block_is_current_and_comes_off(globally: Recorder) -> None:
    """What is reported inside is below it; afterwards the caller's span is current again."""
    tracer = globally.tracer_provider.get_tracer("program")
    with tracer.start_as_current_span("request") as request:
        with observe_generation("m") as generation:
            assert observed_generation() is generation
            tracer.start_span("inside").end()
        assert trace.get_current_span() is request
        assert current_generation() is None
    span = globally.span("text_completion m")
    assert globally.children(globally.span("request")) == [span]
    assert [child.name for child in globally.children(span)] == ["inside"]


def test_only_the_outermost_reports(globally: Recorder) -> None:
    """A generation inside another one is part of it: what the inner one says is not counted twice."""
    with observe_generation("outer", batch_size=1) as outer:
        outer.step()
        with observe_generation("inner") as inner:
            assert observed_generation() is inner
            inner.step(100)
            inner.set_model("another")
            inner.set_input_tokens(100)
            inner.finish("stop", output_tokens=100)
        assert observed_generation() is outer
        outer.step()
    assert attributes_of(globally, "text_completion outer")["gen_ai.usage.output_tokens"] == 2
    assert {span.name for span in globally.spans()} == {"text_completion outer", "prefill", "decode"}
    assert globally.point("paddle.tokens").value == 2


def test_what_outlives_a_generation_is_observed_again(globally: Recorder) -> None:
    """A task that was begun inside a generation and goes on after it reports generations of its own."""

    async def main() -> None:
        over = asyncio.Event()

        async def later() -> None:
            with observe_generation("inside") as generation:
                generation.step()
            await over.wait()
            with observe_generation("afterwards") as generation:
                generation.step()

        with observe_generation("outer"):
            task = asyncio.create_task(later())
            await asyncio.sleep(0)
        over.set()
        await task

    asyncio.run(main())
    assert {span.name for span in globally.spans()} == {
        "text_completion outer",
        "text_completion afterwards",
        "prefill",
    }


def test_tasks_do_not_see_each_other(globally: Recorder) -> None:
    """Two tasks in turns: each has its own current span, its own counts and its own children."""
    tracer = globally.tracer_provider.get_tracer("program")

    async def one(name: str, steps: int) -> None:
        async with observe_generation(name, batch_size=1) as generation:
            for number in range(steps):
                generation.step()
                await asyncio.sleep(0)
                assert observed_generation() is generation
                tracer.start_span(f"{name} {number}").end()

    async def both() -> None:
        await asyncio.gather(one("a", 3), one("b", 5))

    asyncio.run(both())
    for name, steps in (("a", 3), ("b", 5)):
        span = globally.span(f"text_completion {name}")
        assert span.parent is None
        assert (span.attributes or {})["gen_ai.usage.output_tokens"] == steps
        inside = {child.name for child in globally.children(span)} - {"prefill", "decode"}
        assert inside == {f"{name} {number}" for number in range(steps)}


def test_a_cancelled_task(globally: Recorder) -> None:
    """It fails with the class of its cancellation."""

    async def main() -> None:
        async def endless() -> None:
            async with observe_generation("m") as generation:
                generation.step()
                await asyncio.Event().wait()

        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert attributes_of(globally, "text_completion m")["error.type"] == "asyncio.exceptions.CancelledError"


LATE: list[Callable[[ObservedGeneration], bool | None]] = [
    lambda generation: generation.step(5),
    lambda generation: generation.set_input_tokens(5),
    lambda generation: generation.set_model("late"),
    lambda generation: generation.finish("stop", output_tokens=5),
]


@pytest.mark.parametrize("say", LATE)
def test_what_is_said_after_the_end(globally: Recorder, say: Callable[[ObservedGeneration], None]) -> None:
    """It has no effect, as what is over was reported."""
    with observe_generation("m", batch_size=1, input_tokens=1) as generation:
        generation.step()
    before = attributes_of(globally, "text_completion m")
    say(generation)
    assert attributes_of(globally, "text_completion m") == before
    assert globally.point("paddle.tokens", **OUTPUT).value == 1
