"""Hooks for OpenTelemetry's web instrumentations, where those are configured in code.

::

    FastAPIInstrumentor.instrument_app(app, server_request_hook=asgi_request_hook)
    FlaskInstrumentor().instrument_app(app, request_hook=wsgi_request_hook)

They read the headers of ``PADDLE_OTEL_IDENTITY_HEADERS``, as the propagator ``paddle_identity`` does; one of both is
enough. What they say holds until the instrumentation ends the request. A request without such headers says that nobody
is known, so that no request is ever taken for another one's. Where the instrumentation finds a span that is current
already, as in a test that calls the application inside a span of its own, it holds until that span is left.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.trace import Span

from paddle_otel.guard import guarded
from paddle_otel.identity.configured import configured
from paddle_otel.identity.current import with_claimed_identity
from paddle_otel.identity.headers import identity_in_headers
from paddle_otel.identity.identity import Identity


@guarded("reading who asks from an ASGI request")
def asgi_request_hook(span: Span, scope: Mapping[str, Any]) -> None:
    """Take who asks from a request to FastAPI, Starlette or any other ASGI application; a ``server_request_hook``.

    Args:
        span: The span of the request, which is given what is known.
        scope: The request's.
    """
    headers: Iterable[tuple[bytes, bytes]] = scope.get("headers") or ()
    names, values = configured().header_names, dict[str, list[str]]()
    for key, value in headers:  # gone through once for all names: a browser sends thirty
        name = names.get(key.lower() if type(key) is bytes else bytes(key).lower())
        if name is not None:
            values.setdefault(name, []).append(value.decode("latin-1"))
    _hold(span, identity_in_headers(values.get))


@guarded("reading who asks from a WSGI request")
def wsgi_request_hook(span: Span, environ: Any) -> None:
    """Take who asks from a request to Flask, Django or any other WSGI application; a ``request_hook``.

    Args:
        span: The span of the request, which is given what is known.
        environ: The request's environment, or Django's request.
    """
    variables: Mapping[str, str] = getattr(environ, "META", environ)

    def values_of(name: str) -> list[str]:
        value = variables.get(f"HTTP_{name.upper().replace('-', '_')}")
        return [] if value is None else [value]

    _hold(span, identity_in_headers(values_of))


def _hold(span: Span, identity: Identity) -> None:
    # Not detached here: the instrumentation goes back to the context before the request when it ends that.
    otel_context.attach(with_claimed_identity(identity))
    if span.is_recording():
        span.set_attributes(identity.attributes)
