"""Which tenants are told apart on metrics."""

import threading
from typing import Any

import pytest

from forked import in_child
from paddle_otel.identity import metric_tenant
from paddle_otel.identity.tenants import MetricTenants


def test_by_default_metrics_have_no_tenants() -> None:
    """Neither a known nor an unknown one, and nothing is added."""
    assert (metric_tenant("acme"), metric_tenant(None)) == (None, None)


def test_those_that_are_allowed_have_their_name(configure: Any) -> None:
    """The others are counted together; the unknown one has no name."""
    configure(metric_tenants="acme, team-*")
    assert [metric_tenant(one) for one in ("acme", "team-1", "team-", "globex", "Acme", "my-team-1", None)] == [
        "acme",
        "team-1",
        "team-",
        "_OTHER",
        "_OTHER",
        "_OTHER",
        None,
    ]


@pytest.mark.parametrize("name", ["a.c", "a[bc]", "a?c", "a|b", "a+", "a\\*c", "(a", "^a$"])
def test_only_the_star_is_a_pattern(name: str) -> None:
    """Everything else is meant as it is written."""
    tenants = MetricTenants(f"{name}, {name}-*", 10)
    assert tenants.label(name) == name
    assert tenants.label(f"{name}-1") == f"{name}-1"
    for other in ("abc", "ab", "a", "aa", "axc", "b-1", "abc-1"):
        assert tenants.label(other) == "_OTHER"


def test_the_star_stands_for_any_letters() -> None:
    """None, many, line ends, at any place, and several of them."""
    tenants = MetricTenants("a*b**c", 10)
    assert [tenants.label(one) for one in ("abc", "axxbyyc", "a\nb租c", "abcd", "xabc")] == [
        "abc",
        "axxbyyc",
        "a\nb租c",
        "_OTHER",
        "_OTHER",
    ]


def test_no_more_than_the_maximum_are_told_apart() -> None:
    """The first that come keep their name; a client that invents tenants makes one series more."""
    tenants = MetricTenants("*", 3)
    assert [tenants.label(one) for one in "abcdeabc"] == ["a", "b", "c", "_OTHER", "_OTHER", "a", "b", "c"]


def test_those_that_are_named_keep_their_place() -> None:
    """Whoever came first."""
    tenants = MetricTenants("*,acme,globex", 3)
    assert [tenants.label(one) for one in ("x", "y", "acme", "globex")] == ["x", "_OTHER", "acme", "globex"]


def test_more_names_than_the_maximum() -> None:
    """The first count, and patterns have no place left."""
    tenants = MetricTenants("a,b,a,c,*", 2)
    assert [tenants.label(one) for one in "abcd"] == ["a", "b", "_OTHER", "_OTHER"]


def test_the_maximum_holds_for_threads() -> None:
    """Exactly."""
    tenants = MetricTenants("*", 50)
    found: list[str | None] = []
    barrier = threading.Barrier(8)

    def ask(number: int) -> None:
        barrier.wait(60)
        found.extend([tenants.label(f"{number}-{one}") for one in range(100)])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 800
    assert len(set(found) - {"_OTHER"}) == 50


def test_a_forked_child_has_places_of_its_own() -> None:
    """Its series are others than the parent's."""
    tenants = MetricTenants("*", 1)
    assert tenants.label("parent") == "parent"
    assert in_child(lambda: [tenants.label("child"), tenants.label("parent")] == ["child", "_OTHER"]) == 0
    assert tenants.label("child") == "_OTHER"
