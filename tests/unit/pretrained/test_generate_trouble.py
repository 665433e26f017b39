"""A bug of ours in any place of a ``generate`` call: the caller notices nothing, and it is logged once."""

from typing import Any

import pytest

from observed import raising, returning
from paddle_otel.operations import generation, generation_metrics
from paddle_otel.pretrained import generate_patches, generate_request
from stub_instrumented import Instrumented

SECRET = "the user's prompt"

PLACES: dict[str, tuple[Any, str]] = {
    "arguments": (generate_patches, "GenerateArguments"),
    "request": (generate_patches, "generation_request"),
    "model facts": (generate_request, "parameter_facts"),
    "probe": (generate_patches, "with_probe"),
    "response": (generate_patches, "generation_response"),
    "failed response": (generate_patches, "prompt_only_response"),
    "start": (generation.Generation, "_start_span"),
    "step": (generation.Generation, "step"),
    "record": (generation.Generation, "_record"),
    "attributes": (generation, "span_attributes"),
    "usage": (generation, "usage_facts"),
    "steps": (generate_patches.DecodeSteps, "of"),
    "children": (generation.Generation, "_write_children"),
    "metrics start": (generation_metrics.GenerationMetrics, "started"),
    "metrics stop": (generation_metrics.GenerationMetrics, "stopped"),
    "metrics": (generation_metrics.GenerationMetrics, "record"),
}
UNOBSERVED = ("arguments", "request", "model facts", "start", "metrics start")


@pytest.fixture(autouse=True)
def trouble_is_the_subject(telemetry_trouble: Any) -> None:
    """Trouble that is kept from the user is what is tested here, not a fault."""
    telemetry_trouble.expected = True


def logged(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many warnings this project logged; none of them may quote anything."""
    assert SECRET not in caplog.text
    return sum(record.name == "paddle_otel" for record in caplog.records)


@pytest.mark.parametrize("place", PLACES)
def test_a_bug_of_ours_in_a_call_that_succeeds(
    instrumented: Instrumented, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """The caller gets the library's own result three times; one warning; the span is ended where there is one."""
    stub = instrumented.stub()
    monkeypatch.setattr(*PLACES[place], raising(RuntimeError(SECRET)))
    for _ in range(3):
        assert stub.model.generate(stub.input_ids) is stub.script.result
    assert logged(caplog) == (0 if place == "failed response" else 1)
    assert len(instrumented.recorder.spans("text_completion")) == (0 if place in UNOBSERVED else 3)


@pytest.mark.parametrize("place", PLACES)
def test_a_bug_of_ours_in_a_call_that_fails(
    instrumented: Instrumented, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """The library's exception arrives as it is three times, without a trace of ours in it."""
    stub = instrumented.stub()
    error = LookupError("the user's own")

    def on_step(step: int) -> None:
        if step == 1:
            raise error

    stub.script.on_step = on_step
    monkeypatch.setattr(*PLACES[place], raising(RuntimeError(SECRET)))
    for _ in range(3):
        error.__traceback__ = None
        with pytest.raises(LookupError) as caught:
            stub.model.generate(stub.input_ids)
        assert caught.value is error
        assert error.__context__ is error.__cause__ is None
        assert caught.traceback[-1].name == "on_step"
    assert logged(caplog) == (0 if place == "response" else 1)
    assert len(instrumented.recorder.spans("text_completion")) == (0 if place in UNOBSERVED else 3)


@pytest.mark.parametrize("place", ["request", "response", "step", "metrics"])
def test_the_next_call_is_observed_again(
    instrumented: Instrumented, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """After trouble that passes, the next call has its full span: nothing of the broken one is left."""
    stub = instrumented.stub()
    with monkeypatch.context() as broken:
        broken.setattr(*PLACES[place], raising(RuntimeError(SECRET)))
        stub.model.generate(stub.input_ids)
    instrumented.recorder.clear_spans()
    stub.model.generate(stub.input_ids)
    assert instrumented.attributes()["gen_ai.usage.output_tokens"] == 3
    assert len(instrumented.recorder.spans()) == 3


def test_a_result_of_another_kind(instrumented: Instrumented, caplog: pytest.LogCaptureFixture) -> None:
    """A model whose ``generate`` returns something else entirely: its result untouched, no warning.

    Why it ended is unknown; its tokens are those that were seen being made.
    """
    stub = instrumented.stub()
    for result in (None, "text", (), {"ids": 1}, 3, object()):
        stub.model.wrapped_up = returning(result)
        assert stub.model.generate(stub.input_ids) is result
    assert logged(caplog) == 0
    spans = [dict(span.attributes or {}) for span in instrumented.recorder.spans("text_completion")]
    assert [span.get("gen_ai.usage.output_tokens") for span in spans] == [3] * 6
    assert not any("gen_ai.response.finish_reasons" in span for span in spans)
    assert instrumented.recorder.point("paddle.tokens", gen_ai__token__type="output").value == 18


def test_a_configuration_that_cannot_be_made_without_arguments(instrumented: Instrumented) -> None:
    """A generation configuration of the user's own class, whose defaults cannot be looked up, harms no call."""
    stub = instrumented.stub()

    class Own:
        def __init__(self, needed: int) -> None:
            self.max_new_tokens = needed

    assert stub.model.generate(stub.input_ids, Own(3)) is stub.script.result
