"""What this process uses of a GPU, found by its process id in what the driver says about all processes.

In a container the driver may name processes by their id on the host, by their id in the container, or by the one in
one call and the other in the next (HAMi-core 112). So this process goes by each of its ids, and where none of them is
listed nothing is said about it.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from paddle_otel.hardware.nvml.binding import Binding, NvmlError
from paddle_otel.hardware.nvml.question import Question
from paddle_otel.hardware.nvml.values import amount, ratio

_STATUS: Final = Path("/proc/self/status")
_MOST_BYTES: Final = 65536  # of that file, which has about 1500
_MOST_DIGITS: Final = 10  # of a process id

_SUCCESS: Final = 0
_NOT_FOUND: Final = 6
_MICROSECONDS: Final = 1_000_000  # in a second


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What this process uses of one GPU; ``None`` is what is not known.

    Attributes:
        memory: GPU memory of this process, bytes.
        utilization: Share (0 to 1) of the GPU's multiprocessors it used since this was last read, as the driver
            averages it.
        alone: Whether no other process computes on the GPU, as seen at this very reading; ``None`` also when it was
            not looked.
    """

    memory: int | None
    utilization: float | None
    alone: bool | None


def with_alone(use: ProcessUse | None, alone: bool | None) -> ProcessUse | None:
    """Return what is known with another answer to whether this process is alone."""
    if use is None:
        return ProcessUse(None, None, alone) if alone is not None else None
    return use if use.alone is alone else ProcessUse(use.memory, use.utilization, alone)


def own_pids(status: Path = _STATUS) -> frozenset[int]:
    """Return every id that this process has, in its own namespace and in those around it as far as it can see.

    Args:
        status: The process's status file (``NSpid`` in ``proc_pid_status(5)``).
    """
    pids = {os.getpid()}
    try:
        with status.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except OSError:  # no /proc, or not a Linux one
        return frozenset(pids)
    for line in text.split(b"\n"):
        if line.startswith(b"NSpid:"):
            numbers = line[len(b"NSpid:") :].split()
            pids.update(int(number) for number in numbers if number.isdigit() and len(number) <= _MOST_DIGITS)
    return frozenset(pids - {0})


_found: tuple[int, frozenset[int]] = (0, frozenset())


def own_pids_once() -> frozenset[int]:
    """Return the same, found out once in each process: the ids of a process do not change."""
    global _found  # noqa: PLW0603 - one value for all GPUs; threads that come at the same time find the same
    pid, pids = _found
    if pid != os.getpid():
        pids = own_pids()
        _found = (os.getpid(), pids)
    return pids


class OwnProcess:
    """What this process uses of one GPU.

    One per GPU, because it remembers up to when it has seen the driver's samples; made anew in a forked child.

    Args:
        binding: NVML.
        wall_clock: Nanoseconds since 1970, for tests.
        pids: Returns the ids of this process, for tests.
    """

    def __init__(
        self,
        binding: Binding,
        wall_clock: Callable[[], int] = time.time_ns,
        pids: Callable[[], frozenset[int]] = own_pids_once,
    ) -> None:
        self._binding = binding
        self._wall_clock = wall_clock
        self._pids = pids
        self._seen: int | None = None
        self._known_by: frozenset[int] = frozenset()
        # By their versions: pynvml's function without one raises an error of a class of its own on older drivers.
        self._processes = Question[Sequence[Any]](
            lambda handle: binding.call("nvmlDeviceGetComputeRunningProcesses_v3", handle),
            lambda handle: binding.call("nvmlDeviceGetComputeRunningProcesses_v2", handle),
        )
        self._samples = Question[Sequence[Any]](self._ask_samples)

    def read(self, handle: Any, now: float) -> ProcessUse | None:
        """Return what this process uses, ``None`` when nothing is known of it.

        Args:
            handle: The GPU's handle.
            now: Seconds of a monotonic clock.

        Raises:
            NvmlError: The device is lost or the driver is gone.
        """
        pids = self._pids()
        listed = self._processes.ask(handle, now) or ()
        own = [process for process in listed if process.pid in pids]
        use = ProcessUse(_memory(own), self._utilization(handle, now, pids), _alone(listed, own))
        return None if use == _UNKNOWN else use

    def alone(self, handle: Any, now: float) -> bool | None:
        """Return whether no other process computes on the GPU, ``None`` when that is not known.

        Args:
            handle: The GPU's handle.
            now: Seconds of a monotonic clock.

        Raises:
            NvmlError: The device is lost or the driver is gone.
        """
        listed = self._processes.ask(handle, now) or ()
        pids = self._pids()
        return _alone(listed, [process for process in listed if process.pid in pids])

    def uses(self, handle: Any, now: float) -> bool | None:
        """Return whether this process computes on the GPU.

        Args:
            handle: The GPU's handle.
            now: Seconds of a monotonic clock.

        Returns:
            ``None`` when that cannot be told: the driver does not list processes, or lists some of which one may be
            this one under an id that it does not know itself.

        Raises:
            NvmlError: The device is lost or the driver is gone.
        """
        listed = self._processes.ask(handle, now)
        if listed is None:
            return None
        pids = self._pids()
        if any(process.pid in pids for process in listed):
            return True
        return None if listed else False

    def _utilization(self, handle: Any, now: float, pids: frozenset[int]) -> float | None:
        wall = self._wall_clock() // 1000
        # Without a time the driver averages over all samples it has kept.
        since = self._seen if self._seen is not None else max(wall - _MICROSECONDS, 0)
        self._since = since
        samples = [sample for sample in self._samples.ask(handle, now) or () if sample.timeStamp > since]
        if not samples:
            return None
        # A time in the future would hide every sample until then.
        self._seen = max(since, min(wall, max(sample.timeStamp for sample in samples)))
        own = [sample for sample in samples if sample.pid in pids]
        if own:
            self._known_by = frozenset(sample.pid for sample in own)
            shares = [share for sample in own if (share := ratio(sample.smUtil)) is not None]
            return sum(shares) / len(shares) if shares else None
        # The driver leaves out processes that used nothing. Before it is known by which id the driver calls this
        # process, being left out means nothing.
        return 0.0 if self._known_by & pids else None

    def _ask_samples(self, handle: Any) -> Sequence[Any]:
        try:
            return self._binding.call("nvmlDeviceGetProcessUtilization", handle, self._since)
        except NvmlError as error:
            # No sample since: nobody used the GPU, or the driver took none; pynvml makes an error of success when
            # the driver says that there are 0 of them.
            if error.code in (_NOT_FOUND, _SUCCESS):
                return ()
            raise


_UNKNOWN: Final = ProcessUse(None, None, None)


def _memory(own: Sequence[Any]) -> int | None:
    used = [amount(process.usedGpuMemory) for process in own]
    known = [number for number in used if number]
    # A process that is listed has a context, which takes memory: drivers say 0 in containers when they do not know.
    return sum(known) if known and len(known) == len(used) else None


def _alone(listed: Sequence[Any], own: Sequence[Any]) -> bool | None:
    return len(own) == len(listed) if own else None
