"""A budget says at once, and by the field's name, what cannot be used."""

import pickle
from typing import Any

import pytest

from paddle_otel.budgets import Budget, BudgetExceeded, Window


def test_a_budget_only_observes_and_counts_both_for_ever_unless_said_otherwise() -> None:
    """The defaults do no harm."""
    budget = Budget("b", "tenant", 10)
    assert (budget.actions, budget.counts, budget.window) == (frozenset({"observe"}), "both", Window("none", 0))
    assert (budget.warn_at, budget.match, budget.on_failure) == (None, {}, "open")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": ""}, "name: expected 1 to 256 printable letters, not ''"),
        ({"name": "a\nb"}, r"name: expected 1 to 256 printable letters, not 'a\\nb'"),
        ({"name": "x" * 257}, "name: expected 1 to 256 printable letters"),
        ({"name": 5}, "name: expected 1 to 256 printable letters, not 5"),
        ({"scope": "tennant"}, "scope: expected request, session, tenant, user, model or process, not 'tennant'"),
        ({"limit": -1}, "limit: expected a whole number from 0 to 9007199254740992, not -1"),
        ({"limit": 2**53 + 1}, "limit: expected a whole number from 0"),
        ({"limit": 1.5}, "limit: expected a whole number from 0 to 9007199254740992, not 1.5"),
        ({"limit": True}, "limit: expected a whole number"),
        ({"limit": "10"}, "limit: expected a whole number"),
        ({"window": "day"}, "window: expected a Window, not 'day'"),
        ({"counts": "all"}, "counts: expected input, output or both, not 'all'"),
        ({"actions": "stop"}, "actions: expected a set of observe, stop or refuse, not 'stop'"),
        ({"actions": ()}, "actions: expected a set"),
        ({"actions": {"halt"}}, "actions: expected observe, stop or refuse, not 'halt'"),
        ({"warn_at": -1}, "warn_at: expected a whole number"),
        ({"match": ["acme"]}, "match: expected a mapping"),
        ({"match": {"team": "a"}}, "match: expected tenant, user, session or model, not 'team'"),
        ({"match": {"tenant": ""}}, "match.tenant: expected 1 to 256 printable letters"),
        ({"on_failure": "shut"}, "on_failure: expected open or closed, not 'shut'"),
    ],
)
def test_what_cannot_be_used_is_named(changed: dict[str, Any], message: str) -> None:
    """The message begins with the field and says what is expected."""
    values: dict[str, Any] = {"name": "b", "scope": "tenant", "limit": 1, **changed}
    with pytest.raises(ValueError, match="^" + message):
        Budget(**values)


@pytest.mark.parametrize(
    ("kind", "seconds"), [("none", 60), ("fixed", 0), ("sliding", 0), ("fixed", -1), ("fixed", 367 * 86_400)]
)
def test_a_window_has_a_length_unless_it_is_none(kind: Any, seconds: int) -> None:
    """A length that does not fit is refused."""
    with pytest.raises(ValueError, match=r"^seconds: "):
        Window(kind, seconds)


def test_a_window_of_another_kind_is_refused() -> None:
    """The kinds are listed."""
    wrong: Any = "hourly"
    with pytest.raises(ValueError, match=r"^kind: expected none, sliding or fixed, not 'hourly'"):
        Window(wrong, 1)


def test_actions_may_be_given_as_any_collection() -> None:
    """They are kept as a set."""
    actions: Any = ["stop", "refuse"]
    assert Budget("b", "tenant", 1, actions=actions).actions == frozenset({"stop", "refuse"})


def test_a_budget_does_not_change_with_the_mapping_it_was_made_from() -> None:
    """What it matches is its own copy."""
    match = {"tenant": "acme"}
    budget = Budget("b", "tenant", 1, match=match)
    match["tenant"] = "other"
    assert budget.match == {"tenant": "acme"}
    assert hash(budget) == hash(Budget("b", "tenant", 1, match={"tenant": "acme"}))


def test_a_refusal_says_what_happened_and_survives_pickling() -> None:
    """It may come from another process."""
    error = pickle.loads(pickle.dumps(BudgetExceeded("daily", "tenant", 100, 99, 30.4)))  # noqa: S301 - our own
    assert (error.budget, error.scope, error.limit, error.used, error.retry_after) == ("daily", "tenant", 100, 99, 30.4)
    assert str(error) == (
        "The token budget 'daily' of this tenant has no room for this request: 99 of 100 tokens are used. "
        "Nothing was computed. There is room again in 31 s."
    )


def test_a_refusal_by_a_ledger_that_does_not_answer_says_so() -> None:
    """It does not invent a number."""
    assert "cannot be checked, as the shared ledger does not answer" in str(BudgetExceeded("b", "user", 5, None))
