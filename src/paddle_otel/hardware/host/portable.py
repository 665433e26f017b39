"""Reads the machine through psutil, where there is no ``/proc``: macOS, Windows and others."""

from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.forking import import_undisturbed
from paddle_otel.hardware.host.reading import CPU_MODES, NAME, CpuTimes, HostReading, Memory, Swap
from paddle_otel.hardware.once_log import OnceLog

_SAME_EVERYWHERE: Final = frozenset({a.CPU_USER, a.CPU_NICE, a.CPU_SYSTEM, a.CPU_IDLE})
"""Modes that do not overlap on any system; Windows also counts its interrupts in ``system``."""


class PortableHostSource:
    """Reads what systems other than Linux tell in the same sense: CPU times, memory in use and free, swap space.

    Args:
        log: Where it is said, once, what the system refuses to tell.
    """

    def __init__(self, log: OnceLog | None = None) -> None:
        self._log = log or OnceLog()

    @property
    def name(self) -> str:
        """``host``."""
        return NAME

    def read(self) -> HostReading | None:
        """Return what the machine says, ``None`` if nothing at all."""
        psutil: Any = import_undisturbed("psutil")  # takes 20 ms, and Linux does not need it here
        try:
            cpu = _cpu_times(psutil.cpu_times()._asdict())
            memory, swap = psutil.virtual_memory(), psutil.swap_memory()
            return HostReading(
                psutil.cpu_count(logical=True),
                cpu,
                cpu,
                Memory(memory.total, memory.used, memory.free, None, None, None),
                Swap(swap.total, swap.free) if swap.free <= swap.total else None,
                None,
            )
        except (OSError, psutil.Error) as error:
            self._log.info(
                "This system does not let the host's CPU times and memory be read (%s), so they are not reported. "
                "Everything else is. This is logged once.",
                type(error).__name__,
            )
            return None

    def close(self) -> None:
        """Nothing is held open between two reads."""


def _cpu_times(seconds: dict[str, float]) -> CpuTimes:
    return tuple(seconds.get(mode) if mode in _SAME_EVERYWHERE else None for mode in CPU_MODES)
