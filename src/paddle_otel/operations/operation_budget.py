"""What the budgets say of one operation, so that none of their trouble reaches it."""

from collections.abc import Callable
from functools import partial

from opentelemetry.context import Context

from paddle_otel.budgets import BUDGETS, BudgetExceeded
from paddle_otel.budgets.spending import Spender, Spending
from paddle_otel.guard import attempt, guard
from paddle_otel.identity import Identity
from paddle_otel.operations.generation_facts import GenerationRequest
from paddle_otel.operations.telemetry import Telemetry


class OperationBudget:
    """The budgets that apply to an operation; where none does, it answers that all is well.

    Args:
        spender: Makes known who is about to spend; only called where there is any budget.
        telemetry: Where events of budgets go.
        context: The context with the operation's span, so that they are found from it; ``None`` for the current one.
    """

    __slots__ = ("_has_ended", "_spending", "stopped_by")

    def __init__(self, spender: Callable[[], Spender], telemetry: Telemetry, context: Context | None) -> None:
        self._spending: Spending | None = None
        if telemetry.has_budgets:
            with guard("asking the budgets of an operation"):
                self._spending = BUDGETS.begin(spender(), telemetry, context)
        self._has_ended = False
        self.stopped_by: str | None = None
        """Name of the budget that refused the request, or said to stop after the latest step."""

    @property
    def applies(self) -> bool:
        """Whether any budget applies."""
        return self._spending is not None

    def refusal(self) -> Callable[[], BudgetExceeded] | None:
        """Return what makes the exception to raise in place of running the model, if a budget refuses the request.

        A new one each time: an exception that is kept keeps its traceback, and with it what the caller holds.
        """
        spending = self._spending
        if spending is None:
            return None
        refused = attempt("asking whether a budget refuses an operation", lambda: spending.refusal)
        if refused is None:
            return None
        self.stopped_by = refused.budget
        return partial(BudgetExceeded, *refused.args)

    def step(self, tokens: int, upcoming: int, has_ended: Callable[[], bool] | None = None) -> bool:
        """Count a step.

        Args:
            tokens: Output tokens that it made; at most, where that is not known.
            upcoming: The most that the next step will make.
            has_ended: Looks whether the operation has ended by itself with this step.

        Returns:
            Whether to stop here.
        """
        spending = self._spending
        if spending is None:
            return False
        stops = attempt("counting a step against its budgets", spending.step, tokens, upcoming, has_ended) is True
        if stops:
            self.stopped_by = attempt("asking which budget is used up", lambda: spending.stopped_by)
            return True
        self.stopped_by = None  # where it was asked to stop before, it went on
        return False

    def end(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """End the request; only the first time counts.

        Args:
            input_tokens: What was read in all, ``None`` when unknown.
            output_tokens: What was written in all, ``None`` when unknown.
        """
        if self._spending is None or self._has_ended:
            return
        self._has_ended = True
        with guard("ending what an operation spends"):
            self._spending.end(input_tokens, output_tokens)


def generation_spender(identity: Identity, request: GenerationRequest) -> Spender:
    """Return who spends with a generation."""
    step = request.sequences or 1  # the least that it can be, where it is not known
    return Spender(identity, request.model, request.input_tokens, step, request.decides_alone)


def count_read_tokens(
    identity: Identity, model: str | None, tokens: int, telemetry: Telemetry, context: Context | None
) -> None:
    """Count what a model has read that writes nothing; nothing is refused or stopped.

    Args:
        identity: Who asked.
        model: Name of the model, if known.
        tokens: Padding excluded.
        telemetry: Where events of budgets go.
        context: The context with its span, ``None`` for the current one.
    """
    OperationBudget(lambda: Spender(identity, model, None, 0, may_end=False), telemetry, context).end(tokens, 0)
