"""Whose tokens a budget counts together."""

import itertools
from typing import Final

from paddle_otel.budgets.budget import Budget, Scope
from paddle_otel.budgets.ledger import PASSING
from paddle_otel.budgets.policy import Traits

_numbers: Final = itertools.count(1)


def subject_of(scope: Scope, traits: Traits) -> str | None:
    """Return the subject of a scope, ``None`` where it is unknown: the budget does not apply."""
    match scope:
        case "process":
            return ""
        case "request":
            return traits.request or f"{PASSING}{next(_numbers)}"  # one of its own
        case "session":
            return traits.session
        case "tenant":
            return traits.tenant
        case "user":
            return traits.user
        case "model":
            return traits.model


def is_for_output_only(budget: Budget) -> bool:
    """Tell whether a budget has nothing to say where no output is made."""
    return budget.counts == "output"
