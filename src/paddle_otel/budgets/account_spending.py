"""What one request spends of one budget."""

from collections.abc import Callable
from typing import Final

from paddle_otel.budgets.announcing import Announcer, Occasion
from paddle_otel.budgets.budget import Action, Budget
from paddle_otel.budgets.exceeded import BudgetExceeded
from paddle_otel.budgets.ledger import Account, Ledger, Taken
from paddle_otel.budgets.policy import Policy


class AccountSpending:
    """A request at one account. What it takes ahead of its need and does not use goes back at its end.

    Args:
        policy: The budget.
        account: Whose count.
        ledger: Where it is.
        announcer: Says what happens.
        occasion: The request.
    """

    __slots__ = (
        "_account",
        "_announcer",
        "_before",
        "_begun",
        "_beyond",
        "_bucket",
        "_counts_input",
        "_counts_output",
        "_here",
        "_input",
        "_ledger",
        "_may_end",
        "_occasion",
        "_only_counts",
        "_over",
        "_policy",
        "_taken",
        "_warned",
    )

    def __init__(
        self, policy: Policy, account: Account, ledger: Ledger, announcer: Announcer, occasion: Occasion
    ) -> None:
        budget, spender = policy.budget, occasion.spender
        counts = "both" if budget is None else budget.counts
        self._policy: Final = policy
        self._account: Final = account
        self._ledger: Final = ledger
        self._announcer: Final = announcer
        self._occasion: Final = occasion
        self._counts_input: Final = counts != "output"
        self._counts_output: Final = counts != "input"
        self._may_end: Final = spender.may_end
        self._input = (spender.input_tokens or 0) if self._counts_input else 0
        self._taken = 0
        self._bucket = 0
        self._here = 0  # of what is taken, that in the bucket of now …
        self._before: tuple[int, int] = (0, 0)  # … and the bucket before, with what was taken there
        self._over = False
        self._warned: int | None = None
        self._beyond = False
        self._begun: Taken | None = None
        self._only_counts = False

    def begin(self, since: float | None = None) -> BudgetExceeded | None:
        """Take what is known to be needed: the prompt, and the first step of a generation.

        Args:
            since: When the request began to ask its budgets; now unless given.

        Returns:
            What to raise, where the budget refuses the request.
        """
        self._ledger.opened(self._account)
        budget = self._policy.budget
        if budget is None:
            return None
        if not self._may_end or budget.actions.isdisjoint(("stop", "refuse")):
            self._only_counts = True
            self._begun = self._keep(self._ledger.add(self._account, self._input), self._input)
            return None
        want = self._input + ((self._occasion.spender.step_tokens or 0) if self._counts_output else 0)
        taken = self._ledger.take(self._account, want, budget.limit, since)
        if taken.granted:
            self._begun = self._keep(taken, want)
            return None
        if "refuse" in budget.actions:
            self._exceed(budget, taken, "refuse")
            # Where nothing is known of the count, neither is when there is room.
            wait = None if taken.used is None else self._ledger.retry_after(self._account, want or 1, budget.limit)
            return BudgetExceeded(budget.name, budget.scope, budget.limit, taken.used, wait)
        self._over = True
        self._begun = self._keep(self._ledger.add(self._account, want), want)
        return None

    def tell_begin(self) -> None:
        """Say what there is to say of the begin, once it is known that no budget refuses the request."""
        budget, begun, self._begun = self._policy.budget, self._begun, None
        if budget is not None and begun is not None:
            self._warn(budget, begun)
            if self._only_counts:
                self._tell_beyond(budget, begun)

    def step(
        self, made: int, following: int, has_ended: Callable[[], bool] | None = None, since: float | None = None
    ) -> str | None:
        """Count a step, and take the tokens of the next one.

        Args:
            made: Output tokens so far.
            following: The most that the next step makes.
            has_ended: Looks whether the request has ended by itself.
            since: When the step began to ask its budgets; now unless given.

        Returns:
            The budget's name if the request is to stop here.
        """
        budget = self._policy.budget
        if budget is None:
            return None
        stops = self._may_end and "stop" in budget.actions
        if not self._counts_output:
            return self._stop(budget, None, since) if self._over and stops else None
        missing = self._input + made - self._taken
        if missing > 0:
            self._count(budget, missing, is_told=not stops)
            missing = 0
        if not stops:
            return None
        want = following + missing
        if want <= 0:
            return None
        taken = self._ledger.take(self._account, want, budget.limit, since)
        if not taken.granted:
            return None if has_ended is not None and has_ended() else self._stop(budget, taken, since)
        self._note(budget, taken, want)
        return None

    def end(self, input_tokens: int | None, written: int) -> None:
        """Count what was used, and give back what was not."""
        if input_tokens is not None and self._counts_input:
            self._input = input_tokens
        missing = self._input + (written if self._counts_output else 0) - self._taken
        budget = self._policy.budget
        if missing < 0:
            self._give_back(-missing)
        if budget is not None and (missing > 0 or self._over):
            self._count(budget, max(missing, 0))
        self._ledger.closed(self._account)

    def withdraw(self) -> None:
        """End a request that is refused."""
        self._give_back(self._taken)
        self._ledger.closed(self._account)

    def _count(self, budget: Budget, tokens: int, *, is_told: bool = True) -> None:
        taken = self._ledger.add(self._account, tokens)
        self._note(budget, taken, tokens)
        if is_told:
            self._tell_beyond(budget, taken)

    def _note(self, budget: Budget, taken: Taken, tokens: int) -> None:
        self._keep(taken, tokens)
        self._warn(budget, taken)

    def _keep(self, taken: Taken, tokens: int) -> Taken:
        bucket = taken.bucket
        if bucket != self._bucket:
            self._before, self._bucket, self._here = (self._bucket, self._here), bucket, 0
        self._taken += tokens
        self._here += tokens
        return taken

    def _tell_beyond(self, budget: Budget, taken: Taken) -> None:
        if not self._beyond and taken.used is not None and taken.used > budget.limit:
            self._exceed(budget, taken, "observe")

    def _warn(self, budget: Budget, taken: Taken) -> None:
        _, used, bucket = taken
        warn_at = budget.warn_at
        if warn_at is not None and used is not None and used >= warn_at and self._warned != bucket:
            self._warned = bucket
            self._announcer.warn(self._occasion, budget, self._account, taken)

    def _stop(self, budget: Budget, taken: Taken | None, since: float | None) -> str:
        if not self._beyond:
            if taken is None:
                taken = self._ledger.take(self._account, 0, budget.limit, since)
            self._exceed(budget, taken, "stop")
        return budget.name

    def _exceed(self, budget: Budget, taken: Taken, action: Action) -> None:
        self._beyond = True
        self._announcer.exceed(self._occasion, budget, self._account, taken, action)

    def _give_back(self, tokens: int) -> None:
        here = min(tokens, self._here)
        bucket, there = self._before
        if here > 0:
            self._ledger.give_back(self._account, here, self._bucket)
        if tokens > here and there > 0:
            self._ledger.give_back(self._account, min(tokens - here, there), bucket)
