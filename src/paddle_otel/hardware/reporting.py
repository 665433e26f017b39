"""Shows what the sampler saw as OpenTelemetry instruments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import CallbackOptions, MeterProvider, NoOpMeter, Observation, get_meter, get_meter_provider

from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.guard import guard
from paddle_otel.hardware.kind import DeviceKind, ObservedMetric
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.instruments import ObservableCallback, observable
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.version import VERSION

SCOPE: Final = "paddle_otel.hardware_metrics"
"""Instrumentation scope of the instruments, and owner of the sampling they need."""


@dataclass
class _Outlet:
    """The instruments on one meter provider: created once, because a second creation drops its callbacks silently."""

    active: bool = False
    created: bool = False


class HardwareReporting:
    """Instruments that only look at the sampler's latest snapshot.

    Args:
        sampler: Reads the devices.
        kinds: What is shown.
    """

    def __init__(self, sampler: Sampler, kinds: Sequence[DeviceKind[Any]]) -> None:
        self._sampler = sampler
        self._kinds = kinds
        self._outlets: WeakKeyDictionary[MeterProvider, _Outlet] = WeakKeyDictionary()
        # The global provider is a proxy until the SDK is set up; both are one outlet.
        self._global_outlet = _Outlet()
        self._current: _Outlet | None = None

    def start(self, meter_provider: MeterProvider | None, interval: float) -> None:
        """Show the hardware on a meter provider, in place of the one before; does nothing if that is disabled.

        Args:
            meter_provider: Where, the global one if ``None``.
            interval: Seconds between two samples.
        """
        meter = get_meter(SCOPE, VERSION, meter_provider, SCHEMA_URL)
        outlet = self._outlet(meter_provider)
        if outlet is not self._current:
            self.stop()
        if isinstance(meter, NoOpMeter):
            return  # OTEL_SDK_DISABLED: nobody would look at the samples
        outlet.active = True
        self._current = outlet
        if not outlet.created:
            outlet.created = True
            for kind in self._kinds:
                for observed in kind.metrics:
                    with guard(f"creating {observed.metric.name}"):
                        observable(meter, observed.metric, self._callback(outlet, kind, observed))
        self._sampler.start(SCOPE, interval)

    def stop(self) -> None:
        """Show nothing any more and let the sampler go."""
        if self._current is not None:
            self._current.active = False
            self._current = None
        self._sampler.stop(SCOPE)

    def _outlet(self, meter_provider: MeterProvider | None) -> _Outlet:
        if meter_provider is None or meter_provider is get_meter_provider():
            return self._global_outlet
        return self._outlets.setdefault(meter_provider, _Outlet())

    def _callback(self, outlet: _Outlet, kind: DeviceKind[Any], observed: ObservedMetric[Any]) -> ObservableCallback:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            # An exception here would be logged by the SDK at every collection.
            with guard(f"reporting {observed.metric.name}"):
                if outlet.active and (snapshot := self._sampler.latest()) is not None:
                    readings = kind.readings(snapshot)
                    if readings is not None:
                        return [Observation(value, attributes) for value, attributes in observed.points(readings)]
            return ()

        return observe


SAMPLER: Final = Sampler(lambda: [kind.source() for kind in KINDS])
"""The one sampler of this process."""

REPORTING: Final = HardwareReporting(SAMPLER, KINDS)
"""What the instrumentor switches on and off."""
