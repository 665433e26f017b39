"""An OpenTelemetry SDK that keeps what it is given, and reads it back by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler


@dataclass(frozen=True)
class Point:
    """One data point.

    Attributes:
        attributes: Its attributes.
        value: A number, or the sum of a histogram.
        count: Of a histogram; 1 for a number.
        bounds: Bucket bounds of a histogram.
        exemplar_trace_ids: Trace ids of its exemplars.
    """

    attributes: Mapping[str, Any]
    value: float
    count: int = 1
    bounds: tuple[float, ...] = ()
    exemplar_trace_ids: tuple[int, ...] = ()


class Recorder:
    """A tracer provider, a meter provider and a logger provider in memory."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        # What ends at exit is kept until then, with all that was recorded in it: thousands of tests, which then fork.
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self._log_exporter = InMemoryLogRecordExporter()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._log_exporter))

    @property
    def providers(self) -> dict[str, Any]:
        """Keyword arguments for ``instrument()``."""
        return {
            "tracer_provider": self.tracer_provider,
            "meter_provider": self.meter_provider,
            "logger_provider": self.logger_provider,
        }

    def events(self, name: str) -> list[LogRecord]:
        """Return the events of this name, in the order they were emitted."""
        records = [one.log_record for one in self._log_exporter.get_finished_logs()]
        return [record for record in records if record.event_name == name]

    def event(self, name: str) -> LogRecord:
        """Return the one event of this name."""
        found = self.events(name)
        assert len(found) == 1, f"{len(found)} events {name}"
        return found[0]

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Return the finished spans, all or those of one name, in the order they ended."""
        finished = self._exporter.get_finished_spans()
        return [span for span in finished if name is None or span.name == name]

    def span(self, name: str) -> ReadableSpan:
        """Return the one finished span of this name."""
        found = self.spans(name)
        assert len(found) == 1, f"{len(found)} spans {name!r} among {[span.name for span in self.spans()]}"
        return found[0]

    def children(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Return the finished spans right below a span."""
        assert parent.context is not None
        return [s for s in self.spans() if s.parent is not None and s.parent.span_id == parent.context.span_id]

    def clear_spans(self) -> None:
        """Forget the finished spans."""
        self._exporter.clear()

    def metrics(self) -> dict[str, Metric]:
        """Collect, and return all metrics by name."""
        data = self._reader.get_metrics_data()
        found: dict[str, Metric] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    assert metric.name not in found, f"{metric.name} comes from two scopes"
                    found[metric.name] = metric
        return found

    def points(self, name: str) -> list[Point]:
        """Collect, and return the data points of a metric; none when the metric is absent."""
        metric = self.metrics().get(name)
        return [] if metric is None else [_point(point) for point in metric.data.data_points]

    def point(self, name: str, **attributes: Any) -> Point:
        """Collect, and return the one point of a metric that carries these attributes (``.`` written as ``__``)."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        points = self.points(name)
        found = [point for point in points if wanted.items() <= dict(point.attributes).items()]
        assert len(found) == 1, f"{len(found)} points of {name} with {wanted} among {points}"
        return found[0]


def _point(point: Any) -> Point:
    attributes = dict(point.attributes)
    traces = tuple(exemplar.trace_id for exemplar in point.exemplars if exemplar.trace_id)
    if isinstance(point, HistogramDataPoint):
        return Point(attributes, point.sum, point.count, tuple(point.explicit_bounds), traces)
    assert isinstance(point, NumberDataPoint)
    return Point(attributes, point.value, exemplar_trace_ids=traces)
