"""The three exporters: OpenTelemetry's own OTLP/JSON encoding, written to this process's files.

The official file exporters (``opentelemetry-exporter-otlp-json-file``) take their path in code only, hold a lock that
a forked child may inherit locked, and log every failed batch with a traceback. So their encoders and their metric
preferences are used here, and the writing is :class:`~paddle_otel.exporters.process_file.ProcessFile`.
"""

import io
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from opentelemetry.exporter.otlp.json.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.json.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.json.file.metric_exporter import FileMetricExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from paddle_otel.exporters.process_file import ProcessFile, Signal
from paddle_otel.guard import guard
from paddle_otel.settings import Settings

_Batch = TypeVar("_Batch")


class _Message(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


class _JsonLines(Generic[_Batch]):
    """Encodes batches of one signal and appends each as a line."""

    def __init__(
        self,
        signal: Signal,
        encode: Callable[[_Batch], _Message],
        resource_of: Callable[[_Batch], Resource | None],
    ) -> None:
        self._signal: Final[Signal] = signal
        self._encode = encode
        self._resource_of = resource_of
        self._file = ProcessFile(signal, Settings.from_environment())

    def export(self, batch: _Batch) -> bool:
        """Append a batch; an empty one is done without a line. Never raises an ``Exception``."""
        # Outside the file's lock: an encoder that logs may come back here with the log record.
        with guard(f"encoding {self._signal} as OTLP JSON"):
            resource = self._resource_of(batch)
            if resource is None:
                return True
            text = json.dumps(self._encode(batch).to_dict(), separators=(",", ":"))
            return self._file.append(text.encode() + b"\n", _service_name(resource))
        return False

    def shut_down(self) -> None:
        self._file.shut_down()


class JsonLinesSpanExporter(SpanExporter):
    """Writes spans to ``traces-SERVICE-PID.jsonl``; see :mod:`paddle_otel.exporters`."""

    def __init__(self) -> None:
        self._lines: _JsonLines[Sequence[ReadableSpan]] = _JsonLines("traces", encode_spans, _resource_of_spans)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write one line with these spans."""
        return SpanExportResult.SUCCESS if self._lines.export(spans) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the file."""
        self._lines.shut_down()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: every batch is with the operating system when its export returns."""
        del timeout_millis
        return True


class JsonLinesLogExporter(LogRecordExporter):
    """Writes log records and events to ``logs-SERVICE-PID.jsonl``; see :mod:`paddle_otel.exporters`."""

    def __init__(self) -> None:
        self._lines: _JsonLines[Sequence[ReadableLogRecord]] = _JsonLines("logs", encode_logs, _resource_of_logs)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Write one line with these records."""
        return LogRecordExportResult.SUCCESS if self._lines.export(batch) else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the file."""
        self._lines.shut_down()

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """Do nothing: every batch is with the operating system when its export returns."""
        del timeout_millis
        return True


class JsonLinesMetricExporter(FileMetricExporter):
    """Writes metrics to ``metrics-SERVICE-PID.jsonl``; see :mod:`paddle_otel.exporters`.

    Temporality and histogram aggregation come from ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`` and
    ``OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION``, as for every OTLP exporter: reading them is what is
    inherited. The stream given to the base is never written.
    """

    def __init__(self) -> None:
        super().__init__(stream=io.StringIO())
        self._lines: _JsonLines[MetricsData] = _JsonLines("metrics", encode_metrics, _resource_of_metrics)

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **kwargs: Any,
    ) -> MetricExportResult:
        """Write one line with these metrics."""
        del timeout_millis, kwargs
        return MetricExportResult.SUCCESS if self._lines.export(metrics_data) else MetricExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close the file."""
        del timeout_millis, kwargs
        self._lines.shut_down()


def _service_name(resource: Resource) -> str:
    return str(resource.attributes.get(SERVICE_NAME) or os.environ.get(OTEL_SERVICE_NAME) or "unknown_service")


def _resource_of_spans(spans: Sequence[ReadableSpan]) -> Resource | None:
    return spans[0].resource if spans else None


def _resource_of_logs(batch: Sequence[ReadableLogRecord]) -> Resource | None:
    return batch[0].resource if batch else None


def _resource_of_metrics(data: MetricsData) -> Resource | None:
    return data.resource_metrics[0].resource if data.resource_metrics else None
