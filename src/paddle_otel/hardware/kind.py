"""What a kind of device is: a source of readings, and the metrics and events that are read off them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from opentelemetry._logs import SeverityNumber

from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.claims import Holds
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.sampling.source import Source
from paddle_otel.settings import Settings

Readings = TypeVar("Readings")

Point = tuple[int | float, Mapping[str, str | int]]
"""A value in the metric's unit and the attributes of its series."""


@dataclass(frozen=True, slots=True)
class Window(Generic[Readings]):
    """What was read between two collections of a metric.

    Attributes:
        now: The latest readings.
        before: The readings of all devices that the collection before this one saw, ``None`` at the first one. Rates
            and shares are taken between the two, so that they cover the whole time and no burst is missed.
        seconds: The time between the two, 0 without ``before``.
        samples: Returns all readings after ``before`` that are still kept, ``now`` the last of them; of all devices,
            also those that another process reports.
    """

    now: Readings
    before: Readings | None
    seconds: float
    samples: Callable[[], tuple[Readings, ...]]


@dataclass(frozen=True)
class ObservedMetric(Generic[Readings]):
    """One metric of a kind of device.

    Attributes:
        metric: The metric as the conventions write it down.
        points: Reads its points off the readings; a value that is not known gives no point.
        of_process: Whether it belongs to this process, so that every process reports it, also of a device that
            another one reports.
    """

    metric: Metric
    points: Callable[[Window[Readings]], Iterable[Point]]
    of_process: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a device.

    Attributes:
        name: As the conventions have it.
        severity: How bad it is.
        attributes: What is known about it.
        timestamp: When it happened, ``time.time_ns()``.
    """

    name: str
    severity: SeverityNumber
    attributes: Mapping[str, str | int | float]
    timestamp: int


def _everything(readings: Readings, _: Holds) -> Readings | None:
    return readings


def _nothing(_: object) -> Iterable[Event]:
    return ()


@dataclass(frozen=True)
class DeviceKind(Generic[Readings]):
    """One kind of device.

    Attributes:
        name: The name of its source.
        source: Makes a source; touches no device.
        metrics: What its readings are shown as.
        reported: Leaves of the readings what this process reports: it asks for each device (by the name under which
            all processes of the host know it) whether this process holds it. Everything unless given, which is right
            for what belongs to the process only.
        events: What happened according to one reading; each of them is in one reading only.
    """

    name: str
    source: Callable[[Settings], Source[Readings]]
    metrics: tuple[ObservedMetric[Readings], ...]
    reported: Callable[[Readings, Holds], Readings | None] = _everything
    events: Callable[[Readings], Iterable[Event]] = _nothing

    def readings(self, snapshot: Snapshot) -> Readings | None:
        """Return this kind's readings of a snapshot, ``None`` when it has none."""
        # A snapshot holds the readings of many kinds; under this name only this kind's source writes.
        return cast("Readings | None", snapshot.readings.get(self.name))
