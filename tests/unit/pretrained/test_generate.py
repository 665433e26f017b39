"""``generate`` with us in between: the same call for the caller, one span for the reader."""

import inspect
from typing import Any, cast

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode

from stub_instrumented import Instrumented


class StopAt:
    """A criterion of the user's that stops after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.asked = 0
        self.arguments: tuple[Any, ...] = ()

    def __call__(self, *arguments: Any) -> bool:
        """Count, and stop when it is time."""
        self.asked += 1
        self.arguments = arguments
        return self.asked >= self.steps

    def __deepcopy__(self, _: Any) -> "StopAt":
        """Let the test look at the one that was asked."""
        return self


class Streamer:
    """A streamer of the user's."""

    def __init__(self) -> None:
        self.got = list[Any]()

    def put(self, value: Any) -> None:
        """Take a token."""
        self.got.append(value)

    def end(self) -> None:
        """Take the end."""
        self.got.append("end")


def test_the_span(instrumented: Instrumented) -> None:
    """Everything that is known of a call, exactly; an unnamed model has no name attribute."""
    stub = instrumented.stub(rows=2, ids=[[5, 2, 0], [5, 5, 5]])
    stub.model.generate(stub.input_ids, max_new_tokens=3, temperature=0.5, top_k=4)
    attributes = instrumented.attributes()
    for timing in ("paddle.time_to_first_token", "paddle.time_per_output_token"):
        assert isinstance(attributes.pop(timing), float)
    assert attributes == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.max_tokens": 3,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 4,
        "gen_ai.response.finish_reasons": ("stop", "length"),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "paddle.batch_size": 2,
        "paddle.decode_strategy": "greedy_search",
        "paddle.device": "cpu",
        "paddle.dtype": "float32",
        # 2 (keys, values) * 2 layers * 2 heads * 8 numbers * 4 bytes * 2 rows * (5 + 3 - 1) positions
        "paddle.kv_cache.size": 3584,
        "paddle.kv_cache.predicted_size": 3584,
        "paddle.sequences.output_tokens": (2, 3),
    }
    span = instrumented.recorder.span("text_completion")
    assert [child.name for child in instrumented.recorder.children(span)] == ["prefill", "decode"]
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == f"paddle_otel.{instrumented.library}"


def test_the_result_is_the_library_s_own_object(instrumented: Instrumented) -> None:
    """The very tuple that the library made comes back."""
    stub = instrumented.stub()
    assert stub.model.generate(stub.input_ids) is stub.script.result
    kind = cast("Any", type(stub.model))
    assert kind.generate(stub.model, stub.input_ids) is stub.script.result
    assert len(instrumented.recorder.spans("text_completion")) == 2


@pytest.mark.parametrize("error", [ValueError("the prompt", 7), KeyboardInterrupt(), SystemExit(2), GeneratorExit()])
@pytest.mark.parametrize("at", [0, 2])
def test_the_library_s_exception(instrumented: Instrumented, error: BaseException, at: int) -> None:
    """The exception is the same object with the same arguments, ends in the library's code, and ends the span."""
    stub = instrumented.stub()

    def on_step(step: int) -> None:
        if step == at:
            raise error

    stub.script.on_step = on_step
    with pytest.raises(type(error)) as caught:
        stub.model.generate(stub.input_ids)
    assert caught.value is error
    assert caught.traceback[-1].name == "on_step"
    assert error.__context__ is error.__cause__ is None
    assert error.args in (("the prompt", 7), (2,), ())
    span = instrumented.recorder.span("text_completion")
    attributes = instrumented.attributes()
    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == type(error).__name__
    assert attributes["gen_ai.usage.input_tokens"] == 5
    assert attributes["gen_ai.response.finish_reasons"] == ("error",)
    assert attributes.get("gen_ai.usage.output_tokens") == (at or None)  # those that were made before it
    assert "the prompt" not in span.to_json()


def test_the_library_s_own_refusals(instrumented: Instrumented) -> None:
    """Wrong arguments are refused by the library in its own words, with a span that says so."""
    stub = instrumented.stub()
    with pytest.raises(TypeError, match=r"^generate\(\) got an unexpected option$"):
        stub.model.generate(stub.input_ids, unknown_option=True)
    with pytest.raises(TypeError, match="takes from 1 to 6 positional arguments but 8 were given"):
        stub.model.generate(*[None] * 7)
    with pytest.raises(TypeError, match="multiple values for argument 'stopping_criteria'"):
        stub.model.generate(stub.input_ids, None, None, stopping_criteria=None)
    assert [instrumented.recorder.spans("text_completion")[i].status.description for i in range(3)] == ["TypeError"] * 3


def test_the_signature_is_the_library_s(instrumented: Instrumented) -> None:
    """Tools that read the signature see the library's parameters."""
    model = instrumented.stub().model
    assert list(inspect.signature(model.generate).parameters) == [
        "input_ids", "generation_config", "stopping_criteria", "streamer", "synced_gpus", "kwargs",
    ]  # fmt: skip


@pytest.mark.parametrize("positional", [True, False])
@pytest.mark.parametrize("subclass", [True, False])
def test_the_caller_s_criteria(instrumented: Instrumented, positional: bool, subclass: bool) -> None:
    """They stop the loop as before and get ids and scores; their list is not changed, nor its kind."""
    stub = instrumented.stub(steps=9)
    kind: Any = type("Sub", (stub.criteria_list,), {}) if subclass else stub.criteria_list
    ours = StopAt(4)
    criteria = kind([ours])
    criteria.note = "kept"
    if positional:
        ids, _ = stub.model.generate(stub.input_ids, None, criteria)
    else:
        ids, _ = stub.model.generate(stub.input_ids, stopping_criteria=criteria)
    assert ids.shape == [1, 4]
    assert ours.asked == 4
    assert [type(argument).__name__ for argument in ours.arguments] == ["StubTensor", "StubTensor"]
    assert list(criteria) == [ours]
    assert type(stub.script.criteria) is kind
    assert vars(stub.script.criteria) == {"note": "kept"}
    assert instrumented.attributes()["gen_ai.usage.output_tokens"] == 4
    assert instrumented.attributes()["gen_ai.response.finish_reasons"] == ("stop",)


def test_the_probe_is_asked_first(instrumented: Instrumented) -> None:
    """A step on which the caller's criterion stops is counted too, as our probe stands in front of it."""
    stub = instrumented.stub(steps=9)
    stub.model.generate(stub.input_ids, stopping_criteria=stub.criteria_list([StopAt(1)]))
    assert [type(criterion).__name__ for criterion in stub.script.criteria] == ["StepProbe", "StopAt"]
    assert "paddle.time_to_first_token" in instrumented.attributes()


@pytest.mark.parametrize("criteria", [StopAt(1), [StopAt(1)], "criteria"])
def test_criteria_that_the_library_refuses(instrumented: Instrumented, criteria: Any) -> None:
    """A bare criterion or a plain list is passed on, for the library to refuse."""
    stub = instrumented.stub()
    with pytest.raises(AttributeError, match="has no attribute 'max_length'"):
        stub.model.generate(stub.input_ids, stopping_criteria=criteria)
    assert instrumented.attributes()["error.type"] == "AttributeError"


def test_the_streamer(instrumented: Instrumented) -> None:
    """It gets what it got before, positionally too; the span says that the call streamed."""
    stub = instrumented.stub()
    for streamer, arguments, keywords in (
        (first := Streamer(), (None, None, first), {}),
        (second := Streamer(), (), {"streamer": second}),
    ):
        stub.model.generate(stub.input_ids, *arguments, **keywords)
        assert streamer.got == [0, 1, 2, "end"]
    for span in instrumented.recorder.spans("text_completion"):
        assert (span.attributes or {})["gen_ai.request.stream"] is True
        assert "gen_ai.response.time_to_first_chunk" in (span.attributes or {})


def test_suppressed(instrumented: Instrumented) -> None:
    """Inside ``suppress_instrumentation()`` the library gets exactly what the caller gave."""
    stub = instrumented.stub()
    with suppress_instrumentation():
        stub.model.generate(stub.input_ids)
    assert stub.script.criteria == []
    assert instrumented.recorder.spans() == []


def test_a_tensor_parallel_request_counts_once(instrumented: Instrumented) -> None:
    """Of the ranks that run the same ``generate`` only the first reports; the others' calls are left as they are."""
    stub = instrumented.stub()
    for rank in (0, 1, 3):
        stub.model.config.tensor_parallel_rank = rank
        assert stub.model.generate(stub.input_ids) is stub.script.result
    assert stub.script.criteria == []
    assert len(instrumented.recorder.spans("text_completion")) == 1


def test_generate_inside_generate_is_one_span(instrumented: Instrumented) -> None:
    """A model that generates with another (speculative decoding, say) is one request."""
    outer, inner = instrumented.stub(steps=2), instrumented.stub(steps=7)
    outer.script.on_step = lambda _: inner.model.generate(inner.input_ids)
    outer.model.generate(outer.input_ids)
    assert instrumented.attributes()["gen_ai.usage.output_tokens"] == 2
    assert [span.name for span in instrumented.recorder.spans()] == ["prefill", "decode", "text_completion"]
    assert inner.script.criteria == []


def test_a_device_is_read_once_and_at_the_end(instrumented: Instrumented) -> None:
    """On a GPU the prompt and the result are copied once each after the loop, never inside, never after a failure."""
    stub = instrumented.stub(place="gpu:0")
    reads = list[int]()
    stub.script.on_step = lambda _: reads.append(stub.input_ids.reads + stub.script.result[0].reads)
    stub.model.generate(stub.input_ids)
    assert reads == [0, 0, 0]
    assert (stub.input_ids.reads, stub.script.result[0].reads, stub.script.result[1].reads) == (1, 1, 0)
    assert instrumented.attributes()["paddle.device"] == "gpu:0"
    instrumented.recorder.clear_spans()
    stub.script.on_step = lambda _: (_ for _ in ()).throw(ValueError())
    with pytest.raises(ValueError, match=r"^$"):
        stub.model.generate(stub.input_ids)
    assert stub.input_ids.reads == 1
    assert "gen_ai.usage.input_tokens" not in instrumented.attributes()


@pytest.mark.parametrize(
    ("with_criteria", "limit", "told"),
    [(False, 4, True), (False, 8, True), (True, 4, True), (True, 8, False)],
)
def test_a_search_that_the_callers_criteria_may_end(
    instrumented: Instrumented, with_criteria: bool, limit: int, told: bool
) -> None:
    """Ended before its limit, maybe in a step that went unseen: what is made from the number of steps is absent."""
    stub = instrumented.stub(steps=4)

    def never(*_: Any) -> bool:
        return False

    criteria = {"stopping_criteria": stub.criteria_list([never])} if with_criteria else {}
    stub.model.generate(stub.input_ids, decode_strategy="beam_search", num_beams=2, max_new_tokens=limit, **criteria)
    attributes = instrumented.attributes()
    assert attributes["gen_ai.usage.output_tokens"] == 4
    assert "paddle.time_to_first_token" in attributes
    assert ("paddle.time_per_output_token" in attributes) is told
    assert ("paddle.kv_cache.size" in attributes) is told
