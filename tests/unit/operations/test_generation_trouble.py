"""Broken telemetry around a generation: the caller goes on, the context is restored, what still works is written."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

from observed import INPUT, Generations, raising, telemetry_on, telemetry_to
from paddle_otel.operations.generation import Generation, current_generation
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.generation_metrics import GenerationMetrics
from recording import Recorder

RESPONSE = GenerationResponse(input_tokens=7, sequences_output_tokens=(3,), finish_reasons=("stop",))
SECRET = "the user's prompt"


@pytest.fixture(autouse=True)
def trouble_is_the_subject(telemetry_trouble: Any) -> None:
    """Trouble that is kept from the user is what is tested here, not a fault."""
    telemetry_trouble.expected = True


@pytest.fixture
def generations(recorder: Recorder) -> Generations:
    """Generations on the recorder."""
    return Generations(telemetry_on(recorder))


class BrokenProcessor(SpanProcessor):
    """A span processor of the user's that raises."""

    def __init__(self, when: str) -> None:
        setattr(self, when, raising(RuntimeError(SECRET)))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return this project's warnings; none of them may quote anything."""
    messages = [record.getMessage() for record in caplog.records if record.name == "paddle_otel"]
    assert not any(SECRET in message for message in messages)
    return messages


def assert_context_is_restored() -> None:
    """Nothing of a generation is left in the caller's context."""
    assert current_generation() is None
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert otel_context.get_current() == {}


ENDS: list[Callable[[Generation], None]] = [
    lambda generation: generation.finish(raising(RuntimeError(SECRET))),
    lambda generation: generation.fail(ValueError(SECRET), raising(RuntimeError(SECRET))),
]


@pytest.mark.parametrize("end", ENDS)
def test_a_response_that_cannot_be_read(
    recorder: Recorder, generations: Generations, caplog: pytest.LogCaptureFixture, end: Callable[[Generation], None]
) -> None:
    """Span, duration and children are written without the counts; logged once however often it happens."""
    for _ in range(3):
        generation = generations.start(sequences=1)
        generation.step()
        end(generation)
        assert_context_is_restored()
    assert len(warnings_in(caplog)) == 1
    assert len(recorder.spans("chat Qwen2-0.5B")) == len(recorder.spans("prefill")) == 3
    assert all("gen_ai.usage.input_tokens" not in (s.attributes or {}) for s in recorder.spans())
    assert sum(p.count for p in recorder.points("gen_ai.server.request.duration")) == 3
    assert recorder.points("paddle.tokens") == []


@pytest.mark.parametrize("when", ["on_start", "on_end"])
def test_a_broken_span_processor(recorder: Recorder, caplog: pytest.LogCaptureFixture, when: str) -> None:
    """A processor that raises costs spans at most; after ``on_end`` the metrics are complete."""
    provider = TracerProvider()
    provider.add_span_processor(BrokenProcessor(when))
    generations = Generations(telemetry_to(provider, recorder.meter_provider))
    for _ in range(2):
        generation = generations.start_if_possible()
        if generation is not None:
            generation.step()
            generation.step()
            generation.finish(lambda: RESPONSE)
        assert_context_is_restored()
        assert (generation is None) == (when == "on_start")
    warnings = warnings_in(caplog)
    assert warnings
    assert len(warnings) == len(set(warnings))
    if when == "on_end":
        assert recorder.point("gen_ai.server.request.duration").count == 2
        assert recorder.point("paddle.tokens", **INPUT).value == 14


def test_broken_instruments(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, generations: Generations) -> None:
    """Histograms that raise cost no span."""
    monkeypatch.setattr(type(generations.metrics._request_duration), "record", raising(RuntimeError(SECRET)))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - any histogram of the SDK
    generations.run(2, RESPONSE)
    assert_context_is_restored()
    assert (recorder.span("chat Qwen2-0.5B").attributes or {})["gen_ai.usage.output_tokens"] == 3
    assert len(recorder.spans()) == 3


@pytest.mark.parametrize("method", ["started", "stopped", "record"])
def test_a_bug_in_our_own_metrics(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller's context is restored and the span, if any, is ended, whichever of our methods raises."""
    generations = Generations(telemetry_on(recorder))
    monkeypatch.setattr(GenerationMetrics, method, raising(RuntimeError(SECRET)))
    tracer = recorder.tracer_provider.get_tracer("user")
    with tracer.start_as_current_span("request") as request:
        for _ in range(2):
            generation = generations.start_if_possible(single_sequence=True)
            if generation is not None:
                generation.step()
                generation.finish(lambda: RESPONSE)
            assert current_generation() is None
            assert trace.get_current_span() is request
    assert len(warnings_in(caplog)) == 1
    assert len(recorder.spans("chat m")) == (0 if method == "started" else 2)


def test_an_interrupt_while_budgets_are_asked(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, generations: Generations
) -> None:
    """Ctrl-C while a shared ledger does not answer: it reaches the program, and nothing of the generation goes on."""
    error = KeyboardInterrupt()
    with monkeypatch.context() as interrupted:
        interrupted.setattr("paddle_otel.operations.generation.OperationBudget", raising(error))
        with pytest.raises(KeyboardInterrupt) as caught:
            generations.start(single_sequence=True)
    assert caught.value is error
    assert_context_is_restored()
    span = recorder.span("chat Qwen2-0.5B")
    assert (span.attributes or {})["error.type"] == "KeyboardInterrupt"
    assert span.status.status_code is StatusCode.ERROR
    assert recorder.point("paddle.request.active").value == 0
    assert recorder.points("paddle.tokens") == []


def test_a_callback_that_raises(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that raises costs its own metric only."""
    monkeypatch.setattr(GenerationMetrics, "observe_tokens", raising(RuntimeError(SECRET)))
    Generations(telemetry_on(recorder)).run(3, RESPONSE)
    assert recorder.points("paddle.tokens") == []
    assert recorder.point("paddle.request.active").value == 0
    assert recorder.point("gen_ai.server.request.duration").count == 1


def test_our_own_span_processor_sees_ended_spans_only_once(recorder: Recorder, generations: Generations) -> None:
    """A generation ends its span once, also when its end is reported while telemetry is failing."""
    ended = list[ReadableSpan]()

    class Counting(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            ended.append(span)

    recorder.tracer_provider.add_span_processor(Counting())
    generation = generations.start()
    generation.finish(raising(RuntimeError()))
    assert len(ended) == 1
