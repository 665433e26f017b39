"""A real Jaeger for tests, and its query API."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.jaeger.spans import JaegerTrace, read_trace
from backends.process import LocalServer
from backends.queries import get_json, wait_until

_CONFIG = Path(__file__).with_name("config.yaml")
_HTTP = "JAEGER_HTTP_PORT"
_GRPC = "JAEGER_GRPC_PORT"
_OTLP_GRPC = "OTLP_GRPC_PORT"
_OTLP_HTTP = "OTLP_HTTP_PORT"
_ALL_TRACES = 100_000  # as many as config.yaml keeps
_TOMORROW_US = 86_400_000_000


class Jaeger(LocalServer):
    """Jaeger 2 with its traces in memory; it accepts OTLP traces and nothing else (metrics are refused with 404)."""

    tool = "jaeger"
    port_names = (_HTTP, _GRPC, _OTLP_GRPC, _OTLP_HTTP)
    ready_path = "/api/services"

    def arguments(self, folder: Path) -> list[str]:
        """Returns the command line; the storage is in memory, so ``folder`` is not used."""
        del folder
        return ["--config", str(_CONFIG)]

    def environment(self) -> dict[str, str]:
        """Returns the ports, where ``config.yaml`` looks for them, and turns tracing of Jaeger itself off.

        Without that it sends a trace of each query to port 4317, where a collector of the person testing may listen.
        """
        return {name: str(self.port(name)) for name in self.port_names} | {"OTEL_TRACES_SAMPLER": "always_off"}

    @property
    def otlp_http_endpoint(self) -> str:
        """The base address for OTLP over HTTP; exporters configured by environment add ``/v1/traces``."""
        return f"http://127.0.0.1:{self.port(_OTLP_HTTP)}"

    @property
    def otlp_grpc_endpoint(self) -> str:
        """The address for OTLP over gRPC, without TLS."""
        return f"http://127.0.0.1:{self.port(_OTLP_GRPC)}"

    def services(self) -> list[str]:
        """Returns the names of the services that sent spans, sorted."""
        return sorted(get_json(f"{self.base_url}/api/services")["data"] or [])

    def traces(self, service: str) -> list[JaegerTrace]:
        """Returns all traces with a span of that service, oldest first; none when Jaeger does not know it."""
        now_us = time.time_ns() // 1000
        asked = {"service": service, "limit": str(_ALL_TRACES), "start": "0", "end": str(now_us + _TOMORROW_US)}
        data: list[dict[str, Any]] = get_json(f"{self.base_url}/api/traces", asked)["data"] or []
        found = [read_trace(trace) for trace in data]
        return sorted(found, key=lambda trace: trace.spans[0].start_us)

    def trace(self, trace_id: str) -> JaegerTrace:
        """Returns one trace by its id in hexadecimal.

        Raises:
            NotFoundError: Jaeger has no such trace (yet).
        """
        return read_trace(get_json(f"{self.base_url}/api/traces/{trace_id}")["data"][0])

    def wait_for_traces(
        self, service: str, until: int | Callable[[list[JaegerTrace]], bool] = 1, timeout_s: float = 10.0
    ) -> list[JaegerTrace]:
        """Returns a service's traces as soon as there are ``until`` of them, or as soon as ``until`` says yes to them.

        A trace is visible as soon as its first span arrived: where a trace arrives in parts, ask for its spans.

        Raises:
            BackendError: they were not there within ``timeout_s`` seconds.
        """

        def wanted(traces: list[JaegerTrace]) -> bool:
            return until(traces) if callable(until) else len(traces) >= until

        return wait_until(f"traces of {service}", lambda: self.traces(service), wanted, timeout_s)
