"""A pipeline call that works in parts, as a generator does."""

import contextvars
import gc
import logging
import threading
from collections.abc import Generator
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span

from conftest import Trouble
from forked import in_child
from observed import raising, telemetry_on
from paddle_otel.decorators.generators import observed_generator
from paddle_otel.operations import pipeline as pipeline_module
from paddle_otel.operations.pipeline import PipelineCall, PipelineRequest, Pipelines
from recording import Recorder

MILLISECOND = 1_000_000


class Observed:
    """A pipeline's generator as an instrumentation observes it."""

    def __init__(self, call: PipelineCall) -> None:
        self._results = 0
        self.enter = call.enter
        self.leave = call.leave
        self._call = call

    def gave(self, value: Any) -> None:
        """Count it."""
        assert value
        self._results += 1

    def finished(self) -> None:
        """End it."""
        self._call.finish(self._results, exhausted=True)

    def closed(self) -> None:
        """End it."""
        self._call.finish(self._results, exhausted=False)

    def failed(self, error: BaseException) -> None:
        """End it."""
        self._call.fail(error, self._results)


@pytest.fixture
def pipelines(recorder: Recorder) -> Pipelines:
    """Pipelines on the recorder."""
    return Pipelines(telemetry_on(recorder))


def start(pipelines: Pipelines) -> PipelineCall:
    """Start a call."""
    call = pipelines.start(PipelineRequest("OCR", "paddlex"))
    assert call is not None
    return call


def observed(pipelines: Pipelines, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Return a generator that is a pipeline call."""
    return observed_generator(generator, lambda: Observed(start(pipelines)))


def spans_inside(count: int = 2) -> Generator[Span, None, None]:
    """Give what is current inside."""
    for _ in range(count):
        yield trace.get_current_span()


def span_id(span: Span | ReadableSpan) -> int:
    """Return the id of a span."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def said(recorder: Recorder) -> tuple[Any, Any, Any]:
    """Return results, exhaustion and error of the one call."""
    found = recorder.span("pipeline OCR").attributes or {}
    return (
        found.get("paddle.pipeline.results"),
        found.get("paddle.pipeline.exhausted"),
        found.get("error.type"),
    )


def test_from_the_first_value_to_the_end(recorder: Recorder, pipelines: Pipelines) -> None:
    """One span; it is current inside and never in between."""
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request") as request:
        generator = observed(pipelines, spans_inside())
        first = next(generator)
        assert trace.get_current_span() is request
        rest = list(generator)
        assert trace.get_current_span() is request
    span = recorder.span("pipeline OCR")
    assert {span_id(one) for one in (first, *rest)} == {span_id(span)}
    assert recorder.children(recorder.span("request")) == [span]
    assert said(recorder) == (2, True, None)


def test_it_is_below_what_was_current_at_the_first_value(recorder: Recorder, pipelines: Pipelines) -> None:
    """Made in one span, asked in another: the one who asked is the parent."""
    tracer = recorder.tracer_provider.get_tracer("user")
    with tracer.start_as_current_span("made"):
        generator = observed(pipelines, spans_inside())
    with tracer.start_as_current_span("asked"):
        next(generator)
    with tracer.start_as_current_span("later"):
        assert list(generator)
    assert [span.name for span in recorder.children(recorder.span("asked"))] == ["pipeline OCR"]
    assert recorder.children(recorder.span("later")) == []


@pytest.mark.parametrize("way", ["close", "del", "collector"])
def test_abandoned(recorder: Recorder, pipelines: Pipelines, way: str) -> None:
    """Closed or let go of, it ends there, not exhausted and no failure."""
    holder: list[Any] = [observed(pipelines, spans_inside())]
    next(holder[0])
    if way == "close":
        holder[0].close()
    elif way == "collector":
        holder.append(holder)
    del holder
    gc.collect()
    assert said(recorder) == (1, False, None)
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert recorder.point("paddle.pipeline.duration").count == 1


def test_never_asked(recorder: Recorder, pipelines: Pipelines) -> None:
    """No value was asked for: no call."""
    observed(pipelines, spans_inside()).close()
    assert recorder.spans() == []
    assert recorder.metrics() == {}


def test_a_failure_on_the_way(recorder: Recorder, pipelines: Pipelines) -> None:
    """The exception leaves as it is; the results before it are told."""

    def failing() -> Generator[int, None, None]:
        yield 1
        raise LookupError("mine")

    generator = observed(pipelines, failing())
    next(generator)
    with pytest.raises(LookupError, match="mine") as caught:
        next(generator)
    assert said(recorder) == (1, None, "LookupError")
    assert caught.value.__context__ is None


def test_in_turns_with_another(recorder: Recorder, pipelines: Pipelines) -> None:
    """Two at once: each finds its own span inside, and nothing is left of either."""
    first, second = (observed(pipelines, spans_inside(3)) for _ in range(2))
    found = [(next(first), next(second)) for _ in range(3)]
    assert len({span_id(one) for one, _ in found}) == 1
    assert len({span_id(two) for _, two in found}) == 1
    assert found[0][0] is not found[0][1]
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert (list(first), list(second)) == ([], [])
    assert len(recorder.spans("pipeline OCR")) == 2


def test_each_part_in_another_thread(
    recorder: Recorder, pipelines: Pipelines, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked from another thread each time, and from another context: nothing is left in any, nothing is logged."""
    generator = observed(pipelines, spans_inside(3))
    found: list[Span] = []
    left: list[Span] = []

    def ask() -> None:
        found.append(next(generator))
        left.append(trace.get_current_span())

    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        contextvars.copy_context().run(ask)
        assert list(generator) == []
    assert {span_id(one) for one in found} == {span_id(recorder.span("pipeline OCR"))}
    assert left == [trace.INVALID_SPAN] * 3
    assert caplog.records == []


def test_what_the_pipeline_makes_current(recorder: Recorder, pipelines: Pipelines) -> None:
    """A span that the pipeline itself keeps current over several values is current in each part, and only there."""
    tracer = recorder.tracer_provider.get_tracer("a pipeline")

    def with_a_span() -> Generator[Span, None, None]:
        with tracer.start_as_current_span("own"):
            yield trace.get_current_span()
            tracer.start_span("below own").end()
            yield trace.get_current_span()
        yield trace.get_current_span()

    generator = observed(pipelines, with_a_span())
    found: list[Span] = []
    for span in generator:
        assert trace.get_current_span() is trace.INVALID_SPAN
        found.append(span)
    own, call = recorder.span("own"), recorder.span("pipeline OCR")
    contexts = [span_id(one) for one in found]
    assert contexts == [span_id(own), span_id(own), span_id(call)]
    assert recorder.children(own) == [recorder.span("below own")]
    assert recorder.children(call) == [own]


def test_baggage_of_the_caller(pipelines: Pipelines) -> None:
    """What the caller carries when it asks for the first value is there in every part."""

    def reading() -> Generator[object, None, None]:
        for _ in range(2):
            yield baggage.get_baggage("tenant") or "none"

    token = otel_context.attach(baggage.set_baggage("tenant", "a"))
    generator = observed(pipelines, reading())
    found = [next(generator)]
    otel_context.detach(token)
    assert [*found, *generator] == ["a", "a"]


def test_the_time_between_two_values_is_not_the_pipeline_s(
    recorder: Recorder, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The duration is the time it worked; the span is as long as all of it."""
    now = [0]

    class _Time:
        @staticmethod
        def perf_counter_ns() -> int:
            return now[0]

        @staticmethod
        def time_ns() -> int:
            return 10**18 - now[0]  # it is set back all the time, which must not matter

    def working() -> Generator[int, None, None]:
        for _ in range(2):
            now[0] += 10 * MILLISECOND
            yield 1
        now[0] += 5 * MILLISECOND

    monkeypatch.setattr(pipeline_module, "time", _Time)
    for _ in observed(pipelines, working()):
        now[0] += 1000 * MILLISECOND
    span = recorder.span("pipeline OCR")
    assert recorder.point("paddle.pipeline.duration").value == 0.025
    assert (span.attributes or {})["paddle.pipeline.active_duration"] == 0.025
    assert (span.start_time, span.end_time) == (10**18, 10**18 + 2025 * MILLISECOND)


def test_a_context_that_cannot_be_entered(
    recorder: Recorder, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble
) -> None:
    """Then nothing is current inside, nothing is taken from the caller, and all is counted."""
    telemetry_trouble.expected = True
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request") as request:
        with monkeypatch.context() as broken:
            broken.setattr(otel_context, "attach", raising(RuntimeError("broken")))
            assert list(observed(pipelines, spans_inside())) == [request, request]
        assert trace.get_current_span() is request
    assert said(recorder) == (2, True, None)
    assert recorder.point("paddle.pipeline.duration").count == 1


def test_a_forked_child_does_not_end_it(recorder: Recorder, pipelines: Pipelines) -> None:
    """A child that lets go of its parent's generator reports nothing; the parent does."""
    generator = observed(pipelines, spans_inside())
    next(generator)

    def ended_without_a_word() -> bool:
        generator.close()
        return recorder.spans() == [] and recorder.points("paddle.pipeline.duration") == []

    assert in_child(ended_without_a_word) == 0
    assert len(list(generator)) == 1
    assert said(recorder) == (2, True, None)
