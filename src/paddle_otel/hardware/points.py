"""Metrics that show the latest reading as it is."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.kind import ObservedMetric, Point, Window

Readings = TypeVar("Readings")

MaybePoint = tuple[int | float | None, Mapping[str, str]]
"""A value, ``None`` if it is not known, and the attributes of its series."""

NO_ATTRIBUTES: Final[Mapping[str, str]] = {}


def shown(
    metric: Metric, values: Callable[[Readings], Iterable[MaybePoint]], *, of_process: bool = False
) -> ObservedMetric[Readings]:
    """Return a metric that has a point for each value of the latest reading that is known.

    Args:
        metric: The metric.
        values: Reads its values off a reading.
        of_process: See :class:`ObservedMetric`.
    """

    def points(window: Window[Readings]) -> Iterable[Point]:
        return [(value, attributes) for value, attributes in values(window.now) if value is not None]

    return ObservedMetric(metric, points, of_process)
