"""Where the spans, metrics and events of one instrumentor go."""

from typing import Final

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, LoggerProvider, get_logger
from opentelemetry.metrics import MeterProvider, NoOpMeter
from opentelemetry.trace import NoOpTracer, Tracer, TracerProvider

from paddle_otel.activity import ACTIVITY
from paddle_otel.budgets import BUDGETS
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.guard import guard
from paddle_otel.operations.generation_subscribers import GENERATION_SUBSCRIBERS
from paddle_otel.operations.meters import METERS, Meters
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION

_API_MODULES: Final = ("opentelemetry.trace", "opentelemetry.metrics")


class Telemetry:
    """A tracer of one instrumentation scope, and the instruments of a meter provider.

    Args:
        scope: Name of the instrumentation scope, the instrumentor's module.
        tracer_provider: ``None`` for the global one.
        meter_provider: ``None`` for the global one.
        settings: As read from the environment.
        logger_provider: ``None`` for the global one.
        watches_only: Whether it is there for a monitor, of which the program's calls are to notice nothing: no budget
            applies then.

    Attributes:
        is_heard: Whether there is an SDK, as was seen before. Short operations look here before they ask
            :meth:`is_idle`.
    """

    def __init__(  # noqa: PLR0913 - three providers, and how they are used
        self,
        scope: str,
        tracer_provider: TracerProvider | None,
        meter_provider: MeterProvider | None,
        settings: Settings,
        logger_provider: LoggerProvider | None = None,
        *,
        watches_only: bool = False,
    ) -> None:
        self.scope: Final = scope
        self.meters: Final[Meters] = METERS.of(meter_provider)
        self.use(tracer_provider, settings, logger_provider, watches_only=watches_only)

    def use(
        self,
        tracer_provider: TracerProvider | None,
        settings: Settings,
        logger_provider: LoggerProvider | None = None,
        *,
        watches_only: bool = False,
    ) -> None:
        """Begin to report; to another provider and with settings read anew when switched on again."""
        self.is_heard = False
        self._has_own_tracer_provider = tracer_provider is not None
        self.settings = settings
        self.watches_only = watches_only
        self.tracer: Tracer = trace.get_tracer(self.scope, VERSION, tracer_provider, SCHEMA_URL)
        self.logger: Logger = get_logger(self.scope, VERSION, logger_provider, SCHEMA_URL)
        self.meters.used_by(self.scope, active=True)

    def stop(self) -> None:
        """Report no longer: observable instruments are silent unless somebody else reports to the same provider."""
        self.meters.used_by(self.scope, active=False)

    @property
    def has_budgets(self) -> bool:
        """Whether operations that are reported here may spend from any budget."""
        return BUDGETS.is_active and not self.watches_only

    @property
    def _is_followed(self) -> bool:
        """Whether somebody is told of the generations that are reported here."""
        return GENERATION_SUBSCRIBERS.are_there and not self.watches_only

    def is_idle(self) -> bool:
        """Tell whether nobody wants to know: there is no SDK (yet), no budget applies, nobody watches or counts."""
        if self.is_heard or ACTIVITY.is_watched or self.has_budgets or self._is_followed:
            return False
        # An SDK that is there stays there: the global providers can be set only once.
        self.is_heard = self._has_sdk()
        return not self.is_heard

    def _has_sdk(self) -> bool:
        if isinstance(self.tracer, NoOpTracer) and isinstance(self.meters.meter, NoOpMeter):
            return False  # OTEL_SDK_DISABLED
        # A provider named in the environment is loaded here on first use, which may fail.
        with guard("looking for an OpenTelemetry SDK"):
            if self._has_own_tracer_provider or self.meters.has_own_provider:
                return True
            return not (
                _comes_from_the_api(trace.get_tracer_provider()) and _comes_from_the_api(metrics.get_meter_provider())
            )
        return False


def _comes_from_the_api(provider: object) -> bool:
    # The API package's own providers are the no-op one and the proxy that waits for an SDK to be set.
    return type(provider).__module__.startswith(_API_MODULES)
