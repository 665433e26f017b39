"""What one request spends of all budgets that are for it."""

import time
from collections.abc import Callable, Sequence

from paddle_otel.budgets.account_spending import AccountSpending
from paddle_otel.budgets.exceeded import BudgetExceeded
from paddle_otel.guard import attempt, guard, report


class RequestSpending:
    """A request from its start to its end; see :class:`~paddle_otel.budgets.spending.Spending`.

    Args:
        parts: Its accounts; the request begins to spend from each.
    """

    __slots__ = ("_are_several", "_made", "_parts", "refusal", "stopped_by")

    def __init__(self, parts: Sequence[AccountSpending]) -> None:
        self.refusal: BudgetExceeded | None = None
        self.stopped_by: str | None = None
        self._made = 0
        self._parts: Sequence[AccountSpending] = ()
        # They wait together as long as one does. One asks for the time itself, and only where it waits.
        self._are_several = len(parts) > 1
        since = time.monotonic() if self._are_several else None
        for number, part in enumerate(parts):
            self.refusal = attempt("asking a budget", part.begin, since)
            if self.refusal is not None:
                for begun in parts[: number + 1]:
                    begun.withdraw()
                return
        self._parts = parts
        for part in parts:
            attempt("saying what a budget has come to", part.tell_begin)

    def step(self, tokens: int, next_tokens: int | None = None, has_ended: Callable[[], bool] | None = None) -> bool:
        """Count a step's output tokens, and take those of the next one."""
        stop = False
        try:
            self._made = made = self._made + tokens
            following = tokens if next_tokens is None else next_tokens
            since = time.monotonic() if self._are_several else None
            for part in self._parts:
                name = part.step(made, following, has_ended, since)
                if name is not None:
                    stop = True
                    self.stopped_by = self.stopped_by or name
        except Exception as trouble:  # noqa: BLE001 - as attempt() does, whose call would cost a tenth of the step
            report("asking the budgets at a step", trouble)
            return False
        return stop

    def end(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """End the request."""
        parts, self._parts = self._parts, ()
        for part in parts:
            with guard("ending what a request spends"):
                part.end(input_tokens, self._made if output_tokens is None else output_tokens)
