"""When token budgets come into force: with the first operation that may spend, not before."""

from typing import Final
from weakref import WeakKeyDictionary

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


class LoadingWithPaddle:
    """Loads budgets as soon as Paddle is imported: a program without it reads no file and asks no Redis."""

    def __init__(self) -> None:
        # Weak: a hook cannot be unregistered, and instrumenting again and again must not grow.
        self._waiting: Final[WeakKeyDictionary[Meters, Settings]] = WeakKeyDictionary()
        self._is_hooked = False

    def load(self, settings: Settings, meters: Meters) -> None:
        """Load the budgets that are set when Paddle is imported, at once where it is.

        Args:
            settings: As read from the environment.
            meters: Where their metrics go; budgets are not loaded for it once nobody uses it any more.
        """
        self._waiting[meters] = settings
        if not self._is_hooked:
            self._is_hooked = True
            wrapt.register_post_import_hook(self._on_paddle, "paddle")

    def _on_paddle(self, _: object = None) -> None:
        self._is_hooked = False
        while self._waiting:
            try:
                meters, settings = self._waiting.popitem()
            except KeyError:
                return  # the last one has just gone
            load_budgets(settings, meters)


LOADING_WITH_PADDLE: Final = LoadingWithPaddle()
"""The one of this process."""
