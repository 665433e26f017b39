"""A kind of device whose readings, metrics and events a test makes up, and snapshots of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry._logs import SeverityNumber

from paddle_otel.conventions import hardware as hw
from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.kind import DeviceKind, Event, ObservedMetric, Point, Window
from paddle_otel.sampling.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device says: joules it has used, and what happened to it."""

    id: str
    joules: float
    happened: tuple[str, ...] = ()


Readings = tuple[Reading, ...]


class ScriptedDevices:
    """A source that says what a test sets."""

    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.now: Readings | None = (Reading("a", 10.0), Reading("b", 20.0))
        self.once: Readings | None = None
        """What the next read gives instead."""
        self.reads = 0

    def read(self) -> Readings | None:
        """Return what was set."""
        self.reads += 1
        if self.once is not None:
            once, self.once = self.once, None
            return once
        return self.now

    def close(self) -> None:
        """Do nothing."""


def power(window: Window[Readings]) -> Iterable[Point]:
    """Return the mean power over the window, of each device that was there at its beginning."""
    before = {reading.id: reading.joules for reading in window.before or ()}
    for reading in window.now:
        if reading.id in before:
            yield (reading.joules - before[reading.id]) / window.seconds, {"hw.id": reading.id}


def energy(window: Window[Readings]) -> Iterable[Point]:
    """Return the energy of each device."""
    for reading in window.now:
        yield reading.joules, {"hw.id": reading.id}


def reported(readings: Readings, holds: Holds) -> Readings:
    """Leave the devices that this process holds."""
    return tuple(reading for reading in readings if holds(reading.id))


def events(readings: Readings) -> Iterable[Event]:
    """Return what happened."""
    for reading in readings:
        for what in reading.happened:
            yield Event(
                what, SeverityNumber.ERROR, {"hw.id": reading.id, "xid": 79}, timestamp=1_700_000_000_000_000_001
            )


def kind_of(devices: ScriptedDevices, *metrics: ObservedMetric[Readings]) -> DeviceKind[Readings]:
    """Return the kind; it shows energy unless told otherwise."""
    return DeviceKind(
        devices.name, lambda _: devices, metrics or (ObservedMetric(hw.ENERGY, energy),), reported, events
    )


def snapshot(second: float, readings: Readings | None, name: str = "scripted") -> Snapshot:
    """Return a snapshot that was taken at this second of the monotonic clock, in a millisecond."""
    started = int(second * 1e9)
    given: dict[str, object] = {} if readings is None else {name: readings}
    return Snapshot(started, started + 1_000_000, started, given, {name: 1_000_000})
