"""Metrics of budgets."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

_BUDGET: Final = (a.PADDLE_BUDGET_NAME, a.PADDLE_BUDGET_SCOPE)

LIMIT: Final = Metric(
    "paddle.budget.limit",
    "observable_up_down_counter",
    "{token}",
    "Tokens that a budget allows each of its subjects within its window.",
    (*_BUDGET, a.PADDLE_BUDGET_COUNTS, a.PADDLE_BUDGET_WINDOW),
)
USED: Final = Metric(
    "paddle.budget.used",
    "observable_up_down_counter",
    "{token}",
    "Tokens of a budget that are used up within its window, as far as this process knows; of the process, of each "
    "model, and of the tenants that metrics may name.",
    (*_BUDGET, a.PADDLE_TENANT_ID, a.GEN_AI_REQUEST_MODEL),
)
EXCEEDED: Final = Metric(
    "paddle.budget.exceeded",
    "observable_counter",
    "{event}",
    "How often a budget ended, refused or only noticed a request that went beyond it.",
    (*_BUDGET, a.PADDLE_BUDGET_ACTION),
)
LEDGER_ERRORS: Final = Metric(
    "paddle.budget.ledger.errors",
    "observable_counter",
    "{error}",
    "How often the shared ledger of budgets could not be asked.",
    (a.PADDLE_BUDGET_LEDGER, a.ERROR_TYPE),
)
LEDGER_AVAILABLE: Final = Metric(
    "paddle.budget.ledger.available",
    "observable_gauge",
    "1",
    "Whether the shared ledger of budgets answered when it was last asked: 1 or 0.",
    (a.PADDLE_BUDGET_LEDGER,),
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
