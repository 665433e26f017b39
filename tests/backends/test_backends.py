"""The real Jaeger and Prometheus give back exactly what the OpenTelemetry SDK sent them over OTLP."""

import json
import uuid
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from backends.process import listening_ports
from backends.servers import BackendError, Jaeger, JaegerEvent, Metadata, NotFoundError, Prometheus

BOUNDS = [0.1, 1.0, 10.0]


@pytest.fixture
def service() -> str:
    """A service name that no other test uses."""
    return f"backend-test-{uuid.uuid4().hex[:8]}"


def tracer_provider(service: str, exporter: SpanExporter) -> TracerProvider:
    """Returns a provider that exports each span at its end."""
    provider = TracerProvider(resource=Resource({"service.name": service, "host.cpu.count": 2}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.fixture
def tracers(jaeger: Jaeger, service: str) -> Iterator[TracerProvider]:
    """A provider that exports to the Jaeger over HTTP."""
    provider = tracer_provider(service, OTLPSpanExporter(f"{jaeger.otlp_http_endpoint}/v1/traces"))
    yield provider
    provider.shutdown()


@pytest.fixture
def meters(prometheus: Prometheus, service: str) -> Iterator[MeterProvider]:
    """A provider that exports to the Prometheus when it is flushed."""
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(prometheus.otlp_metrics_endpoint), export_interval_millis=float("inf")
    )
    resource = Resource({"service.name": service, "service.instance.id": "one", "host.name": "here"})
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    yield provider
    provider.shutdown()


def test_jaeger_keeps_attribute_values_and_their_types(jaeger: Jaeger, tracers: TracerProvider, service: str) -> None:
    """Each attribute comes back with its value and type; a list comes back as a string of JSON."""
    sent = {"text": "täxt", "flag": True, "count": 7, "whole": 3.0, "big": 2**53 + 1, "numbers": [5, 6]}
    with tracers.get_tracer("scope", "1.2").start_as_current_span("parent", attributes=sent):
        pass
    (found,) = jaeger.wait_for_traces(service)
    (span,) = found.spans
    assert json.loads(str(span.attributes.pop("numbers"))) == [5, 6]
    assert {key: (value, type(value)) for key, value in span.attributes.items()} == {
        key: (value, type(value)) for key, value in sent.items() if key != "numbers"
    }
    assert span.attribute_types == {
        "text": "string",
        "flag": "bool",
        "count": "int64",
        "whole": "float64",
        "big": "int64",
        "numbers": "string",
    }
    assert (span.scope_name, span.scope_version, span.kind) == ("scope", "1.2", "internal")
    assert (span.service, span.resource["host.cpu.count"]) == (service, 2)
    assert (span.status, span.status_description, span.error) == ("UNSET", None, False)


def test_jaeger_keeps_the_shape_of_a_trace(jaeger: Jaeger, tracers: TracerProvider, service: str) -> None:
    """Parent and child, kind, times, error status, event and link of a span come back; `trace` finds it by its id."""
    linked = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    tracer = tracers.get_tracer("scope")
    parent = tracer.start_span("parent", kind=SpanKind.SERVER, start_time=1_700_000_000_000_001_000)
    within = trace.set_span_in_context(parent)
    child = tracer.start_span("child", within, links=[Link(linked)], start_time=1_700_000_000_000_002_000)
    child.add_event("token", {"index": 1}, timestamp=1_700_000_000_000_002_000)
    parent.add_link(child.get_span_context())  # within its own trace, and yet no parent of it
    child.set_status(StatusCode.ERROR, "it broke")
    child.end(1_700_000_000_000_005_000)
    parent.end(1_700_000_000_000_009_000)
    jaeger.wait_for_traces(service, lambda traces: [len(one.spans) for one in traces] == [2])
    found = jaeger.trace(f"{parent.get_span_context().trace_id:032x}")
    (root,) = found.roots()
    (below,) = found.children(root)
    assert (root.name, root.parent_id, root.kind) == ("parent", None, "server")
    assert root.span_id == f"{parent.get_span_context().span_id:016x}"
    assert (root.start_us, root.end_us) == (1_700_000_000_000_001, 1_700_000_000_000_009)
    assert root.links == ((found.trace_id, below.span_id),)
    assert (below.name, below.parent_id) == ("child", root.span_id)
    assert (below.start_us, below.end_us) == (1_700_000_000_000_002, 1_700_000_000_000_005)
    assert (below.status, below.status_description, below.error) == ("ERROR", "it broke", True)
    assert below.events == (JaegerEvent("token", 1_700_000_000_000_002, {"index": 1}),)
    assert below.links == ((f"{0xA1:032x}", f"{0xB2:016x}"),)
    assert found.named("child") == [below]


def test_jaeger_takes_spans_over_grpc(jaeger: Jaeger, service: str) -> None:
    """The gRPC endpoint leads to the same storage, and the service is then known by name."""
    provider = tracer_provider(service, GrpcSpanExporter(jaeger.otlp_grpc_endpoint, insecure=True))
    provider.get_tracer("scope").start_span("over gRPC").end()
    provider.shutdown()
    (found,) = jaeger.wait_for_traces(service)
    assert [span.name for span in found.spans] == ["over gRPC"]
    assert service in jaeger.services()


def test_jaeger_says_what_is_not_there(jaeger: Jaeger, service: str) -> None:
    """A service without spans has no traces, an unknown trace is an error, and waiting ends at its limit."""
    assert jaeger.traces(service) == []
    with pytest.raises(NotFoundError, match="404"):
        jaeger.trace("ab" * 16)
    with pytest.raises(BackendError, match=rf"traces of {service}: not there within 0\.1 s\. Seen last: \[\]"):
        jaeger.wait_for_traces(service, timeout_s=0.1)


def test_prometheus_keeps_counter_gauge_and_resource(
    prometheus: Prometheus, meters: MeterProvider, service: str
) -> None:
    """Names get their unit and suffix, labels and values come back, and the resource becomes `target_info`."""
    meter = meters.get_meter("scope")
    meter.create_counter("backend.tokens", "{token}", "Tokens.").add(42, {"gen_ai.token.type": "output"})
    meter.create_gauge("backend.gpu.utilization", "1", "How busy.").set(0.25, {"hw.id": "GPU-1"})
    meters.force_flush()
    (tokens,) = prometheus.wait_for(f'backend_tokens_total{{job="{service}"}}')
    assert (tokens.name, tokens.value) == ("backend_tokens_total", 42.0)
    assert tokens.labels == {"job": service, "instance": "one", "gen_ai_token_type": "output"}
    (gauge,) = prometheus.wait_for(f'backend_gpu_utilization_ratio{{job="{service}"}}')
    assert (gauge.value, gauge.labels["hw_id"]) == (0.25, "GPU-1")
    (info,) = prometheus.series(f'target_info{{job="{service}"}}')
    assert info.labels == {"job": service, "instance": "one", "host_name": "here"}
    (total,) = prometheus.query(f'sum(backend_tokens_total{{job="{service}"}})')
    assert (total.name, total.labels, total.value) == ("", {}, 42.0)


def test_prometheus_knows_type_and_unit_of_metrics(prometheus: Prometheus, meters: MeterProvider, service: str) -> None:
    """The metadata tells a counter, a gauge and a histogram apart and gives their units."""
    meter = meters.get_meter("scope")
    meter.create_counter("backend.seen.tokens", "{token}").add(1)
    meter.create_up_down_counter("backend.seen.memory", "By").add(1)
    meter.create_gauge("backend.seen.power", "W").set(3)
    meter.create_histogram("backend.seen.duration", "s").record(1)
    meters.force_flush()
    match = f'{{job="{service}",__name__!="target_info"}}'
    prometheus.wait_for(match, lambda samples: any(one.name == "backend_seen_power_watts" for one in samples))
    assert prometheus.metadata(match) == {
        "backend_seen_tokens_total": Metadata("counter", ""),
        "backend_seen_memory_bytes": Metadata("gauge", "bytes"),
        "backend_seen_power_watts": Metadata("gauge", "watts"),
        "backend_seen_duration_seconds_bucket": Metadata("histogram", "seconds"),
        "backend_seen_duration_seconds_count": Metadata("histogram", "seconds"),
        "backend_seen_duration_seconds_sum": Metadata("histogram", "seconds"),
    }


def test_an_exemplar_leads_from_prometheus_to_the_trace_in_jaeger(
    jaeger: Jaeger, prometheus: Prometheus, tracers: TracerProvider, meters: MeterProvider, service: str
) -> None:
    """Histogram buckets are as the instrument set them, and the exemplar's ids are those of the span in Jaeger."""
    histogram = meters.get_meter("scope").create_histogram(
        "backend.operation.duration", "s", "Time.", explicit_bucket_boundaries_advisory=BOUNDS
    )
    with tracers.get_tracer("scope").start_as_current_span("operation"):
        histogram.record(0.5)
    meters.force_flush()
    name = f'backend_operation_duration_seconds_bucket{{job="{service}"}}'
    buckets = {one.labels["le"]: one.value for one in prometheus.wait_for(name)}
    assert buckets == {"0.1": 0.0, "1": 1.0, "10": 1.0, "+Inf": 1.0}
    (exemplar,) = prometheus.query_exemplars(name)
    assert (exemplar.value, exemplar.series_labels["job"]) == (0.5, service)
    (found,) = jaeger.wait_for_traces(service)
    assert exemplar.labels == {"trace_id": found.trace_id, "span_id": found.spans[0].span_id}


def test_prometheus_says_what_is_not_there(prometheus: Prometheus) -> None:
    """A metric nobody sent gives no samples, waiting for it ends at its limit, and a wrong query is an error."""
    assert prometheus.query("backend_never_sent") == []
    with pytest.raises(BackendError, match=r"result of backend_never_sent: not there within 0\.1 s"):
        prometheus.wait_for("backend_never_sent", timeout_s=0.1)
    with pytest.raises(BackendError, match="400"):
        prometheus.query("not a query (")


def test_a_server_listens_on_loopback_and_is_gone_afterwards() -> None:
    """Ready means that it answers on its own ports; after the context its port is closed and its folder deleted."""
    with Prometheus() as server:
        folder, pid = server.folder, server.pid
        assert listening_ports(pid) == {server.port("http")}
        assert folder.exists()
    assert not folder.exists()
    assert listening_ports(pid) == set()
    with pytest.raises(BackendError, match="Connection refused"):
        server.query("vector(1)")
