"""What a kind of device is: a source of readings, and the metrics that are read off them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from paddle_otel.conventions.metric import Metric
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.sampling.source import Source

Readings = TypeVar("Readings")

Point = tuple[int | float, Mapping[str, str]]
"""A value in the metric's unit and the attributes of its series."""


@dataclass(frozen=True)
class ObservedMetric(Generic[Readings]):
    """One metric of a kind of device.

    Attributes:
        metric: The metric as the conventions write it down.
        points: Reads its points off the readings; a value that is not known gives no point.
    """

    metric: Metric
    points: Callable[[Readings], Iterable[Point]]


@dataclass(frozen=True)
class DeviceKind(Generic[Readings]):
    """One kind of device.

    Attributes:
        name: The name of its source.
        source: Makes a source; touches no device.
        metrics: What its readings are shown as.
    """

    name: str
    source: Callable[[], Source[Readings]]
    metrics: tuple[ObservedMetric[Readings], ...]

    def readings(self, snapshot: Snapshot) -> Readings | None:
        """Return this kind's readings of a snapshot, ``None`` when it has none."""
        # A snapshot holds the readings of many kinds; under this name only this kind's source writes.
        return cast("Readings | None", snapshot.readings.get(self.name))
