"""Patterns for ids: they mean what they say, and no value makes them slow."""

import re
import threading
from itertools import product

from paddle_otel.identity.patterns import matcher
from paddle_otel.identity.tenants import MetricTenants


def test_they_mean_the_same_as_regular_expressions() -> None:
    """For all patterns and values of a few letters."""
    for length in range(5):
        for pattern in map("".join, product("ab*", repeat=length)):
            fits = matcher(pattern)
            expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
            for value in map("".join, product("ab\n", repeat=4)):
                for part in (value, value[:2], ""):
                    assert fits(part) is (expression.fullmatch(part) is not None), (pattern, part)


def test_no_value_takes_long() -> None:
    """A tenant that a stranger sends does not stop the service, however many stars a pattern has."""
    tenants = MetricTenants("*a" * 30 + "*b", 100)
    found: list[str | None] = []

    def ask() -> None:
        found.extend(tenants.label("a" * 100 + "c") for _ in range(100))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(60)
    assert found == ["_OTHER"] * 100
    assert tenants.label("a" * 100 + "b") == "a" * 100 + "b"
