"""Who asks a Flask service: the stock instrumentation with the hook or the propagator, behind a real server."""

import http.client
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest
from flask import Flask, Response
from opentelemetry import propagate
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from werkzeug.serving import make_server

from paddle_otel.identity import current_identity, identify, wsgi_request_hook
from paddle_otel.identity.propagator import IdentityPropagator

_Flask: Any = import_module("opentelemetry.instrumentation.flask").FlaskInstrumentor  # it has no types
CLIENTS = 8
REQUESTS = 10


def plain() -> str:
    """Say for whom the endpoint works."""
    return str(current_identity().tenant)


def streamed() -> Response:
    """Say it in each part of an answer that is made after the endpoint has returned."""

    @identify()
    def parts() -> Iterator[str]:
        for _ in range(3):
            yield f"{current_identity().tenant},"

    return Response(parts())


def with_hook(app: Any) -> None:
    """Instrument a service and give it the hook."""
    _Flask().instrument_app(app, request_hook=wsgi_request_hook, tracer_provider=TracerProvider())


def with_propagator(app: Any) -> None:
    """Instrument a service; the propagator reads the headers."""
    propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), IdentityPropagator()]))
    _Flask().instrument_app(app, tracer_provider=TracerProvider())


@pytest.fixture(params=[with_hook, with_propagator])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Port of the service, on the loopback interface."""
    before = propagate.get_global_textmap()
    app = Flask("asked")
    app.add_url_rule("/plain", view_func=plain)
    app.add_url_rule("/streamed", view_func=streamed)
    instrument: Callable[[Any], None] = request.param
    instrument(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()
    propagate.set_global_textmap(before)


def answers(port: int, client: int) -> list[tuple[str, str]]:
    """Ask as two tenants and as nobody, over one connection; return what was expected and what came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found: list[tuple[str, str]] = []
    for _ in range(REQUESTS):
        for tenant in (f"tenant-{client}", None, f"租户-{client}"):
            headers = {} if tenant is None else {"X-Tenant-Id": tenant.encode()}
            for path, times in (("plain", 1), ("streamed", 3)):
                connection.request("GET", f"/{path}", headers=headers)
                expected = str(tenant) if times == 1 else f"{tenant}," * times
                found.append((expected, connection.getresponse().read().decode()))
    connection.close()
    return found


def test_each_request_has_its_own_tenant(port: int) -> None:
    """In the endpoint and in what it streams; nothing stays behind for the next request or for this thread."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = [pair for pairs in pool.map(answers, [port] * CLIENTS, range(CLIENTS)) for pair in pairs]
    assert len(found) == CLIENTS * REQUESTS * 6
    assert [came for _, came in found] == [expected for expected, _ in found]
    assert current_identity().tenant is None
