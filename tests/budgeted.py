"""Budgets that are in force for a part of a test."""

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from paddle_otel.budgets import BUDGETS, Budget
from paddle_otel.budgets.budget import Action, Scope

_numbers: Final = itertools.count()


@contextmanager
def budget(limit: int, *actions: Action, scope: Scope = "request", **more: Any) -> Generator[str, None, None]:
    """Put a budget in force that counts output tokens unless said otherwise.

    Yields:
        Its name, which no other has: nothing is counted on it yet.
    """
    name = f"budget {next(_numbers)}"
    settings: dict[str, Any] = {"counts": "output", **more}
    BUDGETS.set_budget(Budget(name, scope, limit, actions=frozenset(actions or ("stop",)), **settings))
    try:
        yield name
    finally:
        BUDGETS.remove_budget(name)


def used(name: str) -> int | None:
    """Return the tokens that are used of a budget whose scope is shown in metrics, ``None`` when none are counted."""
    found = [tokens for account, tokens in BUDGETS.used() if account.budget == name]
    return found[0] if found else None
