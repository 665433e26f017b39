"""The only exception that this project raises into a program, and only where a budget asks for it."""

import math


class BudgetExceeded(RuntimeError):  # noqa: N818 - it states what happened, as PermissionDenied and TimeoutExpired do
    """A budget with the action ``refuse`` is used up: nothing was computed.

    Attributes:
        budget: Name of the budget.
        scope: What it is for: ``tenant``, ``session``, …
        limit: Tokens that it allows within its window.
        used: Tokens that were used within it; ``None`` where the shared ledger could not be asked and the budget
            refuses then (``on_failure: closed``).
        retry_after: Seconds until there is room for this request, if nobody else takes it; ``None`` when that is never
            or unknown.
    """

    # Where a program catches it from, and so what ``error.type`` says.
    __module__ = "paddle_otel.budgets"

    def __init__(self, budget: str, scope: str, limit: int, used: int | None, retry_after: float | None = None) -> None:
        self.budget = budget
        self.scope = scope
        self.limit = limit
        self.used = used
        self.retry_after = retry_after
        super().__init__(budget, scope, limit, used, retry_after)  # all of them: the exception may be pickled

    def __str__(self) -> str:
        """Say what happened and what can be done."""
        when = "" if self.retry_after is None else f" There is room again in {math.ceil(self.retry_after)} s."
        if self.used is None:
            return (
                f"The token budget {self.budget!r} of this {self.scope} cannot be checked, as the shared ledger does "
                f"not answer, and refuses requests then. Nothing was computed.{when}"
            )
        return (
            f"The token budget {self.budget!r} of this {self.scope} has no room for this request: {self.used} of "
            f"{self.limit} tokens are used. Nothing was computed.{when}"
        )
