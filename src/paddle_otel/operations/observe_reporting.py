"""Where the operations go that a program reports itself: to the global providers, once there is an SDK."""

from typing import Final

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from paddle_otel.operations.budget_loading import load_budgets
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.meters import SCOPE
from paddle_otel.operations.prediction_metrics import PredictionMetrics
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings


class Reporting:
    """Tracer, settings and instruments of the operations that a program reports itself.

    Args:
        settings: As read from the environment.
    """

    def __init__(self, settings: Settings) -> None:
        # The instruments are those of whatever SDK is set, now or later.
        self.telemetry: Final = Telemetry(SCOPE, None, None, settings)
        load_budgets(settings, self.telemetry.meters)
        self.generations: Final = self.telemetry.meters.shared(GenerationMetrics)
        self.predictions: Final = self.telemetry.meters.shared(PredictionMetrics)


class _Found:
    """What was made when it was first asked for; two threads may make it twice, on the same instruments."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.reporting: Reporting | None = None


_found: Final = _Found()


def reporting() -> Reporting | None:
    """Return where to report to.

    Returns:
        ``None`` where nothing is to be reported: the project or the SDK is switched off, there is no SDK (yet), or
        instrumentation is suppressed here.
    """
    if not is_instrumentation_enabled():
        return None
    to = _found.reporting
    if to is None:
        to = _first()
        if to is None:
            return None
    return None if to.telemetry.is_idle() else to


def _first() -> Reporting | None:
    if _found.settings is None:
        _found.settings = Settings.from_environment()
    if _found.settings.enabled:
        _found.reporting = Reporting(_found.settings)
    return _found.reporting


def forget_reporting() -> None:
    """Read the settings and create the instruments anew (for tests that replace the global providers)."""
    _found.settings = _found.reporting = None
