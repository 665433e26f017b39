"""What metrics say of budgets."""

from collections.abc import Callable, Iterable
from typing import Protocol

from opentelemetry.metrics import Observation

from paddle_otel.budgets.announcing import window_text
from paddle_otel.budgets.registry import BUDGETS, Budgets
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import budgets as m
from paddle_otel.conventions.metric import Metric


class Observables(Protocol):
    """Where observable instruments are created."""

    def observable(self, metric: Metric, observe: Callable[[], Iterable[Observation]]) -> None:
        """Create one whose observations a function returns."""
        ...


class BudgetMetrics:
    """The instruments of the budgets of this process.

    Args:
        meters: Where they are created.
        budgets: Whose.
    """

    def __init__(self, meters: Observables, budgets: Budgets = BUDGETS) -> None:
        self._budgets = budgets
        meters.observable(m.LIMIT, self._observe_limits)
        meters.observable(m.USED, self._observe_used)
        meters.observable(m.EXCEEDED, self._observe_exceeded)
        meters.observable(m.LEDGER_ERRORS, self._observe_errors)
        meters.observable(m.LEDGER_AVAILABLE, self._observe_available)

    def _observe_limits(self) -> Iterable[Observation]:
        for budget in self._budgets.budgets():
            facts = {
                a.PADDLE_BUDGET_COUNTS: budget.counts,
                a.PADDLE_BUDGET_WINDOW: window_text(budget.window),
            }
            yield Observation(budget.limit, _named(budget.name, budget.scope) | facts)

    def _observe_used(self) -> Iterable[Observation]:
        for account, used in self._budgets.used():
            attributes = _named(account.budget, account.scope)
            if account.scope == "tenant":
                attributes[a.PADDLE_TENANT_ID] = account.subject
            elif account.scope == "model":
                attributes[a.GEN_AI_REQUEST_MODEL] = account.subject
            yield Observation(used, attributes)

    def _observe_exceeded(self) -> Iterable[Observation]:
        for (name, scope, action), times in self._budgets.times_exceeded().items():
            yield Observation(times, {**_named(name, scope), a.PADDLE_BUDGET_ACTION: action})

    def _observe_errors(self) -> Iterable[Observation]:
        health = self._budgets.shared_health
        if health is not None:
            for kind, times in health.errors.items():
                yield Observation(times, {a.PADDLE_BUDGET_LEDGER: health.name, a.ERROR_TYPE: kind})

    def _observe_available(self) -> Iterable[Observation]:
        health = self._budgets.shared_health
        if health is not None and health.available is not None:
            yield Observation(int(health.available), {a.PADDLE_BUDGET_LEDGER: health.name})


def _named(name: str, scope: str) -> dict[str, str]:
    return {a.PADDLE_BUDGET_NAME: name, a.PADDLE_BUDGET_SCOPE: scope}
