"""One call of a pipeline: a span around everything that happens in it, and its duration."""

import os
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel import instruments
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions import spans
from paddle_otel.guard import guard, guarded
from paddle_otel.identity import current_identity
from paddle_otel.operations.current_span import CurrentSpan
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.meters import Meters
from paddle_otel.operations.telemetry import Telemetry

_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class PipelineRequest(NamedTuple):
    """What is known before a pipeline call.

    Attributes:
        name: The pipeline, in its library's words.
        library: ``paddlenlp``, ``paddlex`` or ``paddleocr``.
        inputs: How many inputs it was given, ``None`` when that cannot be told without consuming them.
        attributes: More span attributes, only those that are known.
    """

    name: str
    library: str
    inputs: int | None = None
    attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES


class PipelineMetrics:
    """The instrument of pipelines.

    Args:
        meters: Where it is created.
    """

    def __init__(self, meters: Meters) -> None:
        self.duration: Final = instruments.histogram(meters.meter, m.PIPELINE_DURATION)


class Pipelines:
    """Records the pipeline calls of one instrumentor.

    Args:
        telemetry: Where they go.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry: Final = telemetry
        self.metrics: Final = telemetry.meters.shared(PipelineMetrics)

    @guarded("starting a pipeline span")
    def start(self, request: PipelineRequest) -> "PipelineCall":
        """Start the span. It is not current yet: :meth:`PipelineCall.enter` makes it so.

        Returns:
            The call, or ``None`` when telemetry failed: it then goes unobserved.
        """
        return PipelineCall(self, request)


class PipelineCall:
    """One pipeline call; exactly one of :meth:`finish` and :meth:`fail` ends it.

    It may work in several parts, as a generator does: each is between :meth:`enter` and :meth:`leave`, in which its
    span is the current one, or what the pipeline itself made current in an earlier part. Between two parts nothing of
    it is left in the caller's context. A part ends in the thread in which it began; the next may be in another one.

    Args:
        pipelines: Where it goes.
        request: What is known before.
    """

    __slots__ = (
        "_active_ns",
        "_current",
        "_entered_ns",
        "_pipelines",
        "_process",
        "_request",
        "_span",
        "_start_ns",
        "_start_unix_ns",
    )

    def __init__(self, pipelines: Pipelines, request: PipelineRequest) -> None:
        self._pipelines = pipelines
        self._request = request
        attributes: dict[str, AttributeValue] = {
            a.PADDLE_PIPELINE_NAME: request.name,
            a.PADDLE_PIPELINE_LIBRARY: request.library,
            **request.attributes,
            **current_identity().attributes,
        }
        if request.inputs is not None:
            attributes[a.PADDLE_PIPELINE_INPUTS] = request.inputs
        self._active_ns = 0
        self._entered_ns = 0
        self._process = os.getpid()
        self._start_unix_ns = time.time_ns()
        self._start_ns = time.perf_counter_ns()
        self._span = pipelines.telemetry.tracer.start_span(
            spans.pipeline(request.name), attributes=attributes, start_time=self._start_unix_ns
        )
        self._current = CurrentSpan(self._span)

    def enter(self) -> None:
        """Begin a part of the work, in this thread or task."""
        with guard("entering a pipeline"):
            self._entered_ns = time.perf_counter_ns()
            self._current.enter()

    def leave(self) -> None:
        """End a part of the work, where it began."""
        with guard("leaving a pipeline"):
            self._active_ns += time.perf_counter_ns() - self._entered_ns
            self._current.leave()

    def finish(self, results: int | None = None, *, exhausted: bool | None = None) -> None:
        """End a call that returned, or a generator that came to its end or was closed.

        Args:
            results: How many results it gave, if known.
            exhausted: Of a generator, whether it came to its end; ``None`` for a plain call.
        """
        self._end(results, exhausted, None)

    def fail(self, error: BaseException, results: int | None = None) -> None:
        """End a call that raised.

        Args:
            error: What it raised; its class is recorded, its message is not.
            results: How many results it gave before, if known.
        """
        self._end(results, None, error_type(error))

    def _end(self, results: int | None, exhausted: bool | None, error: str | None) -> None:
        end_ns = time.perf_counter_ns()
        if self._process != os.getpid():
            return  # a forked child ends a generator that its parent goes on with; the parent reports it
        try:
            # Each in its own guard: broken instruments cost metrics, not spans, and the other way round.
            with guard("recording the duration of a pipeline"):
                self._record(error)
            with guard("describing a pipeline"):
                self._describe(results, exhausted, error)
        finally:
            with guard("ending a pipeline span"):  # also when somebody presses Ctrl-C just now
                self._span.end(self._start_unix_ns + (end_ns - self._start_ns))

    def _record(self, error: str | None) -> None:
        request = self._request
        labels = {a.PADDLE_PIPELINE_NAME: request.name, a.PADDLE_PIPELINE_LIBRARY: request.library}
        if error is not None:
            labels[a.ERROR_TYPE] = error
        self._pipelines.metrics.duration.record(self._active_ns / 1e9, labels, self._current.context)

    def _describe(self, results: int | None, exhausted: bool | None, error: str | None) -> None:
        found: dict[str, AttributeValue] = {a.PADDLE_PIPELINE_ACTIVE_DURATION: self._active_ns / 1e9}
        if results is not None:
            found[a.PADDLE_PIPELINE_RESULTS] = results
        if exhausted is not None:
            found[a.PADDLE_PIPELINE_EXHAUSTED] = exhausted
        if error is not None:
            found[a.ERROR_TYPE] = error
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.set_attributes(found)
