"""What one request spends, as the operation that runs it sees it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from paddle_otel.budgets.exceeded import BudgetExceeded
from paddle_otel.identity import Identity


class Spender(NamedTuple):
    """Who is about to spend.

    Attributes:
        identity: Who asked.
        model: Name of the model, if known.
        input_tokens: Tokens of the prompts, where they are known before the model runs.
        step_tokens: The most output tokens that one step makes, over all sequences; ``None`` where they are not made
            step by step, 0 where none are made at all: budgets for output do not apply then.
        may_end: Whether the request may be refused and stopped; where not, all budgets only count it.
    """

    identity: Identity
    model: str | None
    input_tokens: int | None = None
    step_tokens: int | None = None
    may_end: bool = True


class Spending(Protocol):
    """The budgets that apply to one request, from its start to its end. Used by the thread or task that runs it."""

    @property
    def refusal(self) -> BudgetExceeded | None:
        """What to raise in place of running, if a budget refuses the request."""
        ...

    @property
    def stopped_by(self) -> str | None:
        """Name of the budget that asked to stop, if one did."""
        ...

    def step(self, tokens: int, next_tokens: int | None = None, has_ended: Callable[[], bool] | None = None) -> bool:
        """Count a step's output tokens, and take those of the next one; never raises.

        Args:
            tokens: Tokens that it made, over all sequences; where some may have ended unseen, at most.
            next_tokens: The most that the next step makes, where that is known to be less than this one made.
            has_ended: Looks whether the request has ended by itself with this step, so that no budget ends it; only
                called where there is not enough for another one.

        Returns:
            Whether to stop here: there is not enough for another step. Whoever goes on all the same is counted.
        """
        ...

    def end(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """End the request, also after a refusal or a failure; never raises, and does nothing the second time.

        Args:
            input_tokens: What was read in all, ``None`` when unknown: then what was counted so far stays.
            output_tokens: What was written in all, ``None`` when unknown.
        """
        ...
