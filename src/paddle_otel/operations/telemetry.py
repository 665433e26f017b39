"""Where the spans and metrics of one instrumentor go."""

from collections.abc import Callable, Iterable
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, NoOpMeter, Observation
from opentelemetry.trace import NoOpTracer, Tracer, TracerProvider

from paddle_otel import instruments
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.conventions.metric import Metric
from paddle_otel.deferred_histogram import DeferredHistogram
from paddle_otel.guard import guard
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION

_API_MODULES: Final = ("opentelemetry.trace", "opentelemetry.metrics")


class Telemetry:
    """A tracer and a meter of one instrumentation scope.

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
        self._scope = scope
        # Not the provider itself: instrumentors keep this object in a dictionary with the provider as its weak key.
        self._has_own_meter_provider = meter_provider is not None
        self._before_collection: list[Callable[[], None]] = []
        self.active = True
        self.use(tracer_provider, settings)
        self.meter: Meter = metrics.get_meter(scope, VERSION, meter_provider, SCHEMA_URL)

    def use(self, tracer_provider: TracerProvider | None, settings: Settings) -> None:
        """Send spans to another provider and apply settings read anew, as when an instrumentor is switched on again."""
        self._has_own_tracer_provider = tracer_provider is not None
        self.settings = settings
        self.tracer: Tracer = trace.get_tracer(self._scope, VERSION, tracer_provider, SCHEMA_URL)

    def observable(self, metric: Metric, observe: Callable[[], Iterable[Observation]]) -> None:
        """Create an observable instrument that is silent while the instrumentor is switched off.

        Args:
            metric: A metric of an ``observable_*`` kind.
            observe: Returns the observations; only reads what is known. May fail: then there are none.
        """

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            observations: list[Observation] = []
            # Also when switched off: what was measured before that is not lost.
            with guard("recording what waited for a collection"):
                for flush in self._before_collection:
                    flush()
            if self.active:
                with guard(f"observing {metric.name}"):
                    observations.extend(observe())
            return observations

        instruments.observable(self.meter, metric, callback)

    def deferred_histogram(self, metric: Metric) -> DeferredHistogram:
        """Create a histogram whose values are recorded at each collection. Needs at least one :meth:`observable`."""
        histogram = DeferredHistogram(self.meter, metric)
        self._before_collection.append(histogram.flush)
        return histogram

    def is_idle(self) -> bool:
        """Tell whether no SDK is configured (yet), so that nothing measured would go anywhere."""
        if isinstance(self.tracer, NoOpTracer) and isinstance(self.meter, NoOpMeter):
            return True  # OTEL_SDK_DISABLED
        # A provider named in the environment is loaded here on first use, which may fail.
        with guard("looking for an OpenTelemetry SDK"):
            if self._has_own_tracer_provider or self._has_own_meter_provider:
                return False
            return _comes_from_the_api(trace.get_tracer_provider()) and _comes_from_the_api(
                metrics.get_meter_provider()
            )
        return True


def _comes_from_the_api(provider: object) -> bool:
    # The API package's own providers are the no-op one and the proxy that waits for an SDK to be set.
    return type(provider).__module__.startswith(_API_MODULES)
