"""When token budgets come into force: with the first operation that may spend, not before."""

import wrapt

from paddle_otel.budgets import BUDGETS, BudgetMetrics
from paddle_otel.guard import guard
from paddle_otel.operations.meters import Meters
from paddle_otel.settings import Settings


def load_budgets(settings: Settings, meters: Meters) -> None:
    """Load the budgets that are set and follow their file; never raises.

    Args:
        settings: As read from the environment.
        meters: Where their metrics go.
    """
    with guard("loading token budgets"):
        BUDGETS.load(settings)
        meters.shared(BudgetMetrics)


def load_budgets_with_paddle(settings: Settings, meters: Meters) -> None:
    """Do so as soon as Paddle is imported, at once where it is: a program without it reads no file and asks no Redis.

    Args:
        settings: As read from the environment.
        meters: Where their metrics go.
    """

    def load(_: object = None) -> None:
        load_budgets(settings, meters)

    wrapt.register_post_import_hook(load, "paddle")
