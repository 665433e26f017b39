"""Reads the machine from ``/proc``."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paddle_otel.hardware.host.reading import NAME, HostReading, Paging
from paddle_otel.hardware.host.text import cpu_ticks, memory_and_swap, paging_counters
from paddle_otel.hardware.kernel_counters import KernelCounters
from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.procfs import MEMORY, KernelFile, cpus_of_machine
from paddle_otel.hardware.slow_value import SlowValue

_FIRST_LINE: Final = 512
"""Bytes of ``/proc/stat`` that surely hold its first line, the sum of all CPUs."""


class HostSource:
    """Reads the machine; a file that cannot be read costs its own values only.

    Args:
        root: Where ``proc`` and ``sys`` are.
        clock: Seconds of a monotonic clock.
        log: Where files that cannot be read are named, each once.
    """

    def __init__(
        self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic, log: OnceLog | None = None
    ) -> None:
        log = log or OnceLog()
        self._stat = KernelFile(root / "proc/stat", log, "CPU times of the host", longest=_FIRST_LINE)
        self._meminfo = KernelFile(root / MEMORY, log, "memory and swap space of the host")
        self._vmstat = KernelFile(root / "proc/vmstat", log, "paging of the host")
        self._cpus = SlowValue(lambda: cpus_of_machine(root), clock)
        self._cpu_counters = KernelCounters()
        self._paging_counters = KernelCounters()
        self._ticks_per_second = os.sysconf("SC_CLK_TCK")

    @property
    def name(self) -> str:
        """``host``."""
        return NAME

    def read(self) -> HostReading | None:
        """Return what the machine says, ``None`` if nothing at all."""
        ticks = cpu_ticks(self._stat.read())
        memory, swap = memory_and_swap(self._meminfo.read())
        paging = self._counted(paging_counters(self._vmstat.read()))
        reading = HostReading(
            self._cpus.get(),
            self._seconds(ticks) if ticks else None,
            self._seconds(self._cpu_counters.follow(ticks)) if ticks else None,
            memory,
            swap,
            paging,
        )
        return None if reading == _NOTHING else reading

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _seconds(self, ticks: tuple[int | None, ...]) -> tuple[float | None, ...]:
        return tuple(None if tick is None else tick / self._ticks_per_second for tick in ticks)

    def _counted(self, counters: tuple[int | None, ...] | None) -> Paging | None:
        return Paging(*self._paging_counters.follow(counters)) if counters else None


_NOTHING: Final = HostReading(None, None, None, None, None, None)
