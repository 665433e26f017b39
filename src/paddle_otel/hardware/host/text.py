"""The texts of ``/proc`` about the machine: what the kernel writes there, and what is made of it.

A line that is not as the kernel writes it is not believed in part: its values are unknown.
"""

from typing import Final

from paddle_otel.hardware.host.reading import Memory, Swap
from paddle_otel.hardware.procfs import in_bytes, labelled_numbers, whole_number

_LEAST_COLUMNS: Final = 4
_STEAL: Final = 7
"""The columns of ``/proc/stat``: user, nice, system, idle; then, on all kernels since 2.6.11, iowait, irq, softirq and
steal; then time for guests, which is contained in user and nice."""

_MEMORY: Final = (b"MemTotal:", b"MemFree:", b"Buffers:", b"Cached:", b"SReclaimable:", b"MemAvailable:")
_SWAP: Final = (b"SwapTotal:", b"SwapFree:")
_PAGING: Final = (b"pswpin ", b"pswpout ", b"pgfault ", b"pgmajfault ")


def cpu_ticks(stat: bytes | None) -> tuple[int | None, ...] | None:
    """Return the time of all CPUs by mode, in clock ticks.

    Args:
        stat: ``/proc/stat`` or its beginning.

    Returns:
        In the order of :data:`CPU_MODES`, ``None`` for those of which an old kernel does not tell. ``None`` when the
        line is not what it should be, also when all is 0: a sandbox that does not count writes that (gVisor).
    """
    line, end, _ = (stat or b"").partition(b"\n")
    label, *columns = line.split() or [b""]
    if label != b"cpu" or not end or len(columns) < _LEAST_COLUMNS:
        return None
    times = [whole_number(column) for column in columns[: _STEAL + 1]]
    if None in times or not any(times):
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = [*times, *[None] * (_STEAL + 1 - len(times))]
    interrupt = irq + softirq if irq is not None and softirq is not None else None
    return user, nice, system, idle, iowait, interrupt, steal


def memory_and_swap(meminfo: bytes | None) -> tuple[Memory | None, Swap | None]:
    """Return both as ``/proc/meminfo`` has them, each ``None`` when it does not."""
    total, free, buffers, cached, reclaimable, available = map(in_bytes, labelled_numbers(meminfo, _MEMORY, b" kB"))
    all_cached = cached + reclaimable if cached is not None and reclaimable is not None else None
    memory = Memory(total, _used(total, free, buffers, all_cached), free, buffers, all_cached, available)
    swap_total, swap_free = map(in_bytes, labelled_numbers(meminfo, _SWAP, b" kB"))
    swap = None
    if swap_total is not None and swap_free is not None and swap_free <= swap_total:
        swap = Swap(swap_total, swap_free)
    return None if memory == _NO_MEMORY else memory, swap


def paging_counters(vmstat: bytes | None) -> tuple[int | None, ...] | None:
    """Return pages swapped in and out, minor and major faults, as ``/proc/vmstat`` has them; ``None`` without any."""
    swapped_in, swapped_out, faults, major = labelled_numbers(vmstat, _PAGING)
    minor = faults - major if faults is not None and major is not None and faults >= major else None
    counters = (swapped_in, swapped_out, minor, major)
    return counters if any(counter is not None for counter in counters) else None


def _used(total: int | None, *others: int | None) -> int | None:
    """Return what is left of the total; unknown when a part is, or when the parts are more than the whole (LXCFS)."""
    known = [other for other in others if other is not None]
    if total is None or len(known) < len(others):
        return None
    used = total - sum(known)
    return used if used >= 0 else None


_NO_MEMORY: Final = Memory(None, None, None, None, None, None)
