"""Reads this process through psutil, where there is no ``/proc``: macOS, Windows and others."""

import os
import time
from typing import Any

from paddle_otel.forking import import_undisturbed
from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.process.reading import NAME, ProcessReading, Usage


class PortableProcessSource:
    """Reads what all systems tell in the same sense: CPU time and physical memory.

    Args:
        log: Where it is said, once, what the system refuses to tell.
    """

    def __init__(self, log: OnceLog | None = None) -> None:
        self._log = log or OnceLog()

    @property
    def name(self) -> str:
        """``process``."""
        return NAME

    def read(self) -> ProcessReading | None:
        """Return what is known about this process, ``None`` if nothing at all."""
        psutil: Any = import_undisturbed("psutil")  # takes 20 ms, and Linux does not need it here
        pid = os.getpid()
        try:
            process = psutil.Process(pid)
            times, moment = process.cpu_times(), time.monotonic_ns()
            usage = Usage(times.user, times.system, None, None, None, None)
            return ProcessReading(pid, moment, usage, process.memory_info().rss, psutil.cpu_count(logical=True))
        except (OSError, psutil.Error) as error:
            self._log.info(
                "This system does not let this process's CPU time and memory be read (%s), so they are not reported. "
                "Everything else is. This is logged once.",
                type(error).__name__,
            )
            return None

    def close(self) -> None:
        """Nothing is held open between two reads."""
