"""What the exporters write is OTLP/JSON: read back, it equals the official protobuf encoding of the same data."""

import base64
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from paddle_otel.exporters import log_exporter, metric_exporter, span_exporter

RESOURCE = Resource({"service.name": "shop", "paddle.rank": 3})
ATTRIBUTES = {
    "text": "聊天 \N{GRINNING FACE} \n",
    "large": 2**63 - 1,
    "negative": -(2**63),
    "ratio": 0.25,
    "not a number": math.nan,
    "infinite": -math.inf,
    "flag": False,
    "list": (1, 2, 3),
    "none": (),
}


@pytest.fixture(autouse=True)
def files_in_an_own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the files of every test to its own directory."""
    for name in [name for name in os.environ if name.startswith("PADDLE_OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PADDLE_OTEL_FILE_DIRECTORY", str(tmp_path))


def two_spans() -> Sequence[ReadableSpan]:
    """Make a failed child with everything a span can hold, and its parent."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope", "1.2", "https://example.org/schema", {"scope.key": "value"})
    linked = trace.SpanContext(0xABC, 0xDEF, is_remote=True, trace_state=trace.TraceState([("vendor", "1")]))
    with tracer.start_as_current_span("parent", kind=trace.SpanKind.SERVER):
        child = tracer.start_span("child", kind=trace.SpanKind.CLIENT, attributes=ATTRIBUTES)
        child.add_link(linked, {"link.key": 1})
        child.add_event("event", {"event.key": 1.5}, timestamp=17)
        child.set_status(trace.StatusCode.ERROR, "why")
        child.end()
    return memory.get_finished_spans()


def metrics_of_every_kind() -> MetricsData:
    """Make one metric of each instrument, the histogram with an exemplar."""
    reader = InMemoryMetricReader()
    exponential = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider([reader], RESOURCE, views=[exponential])
    meter = provider.get_meter("scope", "1.2")

    def observe(options: CallbackOptions) -> list[Observation]:
        del options
        return [Observation(7, {"hw.id": "GPU-1"}), Observation(0.5, {"hw.id": "GPU-2"})]

    meter.create_counter("counter", unit="{token}", description="d").add(2**62, ATTRIBUTES)
    meter.create_up_down_counter("up_down").add(-2)
    meter.create_observable_counter("observable_counter", [observe])
    meter.create_observable_up_down_counter("observable_up_down", [observe])
    meter.create_observable_gauge("observable_gauge", [observe], unit="1")
    parent = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, False, trace.TraceFlags(1)))
    with trace.use_span(parent):
        meter.create_histogram("histogram", explicit_bucket_boundaries_advisory=[0.1, 1, 10]).record(0.5, {"k": "v"})
    for value in (0.0, 0.001, 1000):
        meter.create_histogram("exponential").record(value)
    data = cast("MetricsData", reader.get_metrics_data())
    provider.shutdown()
    return data


def two_log_records() -> Sequence[ReadableLogRecord]:
    """Make an event with a nested body inside a span, and a plain record outside any."""
    memory = InMemoryLogRecordExporter()
    provider = LoggerProvider(RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
    logger = provider.get_logger("scope", "1.2")
    span = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, False, trace.TraceFlags(1)))
    logger.emit(
        LogRecord(
            timestamp=17,
            observed_timestamp=18,
            context=trace.set_span_in_context(span),
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body={"tokens": {"in": 2**40, "out": [1, 2]}, "raw": b"\x00\xff", "missing": None},
            attributes=ATTRIBUTES,
            event_name="paddle.usage",
        )
    )
    logger.emit(LogRecord(timestamp=19, observed_timestamp=20, body="plain"))
    provider.shutdown()
    return memory.get_finished_logs()


def only_line(directory: Path) -> str:
    """Read the one line of the one file that was written."""
    (path,) = directory.iterdir()
    (line,) = path.read_text(encoding="utf-8").splitlines()
    return line


def with_base64_ids(value: Any) -> Any:
    """Turn OTLP/JSON into protobuf's JSON, which differs in the encoding of ids only."""
    if isinstance(value, list):
        return [with_base64_ids(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode()
            if key in {"traceId", "spanId", "parentSpanId"}
            else with_base64_ids(item)
            for key, item in cast("dict[str, Any]", value).items()
        }
    return value


def protobuf_json(message: Message) -> dict[str, Any]:
    """Give a message in a form that can be compared: in protobuf itself, NaN differs from NaN."""
    return json_format.MessageToDict(message)


def test_spans_are_otlp(tmp_path: Path) -> None:
    """Parents, kinds, links, events, status and attributes of every type arrive."""
    spans = two_spans()
    exporter = span_exporter()
    exporter.export(spans)
    exporter.shutdown()
    read = json_format.ParseDict(with_base64_ids(json.loads(only_line(tmp_path))), ExportTraceServiceRequest())
    assert protobuf_json(read) == protobuf_json(encode_spans(spans))


def test_metrics_are_otlp(tmp_path: Path) -> None:
    """Every kind of instrument, bucket bounds and exemplars arrive."""
    data = metrics_of_every_kind()
    exporter = metric_exporter()
    exporter.export(data)
    exporter.shutdown()
    read = json_format.ParseDict(with_base64_ids(json.loads(only_line(tmp_path))), ExportMetricsServiceRequest())
    assert protobuf_json(read) == protobuf_json(encode_metrics(data))


def test_logs_are_otlp(tmp_path: Path) -> None:
    """Events with their name, nested bodies and the span they belong to arrive."""
    records = two_log_records()
    exporter = log_exporter()
    exporter.export(records)
    exporter.shutdown()
    read = json_format.ParseDict(with_base64_ids(json.loads(only_line(tmp_path))), ExportLogsServiceRequest())
    assert protobuf_json(read) == protobuf_json(encode_logs(records))


def test_json_types_are_those_of_otlp(tmp_path: Path) -> None:
    """Ids are lower-case hex, enumerations numbers, 64-bit integers strings, special floats words (OTLP 1.x, JSON)."""
    spans = two_spans()
    exporter = span_exporter()
    exporter.export(spans)
    exporter.shutdown()
    child = json.loads(only_line(tmp_path))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    context = cast("trace.SpanContext", spans[0].context)
    assert child["traceId"] == f"{context.trace_id:032x}"
    assert child["spanId"] == f"{context.span_id:016x}"
    assert child["kind"] == 3
    assert child["status"]["code"] == 2
    assert child["startTimeUnixNano"] == str(spans[0].start_time)
    values = {attribute["key"]: attribute["value"] for attribute in child["attributes"]}
    assert values["large"] == {"intValue": "9223372036854775807"}
    assert values["ratio"] == {"doubleValue": 0.25}
    assert values["not a number"] == {"doubleValue": "NaN"}
    assert values["infinite"] == {"doubleValue": "-Infinity"}
    assert values["flag"] == {"boolValue": False}


def test_metrics_follow_the_preferences_of_otlp_exporters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables for temporality and histogram aggregation of the other OTLP exporters hold here too."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")
    provider = MeterProvider([PeriodicExportingMetricReader(metric_exporter(), export_interval_millis=math.inf)])
    provider.get_meter("scope").create_histogram("histogram").record(1)
    provider.force_flush()
    provider.shutdown()
    (metric,) = json.loads(only_line(tmp_path))["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert metric["exponentialHistogram"]["aggregationTemporality"] == 1
