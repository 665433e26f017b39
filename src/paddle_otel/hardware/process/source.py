"""Reads this process from the kernel."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.process.reading import NAME, ProcessReading, Usage
from paddle_otel.hardware.process.usable_cpus import usable_cpus
from paddle_otel.hardware.procfs import KernelFile, whole_lines, whole_number
from paddle_otel.hardware.slow_value import SlowValue

_RESIDENT: Final = 1
"""The column of ``/proc/self/statm`` that counts resident pages."""


class ProcessSource:
    """Reads the process it is called in.

    Usage comes from ``getrusage``: it counts all threads in microseconds in one call, whereas ``/proc/self/status``
    counts the context switches of the main thread alone.

    Args:
        root: Where ``proc`` and ``sys`` are.
        clock: Seconds of a monotonic clock.
        log: Where files that cannot be read are named, each once.
    """

    def __init__(
        self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic, log: OnceLog | None = None
    ) -> None:
        path = root / "proc/self/statm"
        self._statm = KernelFile(path, log or OnceLog(), "physical memory of this process")
        self._cpus = SlowValue(lambda: usable_cpus(root), clock)
        self._page = os.sysconf("SC_PAGE_SIZE")

    @property
    def name(self) -> str:
        """``process``."""
        return NAME

    def read(self) -> ProcessReading:
        """Return what is known about this process."""
        used, moment = resource.getrusage(resource.RUSAGE_SELF), time.monotonic_ns()
        usage = Usage(used.ru_utime, used.ru_stime, used.ru_minflt, used.ru_majflt, used.ru_nvcsw, used.ru_nivcsw)
        return ProcessReading(os.getpid(), moment, usage, self._resident(), self._cpus.get())

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _resident(self) -> int | None:
        columns = b"".join(whole_lines(self._statm.read())).split(b" ")
        pages = whole_number(columns[_RESIDENT]) if len(columns) > _RESIDENT else None
        return pages * self._page if pages else None  # a process that runs has some
