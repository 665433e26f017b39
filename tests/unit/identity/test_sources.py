"""Under which names an identity arrives."""

import logging
from typing import Any

import pytest

from paddle_otel.identity.configured import configured


def test_the_defaults() -> None:
    """Headers that gateways commonly set, and the names of the conventions."""
    assert configured().headers == (
        ("request", "x-request-id"),
        ("session", "x-session-id"),
        ("user", "x-user-id"),
        ("tenant", "x-tenant-id"),
    )
    assert configured().baggage == (
        ("request", "paddle.request.id"),
        ("session", "gen_ai.conversation.id"),
        ("user", "enduser.id"),
        ("tenant", "paddle.tenant.id"),
    )


def test_settings_are_read_once(configure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those that the process was started with."""
    configure(identity_headers="tenant=x-org")
    found = configured()
    monkeypatch.setenv("PADDLE_OTEL_IDENTITY_HEADERS", "tenant=other")
    assert configured() is found
    assert found.headers == (("tenant", "x-org"),)


def test_names_of_headers_have_no_case(configure: Any) -> None:
    """Carriers of other protocols than HTTP have them in small letters; keys of baggage are meant as they are."""
    configure(identity_headers="tenant=X-Tenant-Id, Tenant=x", identity_baggage="tenant=Org")
    assert configured().headers == (("tenant", "x-tenant-id"),)
    assert configured().baggage == (("tenant", "Org"),)


def test_wrong_entries_are_named_and_the_others_used(configure: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In one line."""
    configure(identity_headers="tenant=x-org,customer=x-customer,user,session=,,=x, request = x-req")
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        assert configured().headers == (("tenant", "x-org"), ("request", "x-req"))
        assert configured().headers
    (record,) = caplog.records
    assert record.getMessage() == (
        "PADDLE_OTEL_IDENTITY_HEADERS: customer=x-customer, user, session, =x has no effect; "
        "expected request, session, user, tenant, each followed by = and a name. The others are used."
    )


@pytest.mark.parametrize("raw", ["none", " None "])
def test_none_switches_a_source_off(configure: Any, raw: str, caplog: pytest.LogCaptureFixture) -> None:
    """As an empty variable means the default; nothing is wrong with that."""
    configure(identity_headers=raw, identity_baggage=raw)
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        assert (configured().headers, configured().baggage) == ((), ())
    assert caplog.records == []
