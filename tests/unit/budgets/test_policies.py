"""Which budgets are for which requests."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from paddle_otel.budgets import Budget, Window
from paddle_otel.budgets.budget import Action
from paddle_otel.budgets.policy import Policy, PolicyIndex, Traits
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.spending import Spender
from paddle_otel.identity import Identity

_STOP = frozenset[Action]({"stop"})


def _traits(**given: str) -> Traits:
    return Traits(*(given.get(name) for name in Traits._fields))


def _matching(traits: Traits, *matches: dict[str, str]) -> list[str]:
    policies = [Policy(Budget(str(number), "process", 1, match=match)) for number, match in enumerate(matches)]
    return sorted(policy.budget.name for policy in PolicyIndex(policies).matching(traits) if policy.budget)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("acme", "acme", True),
        ("acme", "acme-2", False),
        ("acme", "ACME", False),
        ("acme*", "acme", True),
        ("acme*", "acme-2", True),
        ("acme*", "acm", False),
        ("*", "anything at all\n", True),
        ("*-prod", "acme-prod", True),
        ("*-prod", "acme-prod-2", False),
        ("a*e", "ae", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a*b*b", "ab", False),
        ("a**b", "ab", True),
        ("a.c", "abc", False),
        ("客*", "客户", True),
        ("*😀*", "x😀y", True),
    ],
)
def test_a_star_stands_for_any_letters(pattern: str, value: str, fits: bool) -> None:
    """And nothing else has a special meaning."""
    assert _matching(_traits(tenant=value), {"tenant": pattern}) == (["0"] if fits else [])


def test_all_that_is_matched_must_fit() -> None:
    """An unknown value fits nothing, a budget without a match is for all."""
    matches = [
        {},
        {"tenant": "acme"},
        {"tenant": "acme", "model": "tiny"},
        {"tenant": "ac*", "user": "j*"},
        {"session": "*"},
        {"model": "tiny", "user": "jo"},
    ]
    assert _matching(_traits(tenant="acme", model="tiny", user="jo"), *matches) == ["0", "1", "2", "3", "5"]
    assert _matching(_traits(tenant="acme"), *matches) == ["0", "1"]
    assert _matching(_traits(session="s", model="tiny"), *matches) == ["0", "4"]
    assert _matching(_traits(), *matches) == ["0"]


def test_a_value_that_nearly_fits_costs_no_time() -> None:
    """Clients choose their names."""
    begin = time.perf_counter()
    assert _matching(_traits(tenant="a" * 5000), {"tenant": "*a" * 100 + "b"}) == []
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("scope", "who", "other"),
    [
        ("request", {"request": "r1"}, {"request": "r2"}),
        ("session", {"session": "s1"}, {"session": "s2"}),
        ("tenant", {"tenant": "t1"}, {"tenant": "t2"}),
        ("user", {"user": "u1"}, {"user": "u2"}),
        ("model", {"model": "m1"}, {"model": "m2"}),
    ],
)
def test_each_subject_has_its_own_count(
    budgets: Budgets, generate: Callable[..., int], scope: Any, who: dict[str, str], other: dict[str, str]
) -> None:
    """What one used up another still has."""
    budgets.set_budget(Budget("b", scope, 5, actions=_STOP))
    assert generate(3, **who) == 3
    assert generate(100, **who) == 2
    assert generate(100, **other) == 5


@pytest.mark.parametrize("scope", ["session", "tenant", "user", "model"])
def test_a_budget_whose_subject_is_unknown_does_not_apply(budgets: Budgets, scope: Any) -> None:
    """Nobody pays for strangers."""
    budgets.set_budget(Budget("b", scope, 0, actions=frozenset({"refuse"})))
    assert budgets.begin(Spender(Identity(request="r"), None)) is None


def test_each_request_without_an_id_is_one_of_its_own(budgets: Budgets, generate: Callable[..., int]) -> None:
    """With an id its operations are counted together."""
    budgets.set_budget(Budget("b", "request", 5, actions=_STOP))
    assert [generate(4), generate(4), generate(9)] == [4, 4, 5]
    assert [generate(4, request="r"), generate(4, request="r")] == [4, 1]


def test_there_is_nothing_to_ask_without_budgets(budgets: Budgets) -> None:
    """The flag follows what is set and removed."""
    assert budgets.is_active is False
    assert budgets.begin(Spender(Identity(), None)) is None
    budgets.set_budget(Budget("b", "process", 5))
    assert budgets.is_active is True
    assert budgets.remove_budget("b") is True
    assert budgets.is_active is False
    assert budgets.remove_budget("b") is False


@pytest.mark.parametrize(
    "changed", [{"scope": "model"}, {"window": Window("fixed", 60)}, {"counts": "output"}, {"match": {"tenant": "b*"}}]
)
def test_a_budget_that_is_for_other_tokens_now_is_another_one(budgets: Budgets, changed: dict[str, Any]) -> None:
    """The request that runs goes on with the one before; the next one is measured by the new one."""
    refuse = frozenset[Action]({"stop", "refuse"})
    budget = Budget("b", "tenant", 1, actions=refuse, match={"tenant": "a*"})
    budgets.set_budget(budget)
    running = budgets.begin(Spender(Identity(tenant="acme"), "tiny", None, 1))
    assert running is not None
    budgets.set_budget(replace(budget, **changed))
    assert running.step(1) is True
    for tenant, applies in (("acme", "match" not in changed), ("big", "match" in changed)):
        assert (budgets.begin(Spender(Identity(tenant=tenant), "tiny", None, 1)) is not None) == applies


def test_a_budget_takes_the_place_of_one_of_its_name(budgets: Budgets) -> None:
    """The others stay."""
    for limit in (5, 6):
        budgets.set_budget(Budget("b", "process", limit))
    budgets.set_budget(Budget("c", "process", 7))
    assert [(budget.name, budget.limit) for budget in budgets.budgets()] == [("b", 6), ("c", 7)]
