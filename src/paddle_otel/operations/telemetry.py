"""Where the spans and metrics of one instrumentor go."""

from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider, NoOpMeter
from opentelemetry.trace import NoOpTracer, Tracer, TracerProvider

from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.guard import guard
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
    """

    def __init__(
        self,
        scope: str,
        tracer_provider: TracerProvider | None,
        meter_provider: MeterProvider | None,
        settings: Settings,
    ) -> None:
        self.scope: Final = scope
        self.meters: Final[Meters] = METERS.of(meter_provider)
        self.use(tracer_provider, settings)

    def use(self, tracer_provider: TracerProvider | None, settings: Settings) -> None:
        """Begin to report; to another provider and with settings read anew when switched on again."""
        self._is_heard = False
        self._has_own_tracer_provider = tracer_provider is not None
        self.settings = settings
        self.tracer: Tracer = trace.get_tracer(self.scope, VERSION, tracer_provider, SCHEMA_URL)
        self.meters.used_by(self.scope, active=True)

    def stop(self) -> None:
        """Report no longer: observable instruments are silent unless somebody else reports to the same provider."""
        self.meters.used_by(self.scope, active=False)

    def is_idle(self) -> bool:
        """Tell whether no SDK is configured (yet), so that nothing measured would go anywhere."""
        if self._is_heard:
            return False
        # An SDK that is there stays there: the global providers can be set only once.
        self._is_heard = self._has_sdk()
        return not self._is_heard

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
