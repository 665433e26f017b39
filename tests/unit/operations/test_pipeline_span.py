"""A pipeline call as a span and as a duration."""

import threading
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from conftest import Trouble
from observed import raising, telemetry_on
from paddle_otel.conventions import metrics as m
from paddle_otel.identity import identify
from paddle_otel.operations.pipeline import PipelineCall, PipelineRequest, Pipelines
from recording import Recorder

IDENTITY = {
    "paddle.request.id": "r-1",
    "gen_ai.conversation.id": "s-1",
    "enduser.id": "u-1",
    "paddle.tenant.id": "acme",
}
LABELS = {"paddle.pipeline.name": "OCR", "paddle.pipeline.library": "paddlex"}


@pytest.fixture
def pipelines(recorder: Recorder) -> Pipelines:
    """Pipelines on the recorder."""
    return Pipelines(telemetry_on(recorder))


def start(pipelines: Pipelines, **request: Any) -> PipelineCall:
    """Start a call."""
    call = pipelines.start(PipelineRequest("OCR", "paddlex", **request))
    assert call is not None
    return call


def test_a_plain_call(recorder: Recorder, pipelines: Pipelines) -> None:
    """Name, library, inputs and results; what happens inside is below it; nothing is current afterwards."""
    tracer = recorder.tracer_provider.get_tracer("user")
    with tracer.start_as_current_span("request") as request:
        call = start(pipelines, inputs=3, attributes={"paddle.device": "cpu"})
        assert trace.get_current_span() is request
        call.enter()
        tracer.start_span("inside").end()
        call.leave()
        assert trace.get_current_span() is request
    call.finish(2)  # outside any span: what ties the duration to its span is the call's own context
    span = recorder.span("pipeline OCR")
    found = dict(span.attributes or {})
    active = found.pop("paddle.pipeline.active_duration")
    assert found == {
        **LABELS,
        "paddle.device": "cpu",
        "paddle.pipeline.inputs": 3,
        "paddle.pipeline.results": 2,
    }
    assert isinstance(active, float)
    assert (span.kind, span.status.status_code) == (SpanKind.INTERNAL, StatusCode.UNSET)
    assert recorder.children(recorder.span("request")) == [span]
    assert recorder.children(span) == [recorder.span("inside")]
    duration = recorder.point("paddle.pipeline.duration")
    assert (dict(duration.attributes), duration.count, duration.value) == (LABELS, 1, active)
    assert duration.bounds == m.PIPELINE_DURATION.buckets
    assert span.context is not None
    assert duration.exemplar_trace_ids == (span.context.trace_id,)
    assert set(recorder.metrics()) == {"paddle.pipeline.duration"}


def test_who_asked(recorder: Recorder, pipelines: Pipelines) -> None:
    """The span says it, the metric does not."""
    with identify(request="r-1", session="s-1", user="u-1", tenant="acme"):
        call = start(pipelines)
    call.finish()
    found = dict(recorder.span("pipeline OCR").attributes or {})
    assert {name: found[name] for name in IDENTITY} == IDENTITY
    assert dict(recorder.point("paddle.pipeline.duration").attributes) == LABELS


def test_what_is_unknown_is_absent(recorder: Recorder, pipelines: Pipelines) -> None:
    """No inputs, no results, no generator: nothing is said of them."""
    call = start(pipelines)
    call.enter()
    call.leave()
    call.finish()
    found = dict(recorder.span("pipeline OCR").attributes or {})
    assert set(found) == {*LABELS, "paddle.pipeline.active_duration"}


def test_none_is_a_count(recorder: Recorder, pipelines: Pipelines) -> None:
    """No inputs and no results, where that is known, are 0; a generator that was closed says so."""
    start(pipelines, inputs=0).finish(0, exhausted=False)
    found = dict(recorder.span("pipeline OCR").attributes or {})
    assert (found["paddle.pipeline.inputs"], found["paddle.pipeline.results"]) == (0, 0)
    assert found["paddle.pipeline.exhausted"] is False
    assert found["paddle.pipeline.active_duration"] == 0.0


@pytest.mark.parametrize("error", [OSError("/home/me/secret"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_a_failure(recorder: Recorder, pipelines: Pipelines, error: BaseException) -> None:
    """Status ERROR and ``error.type`` on span and duration; results that came before are told; no message."""
    call = start(pipelines)
    call.enter()
    call.leave()
    call.fail(error, 1)
    span, kind = recorder.span("pipeline OCR"), type(error).__name__
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, kind)
    found = dict(span.attributes or {})
    assert (found["error.type"], found["paddle.pipeline.results"]) == (kind, 1)
    assert "paddle.pipeline.exhausted" not in found
    assert "secret" not in span.to_json()
    assert dict(recorder.point("paddle.pipeline.duration").attributes) == {**LABELS, "error.type": kind}
    assert (error.__context__, error.__cause__, error.__traceback__) == (None, None, None)


def test_a_pipeline_inside_a_pipeline(recorder: Recorder, pipelines: Pipelines) -> None:
    """The inner span is below the outer one, whose context comes back."""
    outer = start(pipelines)
    outer.enter()
    inner = pipelines.start(PipelineRequest("layout", "paddlex"))
    assert inner is not None
    inner.enter()
    inner.leave()
    inner.finish()
    between = trace.get_current_span()
    outer.leave()
    outer.finish()
    assert recorder.children(recorder.span("pipeline OCR")) == [recorder.span("pipeline layout")]
    assert between.get_span_context() == recorder.span("pipeline OCR").get_span_context()


def test_calls_of_many_threads(recorder: Recorder, pipelines: Pipelines) -> None:
    """Eight threads, each with its own current span, count every call once."""
    tracer = recorder.tracer_provider.get_tracer("user")

    def work(number: int) -> None:
        for _ in range(20):
            call = start(pipelines)
            call.enter()
            tracer.start_span(f"inside {number}").end()
            call.leave()
            call.finish(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.point("paddle.pipeline.duration").count == 160
    for span in recorder.spans("pipeline OCR"):
        number = (span.attributes or {})["paddle.pipeline.results"]
        assert [child.name for child in recorder.children(span)] == [f"inside {number}"]


def test_broken_instruments(recorder: Recorder, pipelines: Pipelines, telemetry_trouble: Trouble) -> None:
    """A histogram that raises costs metrics, not spans."""
    telemetry_trouble.expected = True
    setattr(pipelines.metrics.duration, "record", raising(RuntimeError("broken")))  # noqa: B010 - not assignable for pyright
    start(pipelines).finish(1)
    assert (recorder.span("pipeline OCR").attributes or {})["paddle.pipeline.results"] == 1
    assert recorder.points("paddle.pipeline.duration") == []


def test_a_broken_span(recorder: Recorder, pipelines: Pipelines, telemetry_trouble: Trouble) -> None:
    """A span that takes no attributes is ended all the same, and the duration is counted."""
    telemetry_trouble.expected = True
    call = start(pipelines)
    span = call._span  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - what breaks is the SDK's
    setattr(span, "set_attributes", raising(RuntimeError("broken")))  # noqa: B010 - not assignable for pyright
    call.finish(1)
    assert recorder.span("pipeline OCR")
    assert recorder.point("paddle.pipeline.duration").count == 1


@pytest.mark.parametrize("hook", ["on_start", "on_end"])
def test_a_broken_processor(recorder: Recorder, pipelines: Pipelines, telemetry_trouble: Trouble, hook: str) -> None:
    """A span processor that raises reaches nobody and leaves nothing current."""
    telemetry_trouble.expected = True
    processor = SpanProcessor()
    setattr(processor, hook, raising(RuntimeError("broken")))
    recorder.tracer_provider.add_span_processor(processor)
    call = pipelines.start(PipelineRequest("OCR", "paddlex"))
    assert (call is None) is (hook == "on_start")
    if call is not None:
        call.enter()
        call.leave()
        call.finish()
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_ctrl_c_while_it_is_recorded(recorder: Recorder, pipelines: Pipelines) -> None:
    """Ctrl-C is the program's, and the span ends all the same."""
    setattr(pipelines.metrics.duration, "record", raising(KeyboardInterrupt()))  # noqa: B010 - not assignable for pyright
    with pytest.raises(KeyboardInterrupt):
        start(pipelines).finish()
    assert len(recorder.spans("pipeline OCR")) == 1
