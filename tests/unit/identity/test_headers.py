"""Who asks, according to the headers of a request: the propagator and the hooks."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from paddle_otel.identity import Identity, asgi_request_hook, current_identity, identify, wsgi_request_hook
from paddle_otel.identity.propagator import IdentityPropagator

ALL = {"x-request-id": "r", "x-session-id": "s", "x-user-id": "u", "x-tenant-id": "acme"}
WHOLE = Identity("r", "s", "u", "acme")


def extracted(carrier: Any, context: Context | None = None) -> Identity:
    """Return who asks, according to the propagator."""
    return current_identity(IdentityPropagator().extract(carrier, Context() if context is None else context))


@pytest.fixture
def held() -> Iterator[None]:
    """The context as it is when the instrumentation has ended the request."""
    token = otel_context.attach(otel_context.get_current())
    yield
    otel_context.detach(token)


def hooked_asgi(headers: list[tuple[bytes, bytes]]) -> Identity:
    """Return who asks, according to the ASGI hook."""
    asgi_request_hook(trace.INVALID_SPAN, {"type": "http", "headers": headers})
    return current_identity()


def hooked_wsgi(environ: Any) -> Identity:
    """Return who asks, according to the WSGI hook."""
    wsgi_request_hook(trace.INVALID_SPAN, environ)
    return current_identity()


def test_the_propagator_reads_headers() -> None:
    """As every OpenTelemetry server instrumentation asks it; into the context it is given."""
    assert extracted(ALL) == WHOLE
    assert extracted({"x-tenant-id": ["acme"]}) == Identity(tenant="acme")
    assert extracted({}) == Identity()
    assert current_identity() == Identity()


@pytest.mark.parametrize("name", ["x-tenant-id", "X-Tenant-Id"])
def test_a_header_that_is_configured_in_any_case(configure: Any, name: str) -> None:
    """Is found in carriers whose names are all small, as those of gRPC."""
    configure(identity_headers=f"tenant={name}")
    assert extracted({"x-tenant-id": "acme"}) == Identity(tenant="acme")


def test_a_getter_that_returns_the_text_itself() -> None:
    """Is one value, not one for each letter."""

    class Bare(Getter[dict[str, str]]):
        def get(self, carrier: dict[str, str], key: str) -> Any:
            """Return no list."""
            return carrier.get(key)

        def keys(self, carrier: dict[str, str]) -> list[str]:
            """Return them."""
            return list(carrier)

    context = IdentityPropagator().extract({"x-tenant-id": "acme", "x-user-id": ""}, Context(), Bare())
    assert current_identity(context) == Identity(tenant="acme")


def test_the_propagator_beside_the_others() -> None:
    """What they found stays; what headers say counts before baggage."""
    all_three = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator(), IdentityPropagator()])
    carrier = {
        "traceparent": f"00-{'1' * 32}-{'2' * 16}-01",
        "baggage": "paddle.tenant.id=globex,enduser.id=ann",
        "x-tenant-id": "acme",
    }
    context = all_three.extract(carrier)
    assert trace.get_current_span(context).get_span_context().trace_id == int("1" * 32, 16)
    assert current_identity(context) == Identity(user="ann", tenant="acme")


def test_the_propagator_sends_nothing() -> None:
    """Whom the program calls is not to learn who asked."""
    sent: dict[str, str] = {}
    with identify(tenant="acme"):
        IdentityPropagator().inject(sent)
    assert sent == {}
    assert IdentityPropagator().fields == set()


def test_the_propagator_survives_any_carrier(telemetry_trouble: Any) -> None:
    """One that raises says nothing, and the context is returned as it was."""
    telemetry_trouble.expected = True
    context = Context({"a": "b"})
    assert IdentityPropagator().extract(5, context) is context  # pyright: ignore[reportArgumentType] - on purpose
    nothing: dict[str, str] = {}
    assert dict(IdentityPropagator().extract(nothing)) == {}


class NeitherTrueNorFalse:
    """As an array of two numbers."""

    def __bool__(self) -> bool:
        """Refuse."""
        raise ValueError


class Mapped(dict[str, Any]):
    """A carrier that is no plain dictionary, which OpenTelemetry's getter reads."""


@pytest.mark.parametrize("kind", [dict, Mapped])
@pytest.mark.parametrize(
    "value", [5, 0, None, b"acme", [], [None, 5], [[None, 5]], (b"acme",), object, NeitherTrueNorFalse()]
)
def test_what_is_no_text_is_unknown(value: Any, kind: type[dict[str, Any]]) -> None:
    """Carriers are anybody's."""
    found = IdentityPropagator().extract(kind({"x-tenant-id": value, "x-user-id": "u"}), Context())
    assert current_identity(found) == Identity(user="u")


@pytest.mark.parametrize("kind", [dict, Mapped])
@pytest.mark.parametrize(("value", "tenant"), [("a", "a"), (["a"], "a"), (("a", "b"), "a,b"), (["a", 5, "b"], "a,b")])
def test_one_value_and_several(value: Any, tenant: str, kind: type[dict[str, Any]]) -> None:
    """Several are one, as servers join them; the same with every carrier."""
    found = IdentityPropagator().extract(kind({"x-tenant-id": value}), Context())
    assert current_identity(found) == Identity(tenant=tenant)


@pytest.mark.usefixtures("held")
def test_the_asgi_hook_reads_headers() -> None:
    """Whatever their case."""
    assert hooked_asgi([(name.title().encode(), value.encode()) for name, value in ALL.items()]) == WHOLE


@pytest.mark.usefixtures("held")
def test_the_wsgi_hook_reads_headers() -> None:
    """From an environment, and from Django's request, which has one."""
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in ALL.items()}
    assert hooked_wsgi(environ) == WHOLE

    class Request:
        META = {"HTTP_X_TENANT_ID": "globex"}  # noqa: RUF012 - as Django has it

    assert hooked_wsgi(Request()) == Identity(tenant="globex")


@pytest.mark.usefixtures("held")
def test_a_request_without_headers_is_nobodys() -> None:
    """Even where an earlier one's identity was left behind."""
    hooked_asgi([(b"x-tenant-id", b"acme")])
    assert hooked_asgi([]) == Identity()
    hooked_wsgi({"HTTP_X_TENANT_ID": "acme"})
    assert hooked_wsgi({}) == Identity()


@pytest.mark.usefixtures("held")
def test_one_id_is_one_id_whatever_server_it_came_through() -> None:
    """WSGI hands on the bytes as Latin-1, ASGI as bytes, its instrumentation as UTF-8 text."""
    sent = "租户-ü".encode()
    expected = Identity(tenant="租户-ü")
    assert hooked_wsgi({"HTTP_X_TENANT_ID": sent.decode("latin-1")}) == expected
    assert hooked_asgi([(b"x-tenant-id", sent)]) == expected
    assert extracted({"x-tenant-id": sent.decode("utf-8")}) == expected
    assert extracted({"x-tenant-id": sent.decode("latin-1")}) == expected
    assert extracted({"x-tenant-id": "caf\u00e9"}) == Identity(tenant="caf\u00e9")


@pytest.mark.usefixtures("held")
def test_a_second_header_does_not_win() -> None:
    """A client that adds its own to the gateway's is neither: servers join them with a comma, and so does this."""
    expected = Identity(tenant="acme,globex")
    assert hooked_asgi([(b"x-tenant-id", b"acme"), (b"x-tenant-id", b"globex")]) == expected
    assert extracted({"x-tenant-id": ["acme", "globex"]}) == expected


@pytest.mark.usefixtures("held")
def test_the_hooks_tell_the_span_of_the_request() -> None:
    """So that requests are found by tenant."""
    for hook, carrier in (
        (asgi_request_hook, {"headers": [(b"x-tenant-id", b"acme")]}),
        (wsgi_request_hook, {"HTTP_X_TENANT_ID": "acme"}),
    ):
        span: Any = TracerProvider().get_tracer("a.test").start_span("GET /")
        hook(span, carrier)
        assert dict(span.attributes) == {"paddle.tenant.id": "acme"}


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("carrier", [None, 5, {}, {"headers": None}, {"headers": [(1, 2)]}, {"headers": [b"x"]}])
def test_the_hooks_never_raise(carrier: Any, telemetry_trouble: Any) -> None:
    """Instrumentations let what a hook raises through to the request."""
    telemetry_trouble.expected = True
    asgi_request_hook(trace.INVALID_SPAN, carrier)
    wsgi_request_hook(trace.INVALID_SPAN, carrier)
    assert current_identity() == Identity()


@pytest.mark.usefixtures("held")
def test_the_headers_can_be_set(configure: Any) -> None:
    """To what a gateway is configured to send."""
    configure(identity_headers="tenant=X-Consumer-Groups,user=x_odd")
    assert hooked_asgi([(b"x-consumer-groups", b"acme"), (b"x-tenant-id", b"globex")]) == Identity(tenant="acme")
    assert hooked_wsgi({"HTTP_X_CONSUMER_GROUPS": "acme", "HTTP_X_ODD": "u"}) == Identity(user="u", tenant="acme")


@pytest.mark.usefixtures("held")
def test_hostile_headers_are_replaced() -> None:
    """A megabyte, control characters; what is only whitespace is unknown."""
    found = hooked_asgi([(b"x-tenant-id", b"a" * 1_000_000), (b"x-user-id", b"a\x00\xff"), (b"x-session-id", b" \t")])
    assert (found.tenant, found.user) == (Identity(tenant="a" * 1_000_000).tenant, Identity(user="a\x00\xff").user)
    assert found.session is None
    assert all(len(str(one)) <= 128 for one in found.attributes.values())


@pytest.mark.usefixtures("held")
def test_a_server_that_is_loose_with_types() -> None:
    """Names of headers are bytes, but not everywhere; several of one name count in any case of their letters."""
    loose: list[Any] = [
        (bytearray(b"host"), b"here"),
        (bytearray(b"X-Tenant-Id"), bytearray(b"acme")),
        (b"x-user-id", b"u"),
    ]
    assert hooked_asgi(loose) == Identity(tenant="acme", user="u")
    assert hooked_asgi([(b"x-tenant-id", b"a"), (b"X-Tenant-ID", b"b")]) == Identity(tenant="a,b")
