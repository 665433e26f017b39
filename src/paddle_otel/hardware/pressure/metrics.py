"""Which metrics the readings of pressure become."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import host
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.kind import ObservedMetric
from paddle_otel.hardware.points import MaybePoint, shown
from paddle_otel.hardware.pressure.reading import PressureReading, Stall

_ATTRIBUTES: Final = {
    (scope, stall): {a.PADDLE_PRESSURE_SCOPE: scope, a.PADDLE_PRESSURE_STALL: stall}
    for scope, stall in product((a.SCOPE_HOST, a.SCOPE_CONTAINER), (a.STALL_SOME, a.STALL_FULL))
}


def _pressure(metric: Metric, stall_of: Callable[[PressureReading], Stall | None]) -> ObservedMetric[PressureReading]:
    def values(reading: PressureReading) -> Iterable[MaybePoint]:
        stall = stall_of(reading)
        if stall is None:
            return ()
        return (
            (stall.some, _ATTRIBUTES[reading.scope, a.STALL_SOME]),
            (stall.full, _ATTRIBUTES[reading.scope, a.STALL_FULL]),
        )

    return shown(metric, values)


METRICS: Final[tuple[ObservedMetric[PressureReading], ...]] = (
    _pressure(host.PRESSURE_CPU, lambda reading: reading.cpu),
    _pressure(host.PRESSURE_MEMORY, lambda reading: reading.memory),
    _pressure(host.PRESSURE_IO, lambda reading: reading.io),
)
