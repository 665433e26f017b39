"""Tokenizer calls: metrics always, a span only where somebody will read it."""

import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from observed import Generations, raising, telemetry_on
from paddle_otel.conventions import metrics as m
from paddle_otel.identity import identify
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.tokenizer_call import Timer, TokenizerCalls
from recording import Recorder

ENCODE = {"paddle.tokenizer.class": "LlamaTokenizer", "paddle.tokenizer.direction": "encode"}


@pytest.fixture
def calls(recorder: Recorder) -> TokenizerCalls:
    """Tokenizer calls on the recorder."""
    return calls_on(recorder)


def calls_on(recorder: Recorder) -> TokenizerCalls:
    """Return tokenizer calls beside the observable instrument that they need."""
    telemetry = telemetry_on(recorder)
    telemetry.meters.observable(m.TOKENS, lambda: ())
    return TokenizerCalls(telemetry)


def timed(seconds: float = 0.002) -> Timer:
    """Return a timer that ran."""
    timer = Timer()
    time.sleep(seconds)
    timer.stop()
    return timer


def test_metrics_without_a_trace(recorder: Recorder, calls: TokenizerCalls) -> None:
    """Outside any span a call is a duration and a token count by class and direction, and no span."""
    timer = timed()
    calls.record("LlamaTokenizer", "encode", timer, 5)
    calls.record("LlamaTokenizer", "decode", timer, None)
    durations = {p.attributes["paddle.tokenizer.direction"]: p for p in recorder.points("paddle.tokenizer.duration")}
    assert dict(durations["encode"].attributes) == ENCODE
    assert durations["encode"].value == timer.seconds
    assert 0.002 <= timer.seconds < 60
    (tokens,) = recorder.points("paddle.tokenizer.tokens")
    assert (tokens.value, tokens.count, dict(tokens.attributes)) == (5, 1, ENCODE)
    assert tokens.bounds == m.TOKENIZER_TOKENS.buckets
    assert recorder.spans() == []


def test_who_asked(recorder: Recorder, calls: TokenizerCalls) -> None:
    """The span says it, the metrics do not."""
    request = recorder.tracer_provider.get_tracer("user").start_as_current_span("request")
    with request, identify(session="s-1", tenant="acme"):
        calls.record("LlamaTokenizer", "encode", timed(), 5)
    found = dict(recorder.span("tokenize LlamaTokenizer").attributes or {})
    assert (found["gen_ai.conversation.id"], found["paddle.tenant.id"]) == ("s-1", "acme")
    (tokens,) = recorder.points("paddle.tokenizer.tokens")
    assert dict(tokens.attributes) == ENCODE


@pytest.mark.parametrize(
    ("direction", "name"), [("encode", "tokenize LlamaTokenizer"), ("decode", "detokenize LlamaTokenizer")]
)
def test_span_under_a_recording_span(recorder: Recorder, calls: TokenizerCalls, direction: Any, name: str) -> None:
    """Inside a trace it is also a span, back-dated to the call."""
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        timer = timed()
        calls.record("LlamaTokenizer", direction, timer, 5)
    span, request = recorder.span(name), recorder.span("request")
    assert recorder.children(request) == [span]
    assert dict(span.attributes or {}) == {"paddle.tokenizer.class": "LlamaTokenizer", "paddle.tokenizer.tokens": 5}
    assert (span.kind, span.status.status_code) == (SpanKind.INTERNAL, StatusCode.UNSET)
    assert span.start_time is not None
    assert span.end_time is not None
    assert request.start_time is not None
    assert request.end_time is not None
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(timer.seconds, abs=0.001)
    # Both clocks are read one after the other, so the two spans may differ by what lies between.
    assert request.start_time - 1_000_000 <= span.start_time < span.end_time <= request.end_time + 1_000_000


def test_unknown_tokens_are_absent(recorder: Recorder, calls: TokenizerCalls) -> None:
    """What was not counted is neither an attribute nor a value."""
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        calls.record("T", "encode", timed(0))
    assert dict(recorder.span("tokenize T").attributes or {}) == {"paddle.tokenizer.class": "T"}
    assert recorder.points("paddle.tokenizer.tokens") == []


def test_no_tokens_is_a_count(recorder: Recorder, calls: TokenizerCalls) -> None:
    """An empty text has 0 tokens, and that is known."""
    calls.record("T", "encode", timed(0), 0)
    assert (recorder.point("paddle.tokenizer.tokens").count, recorder.point("paddle.tokenizer.tokens").value) == (1, 0)


def test_a_failure(recorder: Recorder, calls: TokenizerCalls) -> None:
    """``error.type`` is on the duration and on the span, whose status is ERROR; the message is nowhere."""
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        calls.record("T", "encode", timed(0), error=KeyError("the prompt"))
    span = recorder.span("tokenize T")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "KeyError")
    assert dict(span.attributes or {}) == {"paddle.tokenizer.class": "T", "error.type": "KeyError"}
    assert "the prompt" not in span.to_json()
    assert recorder.point("paddle.tokenizer.duration").attributes["error.type"] == "KeyError"
    assert recorder.points("paddle.tokenizer.tokens") == []


def test_no_span_inside_a_generation(recorder: Recorder, calls: TokenizerCalls) -> None:
    """A streamer decodes at every token: metrics only."""
    generation = Generations(telemetry_on(recorder)).start()
    calls.record("T", "decode", timed(0), 1)
    generation.finish(GenerationResponse)
    assert [span.name for span in recorder.spans()] == ["chat Qwen2-0.5B"]
    assert recorder.point("paddle.tokenizer.duration").count == 1


def test_no_span_under_a_trace_that_is_not_sampled() -> None:
    """Where the trace is not recorded the call is a metric only."""
    recorder = Recorder(sampler=ALWAYS_OFF)
    calls = calls_on(recorder)
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        calls.record("T", "encode", timed(0), 1)
    assert recorder.spans() == []
    assert recorder.point("paddle.tokenizer.duration").count == 1


def test_broken_telemetry_does_not_reach_the_caller(
    recorder: Recorder, calls: TokenizerCalls, telemetry_trouble: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A span processor that raises is logged once; durations and counts are there."""
    telemetry_trouble.expected = True
    processor = SpanProcessor()
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        setattr(processor, "on_start", raising(RuntimeError("the prompt")))  # noqa: B010 - not assignable for pyright
        recorder.tracer_provider.add_span_processor(processor)
        calls.record("T", "encode", timed(0), 1)
        calls.record("T", "encode", timed(0), 1)
    assert len([r for r in caplog.records if r.name == "paddle_otel"]) == 1
    assert "the prompt" not in caplog.text
    assert recorder.point("paddle.tokenizer.duration").count == recorder.point("paddle.tokenizer.tokens").count == 2


def test_broken_instruments_cost_no_span(
    recorder: Recorder, calls: TokenizerCalls, telemetry_trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A histogram that raises leaves the span."""
    telemetry_trouble.expected = True
    monkeypatch.setattr("paddle_otel.deferred_histogram.DeferredHistogram.record", raising(RuntimeError("broken")))
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        calls.record("T", "encode", timed(0), 1)
    assert recorder.span("tokenize T")


def test_a_wall_clock_that_is_set_back(
    recorder: Recorder, calls: TokenizerCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock is asked once: the span is as long as the call, wherever the clock goes meanwhile."""
    walls = iter([10**18, 10**17])
    monkeypatch.setattr("paddle_otel.operations.tokenizer_call.unix_ns", lambda _: next(walls))  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    timer = timed()
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        calls.record("T", "encode", timer)
    span = recorder.span("tokenize T")
    assert (span.start_time, span.end_time) == (10**18, 10**18 + timer.end_ns - timer.start_ns)
