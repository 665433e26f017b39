"""What the budgets say of one generation, so that none of their trouble reaches it."""

from collections.abc import Callable
from functools import partial

from opentelemetry.context import Context

from paddle_otel.budgets import BUDGETS, BudgetExceeded
from paddle_otel.budgets.spending import Spender, Spending
from paddle_otel.guard import attempt, guard
from paddle_otel.identity import Identity
from paddle_otel.operations.generation_facts import GenerationRequest
from paddle_otel.operations.telemetry import Telemetry


class GenerationBudget:
    """The budgets that apply to a generation; where none does, it answers that all is well.

    Args:
        identity: Who asked.
        request: What is known before the call.
        telemetry: Where events of budgets go.
        context: The context with the generation's span, so that they are found from it.
    """

    __slots__ = ("_has_ended", "_spending", "stopped_by")

    def __init__(self, identity: Identity, request: GenerationRequest, telemetry: Telemetry, context: Context) -> None:
        self._spending: Spending | None = None
        if BUDGETS.is_active:
            step = request.sequences or 1  # the least that it can be, where it is not known
            spender = Spender(identity, request.model, request.input_tokens, step, request.decides_alone)
            self._spending = attempt("asking the budgets of a generation", BUDGETS.begin, spender, telemetry, context)
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
        refused = attempt("asking whether a budget refuses a generation", lambda: spending.refusal)
        if refused is None:
            return None
        self.stopped_by = refused.budget
        return partial(BudgetExceeded, *refused.args)

    def step(self, tokens: int, upcoming: int) -> bool:
        """Count a step.

        Args:
            tokens: Output tokens that it made; at most, where that is not known.
            upcoming: The most that the next step will make.

        Returns:
            Whether to stop here.
        """
        spending = self._spending
        if spending is None:
            return False
        stops = attempt("counting a step against its budgets", spending.step, tokens, upcoming) is True
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
        with guard("ending what a generation spends"):
            self._spending.end(input_tokens, output_tokens)
