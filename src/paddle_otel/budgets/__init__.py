"""How many tokens may be used: by a request, a session, a tenant, a user, a model or this process.

A budget only watches (``observe``), ends a generation at the token at which it is used up (``stop``), or refuses
requests before anything is computed (``refuse``). Budgets come from a file (``PADDLE_OTEL_BUDGETS``) or from code
(:func:`set_budget`).
"""

from paddle_otel.budgets.budget import Budget, Window
from paddle_otel.budgets.exceeded import BudgetExceeded
from paddle_otel.budgets.metrics import BudgetMetrics
from paddle_otel.budgets.registry import BUDGETS

__all__ = [
    "BUDGETS",
    "Budget",
    "BudgetExceeded",
    "BudgetMetrics",
    "Window",
    "budgets",
    "remove_budget",
    "set_budget",
    "tokens_used",
]

# What programs call; the rest of this project asks BUDGETS itself.
set_budget = BUDGETS.set_budget
remove_budget = BUDGETS.remove_budget
budgets = BUDGETS.budgets
tokens_used = BUDGETS.tokens_used
