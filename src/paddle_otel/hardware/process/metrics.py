"""Which metrics the readings of this process become."""

from collections.abc import Iterable
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import host
from paddle_otel.hardware.kind import ObservedMetric, Point, Window
from paddle_otel.hardware.points import NO_ATTRIBUTES, MaybePoint, shown
from paddle_otel.hardware.process.reading import ProcessReading

_USER: Final = {a.CPU_MODE: a.CPU_USER}
_SYSTEM: Final = {a.CPU_MODE: a.CPU_SYSTEM}
_MINOR: Final = {a.SYSTEM_PAGING_FAULT_TYPE: a.FAULT_MINOR}
_MAJOR: Final = {a.SYSTEM_PAGING_FAULT_TYPE: a.FAULT_MAJOR}
_VOLUNTARY: Final = {a.PROCESS_CONTEXT_SWITCH_TYPE: a.SWITCH_VOLUNTARY}
_INVOLUNTARY: Final = {a.PROCESS_CONTEXT_SWITCH_TYPE: a.SWITCH_INVOLUNTARY}


def _cpu_time(reading: ProcessReading) -> Iterable[MaybePoint]:
    return (reading.usage.user, _USER), (reading.usage.system, _SYSTEM)


def _cpu_utilization(window: Window[ProcessReading]) -> Iterable[Point]:
    """CPU time over the CPU time that was there to be had: CPUs times the time between two readings."""
    now, before = window.now, window.before
    if before is None or before.pid != now.pid or not now.cpus:
        return
    available = (now.moment - before.moment) / 1e9 * now.cpus
    user, system = now.usage.user - before.usage.user, now.usage.system - before.usage.system
    if available > 0 and user >= 0 and system >= 0:
        yield user / available, _USER
        yield system / available, _SYSTEM


def _context_switches(reading: ProcessReading) -> Iterable[MaybePoint]:
    return (reading.usage.voluntary_switches, _VOLUNTARY), (reading.usage.involuntary_switches, _INVOLUNTARY)


def _faults(reading: ProcessReading) -> Iterable[MaybePoint]:
    return (reading.usage.minor_faults, _MINOR), (reading.usage.major_faults, _MAJOR)


METRICS: Final[tuple[ObservedMetric[ProcessReading], ...]] = (
    shown(host.PROCESS_CPU_TIME, _cpu_time, of_process=True),
    ObservedMetric(host.PROCESS_CPU_UTILIZATION, _cpu_utilization, of_process=True),
    shown(host.PROCESS_MEMORY_USAGE, lambda reading: [(reading.resident, NO_ATTRIBUTES)], of_process=True),
    shown(host.PROCESS_CONTEXT_SWITCHES, _context_switches, of_process=True),
    shown(host.PROCESS_PAGING_FAULTS, _faults, of_process=True),
)
