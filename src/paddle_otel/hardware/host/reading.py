"""What the machine said about itself."""

from dataclasses import dataclass
from typing import Final

from paddle_otel.conventions import attributes as a

NAME: Final = "host"

CPU_MODES: Final = (a.CPU_USER, a.CPU_NICE, a.CPU_SYSTEM, a.CPU_IDLE, a.CPU_IOWAIT, a.CPU_INTERRUPT, a.CPU_STEAL)
"""A CPU is in one of them at any moment; running a guest is part of ``user`` and ``nice``."""

CpuTimes = tuple[float | None, ...]
"""Seconds by mode, in the order of :data:`CPU_MODES`."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the machine, bytes; ``None`` is not known.

    Attributes:
        total: All of it.
        used: What is neither free nor buffers nor cached, so that the four together are all of it. ``free`` before its
            version 4 shows the same; newer ones, and psutil, show ``total - available``.
        free: Used for nothing.
        buffers: Cache of block devices.
        cached: Page cache, shared memory included, and the kernel's caches that it can drop (``SReclaimable``).
        available: What programs can have without paging, as the kernel estimates it.
    """

    total: int | None
    used: int | None
    free: int | None
    buffers: int | None
    cached: int | None
    available: int | None


@dataclass(frozen=True, slots=True)
class Swap:
    """Swap space, bytes; a machine without any has a total of 0."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Paging:
    """What moved between memory and disks since the machine started, ``None`` where not known.

    Attributes:
        swapped_in: Pages read from swap space.
        swapped_out: Pages written to it.
        minor_faults: Page faults that needed no disk.
        major_faults: Page faults that waited for one.
    """

    swapped_in: int | None
    swapped_out: int | None
    minor_faults: int | None
    major_faults: int | None


@dataclass(frozen=True, slots=True)
class HostReading:
    """The machine at one moment; ``None`` is what it did not say.

    Attributes:
        cpus: CPUs that are online.
        cpu: CPU time since the machine started, as it is: shares of a window are made from it.
        cpu_counted: The same, but never going back: the counters.
        memory: Memory.
        swap: Swap space.
        paging: Paging.
    """

    cpus: int | None
    cpu: CpuTimes | None
    cpu_counted: CpuTimes | None
    memory: Memory | None
    swap: Swap | None
    paging: Paging | None
