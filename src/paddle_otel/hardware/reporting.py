"""Shows what the sampler saw as OpenTelemetry instruments, and what happened as events."""

from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry._logs import LoggerProvider, get_logger
from opentelemetry.metrics import MeterProvider, NoOpMeter, get_meter, get_meter_provider

from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.guard import guard
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.event_log import EventLog
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.hardware.outlet import Outlet
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.sampling.source import Source
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION

SCOPE: Final = "paddle_otel.hardware_metrics"
"""Instrumentation scope of the instruments and events, and owner of the sampling they need."""


class HardwareReporting:
    """Instruments that only look at what the sampler has read, and events it gives rise to.

    Args:
        sampler: Reads the devices.
        kinds: What is shown; looked at again at each start.
        claims: Which devices this process reports.
    """

    def __init__(self, sampler: Sampler, kinds: Sequence[DeviceKind[Any]], claims: Claims | None = None) -> None:
        self._sampler = sampler
        self._kinds = kinds
        self._claims = claims or Claims()
        self._events = EventLog(kinds, self._claims)
        self._outlets: WeakKeyDictionary[MeterProvider, Outlet] = WeakKeyDictionary()
        # The global provider is a proxy until the SDK is set up; both are one outlet.
        self._global_outlet: Outlet | None = None
        self._current: Outlet | None = None

    @property
    def claims(self) -> Claims:
        """Which devices this process reports. One object in a process: closing a second one would end its locks."""
        return self._claims

    def start(
        self,
        meter_provider: MeterProvider | None,
        interval: float,
        logger_provider: LoggerProvider | None = None,
    ) -> None:
        """Show the hardware on a meter provider, in place of the one before; does nothing if that is disabled.

        Args:
            meter_provider: Where, the global one if ``None``.
            interval: Seconds between two samples.
            logger_provider: Where events go, the global one if ``None``.
        """
        meter = get_meter(SCOPE, VERSION, meter_provider, SCHEMA_URL)
        if self._current is not None and self._current is not self._known_outlet(meter_provider):
            self.stop()
        if isinstance(meter, NoOpMeter):
            return  # OTEL_SDK_DISABLED: nobody would look at the samples
        outlet = self._known_outlet(meter_provider)
        if outlet is None:
            outlet = Outlet(meter, self._sampler, self._claims)
            self._remember(meter_provider, outlet)
        outlet.show(self._kinds)
        self._current = outlet
        self._events.logger = get_logger(SCOPE, VERSION, logger_provider, SCHEMA_URL)
        # Apart: a log processor that hangs keeps only further events back.
        self._sampler.subscribe(self._on_snapshot)
        self._sampler.subscribe(self._events.follow)
        self._sampler.start(SCOPE, interval)

    def stop(self) -> None:
        """Show nothing any more, let the sampler go and give the claimed devices back."""
        if self._current is not None:
            self._current.hide()
            self._current = None
        self._events.logger = None
        self._sampler.stop(SCOPE)
        self._events.forget()
        self._claims.release()

    def _known_outlet(self, meter_provider: MeterProvider | None) -> Outlet | None:
        if meter_provider is None or meter_provider is get_meter_provider():
            # The provider that is the global one now may have been used before it was made that.
            return self._global_outlet or self._outlets.get(get_meter_provider())
        return self._outlets.get(meter_provider)

    def _remember(self, meter_provider: MeterProvider | None, outlet: Outlet) -> None:
        if meter_provider is None or meter_provider is get_meter_provider():
            self._global_outlet = outlet
        else:
            self._outlets[meter_provider] = outlet

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        current = self._current
        if current is not None:
            current.note(snapshot)
            self._claims.lapse()


_kinds: Final[list[DeviceKind[Any]]] = [*KINDS]


def add_kind(kind: DeviceKind[Any]) -> None:
    """Also sample and show a kind that this library does not know, from the next start on.

    Args:
        kind: Added once, however often this is called.
    """
    if kind not in _kinds:
        _kinds.append(kind)


def _open_sources() -> list[Source[Any]]:
    settings = Settings.from_environment()
    sources: list[Source[Any]] = []
    for kind in _kinds:
        with guard(f"setting up {kind.name}"):
            sources.append(kind.source(settings))
    return sources


SAMPLER: Final = Sampler(_open_sources)
"""The one sampler of this process."""

REPORTING: Final = HardwareReporting(SAMPLER, _kinds, Claims())
"""What the instrumentor switches on and off."""
