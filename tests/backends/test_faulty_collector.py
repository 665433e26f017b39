"""Each mode of the faulty collector goes wrong in the way that its name says."""

import http.client
import threading
import time
from urllib.parse import urlsplit

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from backends.faulty_collector import FaultyCollector, Mode
from backends.queries import wait_until

BODY = b"x" * 200_000  # more than fits into the socket buffers' first segment
TIMEOUT_S = 5.0


def post(collector: FaultyCollector, timeout_s: float = TIMEOUT_S) -> tuple[int, str | None, bytes]:
    """Sends one export-like request; returns status, Retry-After and body of the answer."""
    connection = http.client.HTTPConnection(urlsplit(collector.endpoint).netloc, timeout=timeout_s)
    try:
        connection.request("POST", "/v1/traces", BODY, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        return response.status, response.getheader("Retry-After"), response.read()
    finally:
        connection.close()


def test_accept_keeps_what_a_real_exporter_sent() -> None:
    """Every request is answered 200 and kept with path, headers and body."""
    provider = TracerProvider(shutdown_on_exit=False)
    with FaultyCollector() as collector:
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.endpoint}/v1/traces")))
        provider.get_tracer("scope").start_span("kept").end()
        provider.get_tracer("scope").start_span("kept too").end()
        provider.shutdown()
    assert collector.requests == 2
    first = collector.received[0]
    assert (first.path, first.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
    assert b"kept" in first.body


def test_unavailable_answers_503_and_when_to_come_back() -> None:
    """The answer is 503 with Retry-After, and the request is counted."""
    with FaultyCollector(Mode.UNAVAILABLE) as collector:
        assert post(collector) == (503, "1", b"")
        assert post(collector) == (503, "1", b"")
    assert collector.requests == 2


def test_garbage_answers_200_with_what_no_client_can_read() -> None:
    """The status says success, the body is no OTLP answer."""
    with FaultyCollector("garbage") as collector:
        status, _, body = post(collector)
    assert status == 200
    with pytest.raises(DecodeError):
        ExportTraceServiceResponse.FromString(body)


def test_slow_answers_late_but_well() -> None:
    """The answer is 200, not before the delay is over."""
    with FaultyCollector(Mode.SLOW, delay_s=0.3) as collector:
        began = time.monotonic()
        assert post(collector) == (200, None, b"")
        assert time.monotonic() - began >= 0.3


def test_slow_does_not_hold_up_the_end_of_the_test() -> None:
    """A client that gives up, and leaving the context, cost no more than they must; the waiting thread ends too."""
    began, threads = time.monotonic(), threading.active_count()
    with FaultyCollector(Mode.SLOW, delay_s=60.0) as collector, pytest.raises(TimeoutError):
        post(collector, timeout_s=0.2)
    wait_until("end of the threads", threading.active_count, lambda count: count <= threads, timeout_s=3.0)
    assert time.monotonic() - began < 5.0
    assert collector.requests == 1


def test_reset_breaks_the_connection() -> None:
    """The client sees a reset connection, not an empty answer."""
    with FaultyCollector(Mode.RESET) as collector:
        with pytest.raises(ConnectionResetError) as caught:
            post(collector)
        assert type(caught.value) is ConnectionResetError  # RemoteDisconnected, an orderly end, is a subclass
    assert collector.requests == 1


def test_hung_takes_the_connection_and_never_answers() -> None:
    """Connecting works, the answer never comes."""
    with FaultyCollector(Mode.HUNG) as collector, pytest.raises(TimeoutError):
        post(collector, timeout_s=0.3)
    assert collector.requests == 0


def test_refused_takes_no_connection() -> None:
    """Connecting fails at once."""
    with FaultyCollector(Mode.REFUSED) as collector, pytest.raises(ConnectionRefusedError):
        post(collector)
    assert collector.requests == 0


def test_the_port_is_closed_afterwards() -> None:
    """After the context nothing listens any more."""
    with FaultyCollector() as collector:
        assert post(collector) == (200, None, b"")
    with pytest.raises(ConnectionRefusedError):
        post(collector)
