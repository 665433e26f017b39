"""Which metrics the readings of the machine become."""

from collections.abc import Iterable
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import host
from paddle_otel.hardware.host.reading import CPU_MODES, HostReading, Memory
from paddle_otel.hardware.kind import ObservedMetric, Point, Window
from paddle_otel.hardware.points import NO_ATTRIBUTES, MaybePoint, shown

_MODES: Final = tuple({a.CPU_MODE: mode} for mode in CPU_MODES)
_WAVERING: Final = ({a.CPU_MODE: a.CPU_IDLE}, {a.CPU_MODE: a.CPU_IOWAIT})
"""What Linux estimates on CPUs that sleep and takes back by a little later (proc(5)); that is no time then."""
_USED: Final = {a.SYSTEM_MEMORY_STATE: a.MEMORY_USED}
_FREE: Final = {a.SYSTEM_MEMORY_STATE: a.MEMORY_FREE}
_BUFFERS: Final = {a.SYSTEM_MEMORY_STATE: a.MEMORY_BUFFERS}
_CACHED: Final = {a.SYSTEM_MEMORY_STATE: a.MEMORY_CACHED}
_SWAP_USED: Final = {a.SYSTEM_PAGING_STATE: a.PAGING_USED}
_SWAP_FREE: Final = {a.SYSTEM_PAGING_STATE: a.PAGING_FREE}
_IN: Final = {a.SYSTEM_PAGING_DIRECTION: a.PAGING_IN}
_OUT: Final = {a.SYSTEM_PAGING_DIRECTION: a.PAGING_OUT}
_MINOR: Final = {a.SYSTEM_PAGING_FAULT_TYPE: a.FAULT_MINOR}
_MAJOR: Final = {a.SYSTEM_PAGING_FAULT_TYPE: a.FAULT_MAJOR}


def _cpu_time(reading: HostReading) -> Iterable[MaybePoint]:
    return zip(reading.cpu_counted or (), _MODES, strict=False)


def _cpu_utilization(window: Window[HostReading]) -> Iterable[Point]:
    """Shares of the time that all modes together took between two readings."""
    now, before = window.now.cpu, window.before.cpu if window.before is not None else None
    if now is None or before is None:
        return
    spent = [
        (max(end - start, 0.0) if mode in _WAVERING else end - start, mode)
        for end, start, mode in zip(now, before, _MODES, strict=True)
        if end is not None and start is not None
    ]
    total = sum(seconds for seconds, _ in spent)
    # A counter that went back makes the others' shares wrong, too.
    if total > 0 and all(seconds >= 0 for seconds, _ in spent):
        for seconds, mode in spent:
            yield seconds / total, mode


def _memory_by_state(memory: Memory | None) -> Iterable[MaybePoint]:
    if memory is None:
        return ()
    return (memory.used, _USED), (memory.free, _FREE), (memory.buffers, _BUFFERS), (memory.cached, _CACHED)


def _memory_utilization(reading: HostReading) -> Iterable[MaybePoint]:
    memory = reading.memory
    if memory is None or not memory.total:
        return ()
    total = memory.total
    return [(size / total, state) for size, state in _memory_by_state(memory) if size is not None and size <= total]


def _swap_by_state(reading: HostReading) -> Iterable[MaybePoint]:
    swap = reading.swap
    return ((swap.total - swap.free, _SWAP_USED), (swap.free, _SWAP_FREE)) if swap is not None else ()


def _swap_utilization(reading: HostReading) -> Iterable[MaybePoint]:
    swap = reading.swap
    if swap is None or not swap.total:
        return ()
    return ((swap.total - swap.free) / swap.total, _SWAP_USED), (swap.free / swap.total, _SWAP_FREE)


def _pages(reading: HostReading) -> Iterable[MaybePoint]:
    paging = reading.paging
    return ((paging.swapped_in, _IN), (paging.swapped_out, _OUT)) if paging is not None else ()


def _faults(reading: HostReading) -> Iterable[MaybePoint]:
    paging = reading.paging
    return ((paging.minor_faults, _MINOR), (paging.major_faults, _MAJOR)) if paging is not None else ()


METRICS: Final[tuple[ObservedMetric[HostReading], ...]] = (
    shown(host.CPU_TIME, _cpu_time),
    ObservedMetric(host.CPU_UTILIZATION, _cpu_utilization),
    shown(host.CPU_LOGICAL_COUNT, lambda reading: [(reading.cpus, NO_ATTRIBUTES)]),
    shown(host.MEMORY_USAGE, lambda reading: _memory_by_state(reading.memory)),
    shown(host.MEMORY_LIMIT, lambda reading: [(reading.memory.total if reading.memory else None, NO_ATTRIBUTES)]),
    shown(host.MEMORY_UTILIZATION, _memory_utilization),
    shown(
        host.MEMORY_AVAILABLE,
        lambda reading: [(reading.memory.available if reading.memory else None, NO_ATTRIBUTES)],
    ),
    shown(host.PAGING_USAGE, _swap_by_state),
    shown(host.PAGING_UTILIZATION, _swap_utilization),
    shown(host.PAGING_OPERATIONS, _pages),
    shown(host.PAGING_FAULTS, _faults),
)
