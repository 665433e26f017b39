"""Who asked, according to W3C baggage."""

from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from observed import returning
from paddle_otel.identity import Identity, current_identity
from paddle_otel.identity.current import with_claimed_identity, with_identity


def carrying(**values: Any) -> Context:
    """Return a context with baggage; ``__`` stands for a dot."""
    context = Context()
    for key, value in values.items():
        context = baggage.set_baggage(key.replace("__", "."), value, context)
    return context


def test_baggage_is_read() -> None:
    """Under the names of the conventions, by default."""
    context = carrying(
        paddle__request__id="r", gen_ai__conversation__id="s", enduser__id="u", paddle__tenant__id="acme", other="x"
    )
    assert current_identity(context) == Identity("r", "s", "u", "acme")
    assert current_identity() == Identity()


def test_baggage_of_a_real_request_is_read() -> None:
    """As the propagator of OpenTelemetry takes it from a header, with what is percent-encoded in it."""
    header = "paddle.tenant.id=%E7%A7%9F%E6%88%B7%20a, enduser.id=u%2C1"
    context = W3CBaggagePropagator().extract({"baggage": header}, Context())
    assert current_identity(context) == Identity(tenant="租户 a", user="u,1")


def test_what_the_program_says_wins_then_headers_then_baggage() -> None:
    """Each id by itself; nearer is harder to lie about."""
    context = carrying(paddle__tenant__id="baggage", enduser__id="baggage", gen_ai__conversation__id="baggage")
    context = with_claimed_identity(Identity(tenant="header", user="header"), context)
    assert current_identity(context) == Identity(session="baggage", user="header", tenant="header")
    context = with_identity(Identity(tenant="program"), context)
    assert current_identity(context) == Identity(session="baggage", user="header", tenant="program")
    assert current_identity(with_identity(Identity(tenant="p"), Context())) == Identity(tenant="p")


@pytest.mark.parametrize("value", [None, "", "  ", 5, b"acme", ["acme"], {}])
def test_what_is_no_id_is_unknown(value: Any) -> None:
    """Baggage may hold anything that a program puts there."""
    assert current_identity(carrying(paddle__tenant__id=value, enduser__id="u")) == Identity(user="u")


def test_the_names_can_be_set(configure: Any) -> None:
    """Of several for one id the first that is there counts; what is not named is not read."""
    configure(identity_baggage="tenant=org, tenant = team")
    assert current_identity(carrying(team="b", paddle__tenant__id="c")) == Identity(tenant="b")
    assert current_identity(carrying(team="b", org="a")) == Identity(tenant="a")


def test_baggage_can_be_left_alone(configure: Any) -> None:
    """Where clients are not to say who they are."""
    configure(identity_baggage="none")
    assert current_identity(carrying(paddle__tenant__id="acme")) == Identity()


def test_thousands_of_keys_cost_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the few that may say it are looked at."""

    class Counted(dict[str, object]):
        asked = 0

        def get(self, *arguments: Any) -> Any:
            Counted.asked += 1
            return super().get(*arguments)

        def __iter__(self) -> Any:
            raise AssertionError("all keys were looked at")

    many = Counted({f"key-{number}": "x" * 1000 for number in range(10_000)})
    monkeypatch.setattr(baggage, "get_all", returning(many))
    many["paddle.tenant.id"] = "acme"
    assert current_identity(Context()) == Identity(tenant="acme")
    assert Counted.asked == 4
