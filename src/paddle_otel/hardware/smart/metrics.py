"""Which metrics the readings of disks become."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import disk
from paddle_otel.conventions import hardware as hw
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.kind import ObservedMetric, Point, Window
from paddle_otel.hardware.smart.reading import DiskReading, SmartReadings
from paddle_otel.hardware.smart.value_names import MEDIA_ERRORS, PERCENTAGE_USED

_STATES: Final = (a.STATE_OK, a.STATE_DEGRADED, a.STATE_PREDICTED_FAILURE, a.STATE_FAILED)
_IS_DISK: Final = {a.HW_TYPE: a.HW_TYPE_PHYSICAL_DISK}


def _per_disk(metric: Metric, points: Callable[[DiskReading], Iterable[Point]]) -> ObservedMetric[SmartReadings]:
    def of_all(window: Window[SmartReadings]) -> Iterable[Point]:
        for reading in window.now.disks:
            yield from points(reading)

    return ObservedMetric(metric, of_all)


def _smart(reading: DiskReading) -> Iterable[Point]:
    for name, value in reading.values.items():
        yield value, _disk(reading, {a.HW_PHYSICAL_DISK_SMART_ATTRIBUTE: name})


def _endurance(reading: DiskReading) -> Iterable[Point]:
    used = reading.values.get(PERCENTAGE_USED)
    if used is not None:
        # A disk may be used beyond what its vendor promised: then nothing remains.
        yield max(100 - used, 0) / 100, _disk(reading, {a.HW_PHYSICAL_DISK_STATE: a.DISK_ENDURANCE_REMAINING})


def _size(reading: DiskReading) -> Iterable[Point]:
    if reading.size is not None:
        yield reading.size, reading.identity.disk_attributes


def _status(reading: DiskReading) -> Iterable[Point]:
    if reading.health is not None:
        for state in _STATES:
            yield int(state == reading.health.state), {**reading.identity.attributes, **_IS_DISK, a.HW_STATE: state}


def _errors(reading: DiskReading) -> Iterable[Point]:
    errors = reading.values.get(MEDIA_ERRORS)
    if errors is not None:
        yield errors, {**reading.identity.attributes, **_IS_DISK, a.ERROR_TYPE: a.ERROR_MEDIA}


def _temperature(reading: DiskReading) -> Iterable[Point]:
    if reading.temperature is not None:
        yield reading.temperature, {**reading.identity.attributes, a.HW_SENSOR_LOCATION: a.SENSOR_LOCATION_DISK}


def _disk(reading: DiskReading, extra: Mapping[str, str]) -> Mapping[str, str]:
    return {**reading.identity.disk_attributes, **extra}


METRICS: Final = (
    _per_disk(disk.SMART, _smart),
    _per_disk(disk.ENDURANCE_UTILIZATION, _endurance),
    _per_disk(disk.SIZE, _size),
    _per_disk(hw.STATUS, _status),
    _per_disk(hw.ERRORS, _errors),
    _per_disk(hw.TEMPERATURE, _temperature),
)
