"""Which metrics the readings of disks become.

Rates and shares are those of ``iostat -x`` (sysstat: ``rd_stats.c``, ``iostat.c``) over the time between two
collections.
"""

from collections.abc import Callable, Iterable
from typing import Final

from paddle_otel.conventions import disk
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.disks.reading import Counters, DiskReading, DisksReading
from paddle_otel.hardware.kind import ObservedMetric, Point, Window

SECTOR: Final = 512
"""Bytes of a sector in the kernel's counters, whatever the disk's own sectors are."""

Counter = Callable[[Counters], int | float | None]
Rate = Callable[[Counters, Counters, float], float | None]
"""A value from the counters before and now and the seconds between."""


def _milliseconds(value: int | None) -> float | None:
    return None if value is None else value / 1000


def _growth(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before


def _by_direction(metric: Metric, reads: Counter, writes: Counter) -> ObservedMetric[DisksReading]:
    """A counter of reads and one of writes."""

    def points(window: Window[DisksReading]) -> Iterable[Point]:
        for one in window.now.disks:
            if (value := reads(one.counters)) is not None:
                yield value, one.disk.read
            if (value := writes(one.counters)) is not None:
                yield value, one.disk.write

    return ObservedMetric(metric, points)


def _io_time_points(window: Window[DisksReading]) -> Iterable[Point]:
    for one in window.now.disks:
        if (value := _milliseconds(one.counters.io_time)) is not None:
            yield value, one.disk.attributes


def _pairs(window: Window[DisksReading]) -> Iterable[tuple[DiskReading, Counters, float]]:
    """Yield each disk that was there before, with its counters then and the seconds since."""
    if window.before is None:
        return
    seconds = window.now.taken - window.before.taken
    if seconds <= 0:
        return
    before = {one.disk.name: one.counters for one in window.before.disks}
    for one in window.now.disks:
        counters = before.get(one.disk.name)
        if counters is not None:
            yield one, counters, seconds


def _rate(metric: Metric, rate: Rate) -> ObservedMetric[DisksReading]:
    """A value over the time between two collections."""

    def points(window: Window[DisksReading]) -> Iterable[Point]:
        for one, before, seconds in _pairs(window):
            if (value := rate(before, one.counters, seconds)) is not None:
                yield value, one.disk.attributes

    return ObservedMetric(metric, points)


def _utilization(before: Counters, now: Counters, seconds: float) -> float | None:
    """Return the share of the time in which the disk had a request (``%util``).

    The kernel counts in ticks of up to 10 ms, so that a disk that is never idle may come out a little above 1;
    ``iostat`` shows that as it is, a share ends at 1.
    """
    growth = _growth(before.io_time, now.io_time)
    return None if growth is None else min(growth / 1000 / seconds, 1.0)


def _queue_length(before: Counters, now: Counters, seconds: float) -> float | None:
    """Return the mean number of requests in flight (``aqu-sz``)."""
    growth = _growth(before.weighted_time, now.weighted_time)
    return None if growth is None else growth / 1000 / seconds


def _mean_time(time: int | None, operations: int) -> float | None:
    """Return the mean time of an operation, s; there is none without operations, where ``iostat`` shows 0."""
    return None if time is None or operations <= 0 else time / 1000 / operations


def _await_points(window: Window[DisksReading]) -> Iterable[Point]:
    for one, before, _ in _pairs(window):
        now = one.counters
        reads = _mean_time(_growth(before.read_time, now.read_time), now.reads - before.reads)
        if reads is not None:
            yield reads, one.disk.read
        writes = _mean_time(_growth(before.write_time, now.write_time), now.writes - before.writes)
        if writes is not None:
            yield writes, one.disk.write


METRICS: Final = (
    _by_direction(disk.IO, lambda now: now.sectors_read * SECTOR, lambda now: now.sectors_written * SECTOR),
    _by_direction(disk.OPERATIONS, lambda now: now.reads, lambda now: now.writes),
    _by_direction(disk.MERGED, lambda now: now.reads_merged, lambda now: now.writes_merged),
    ObservedMetric(disk.IO_TIME, _io_time_points),
    _by_direction(
        disk.OPERATION_TIME, lambda now: _milliseconds(now.read_time), lambda now: _milliseconds(now.write_time)
    ),
    _rate(disk.UTILIZATION, _utilization),
    ObservedMetric(disk.AWAIT, _await_points),
    _rate(disk.QUEUE_LENGTH, _queue_length),
)
