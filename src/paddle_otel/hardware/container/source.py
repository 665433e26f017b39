"""Reads the container from the files of its cgroups."""

import time
from collections.abc import Callable
from pathlib import Path

from paddle_otel.hardware.cgroups.container import Container, find_container
from paddle_otel.hardware.cgroups.limits import Limit, tightest
from paddle_otel.hardware.container.counting import (
    cpu_throttled,
    cpu_times,
    memory_that_cannot_be_dropped,
    memory_usage,
)
from paddle_otel.hardware.container.reading import NAME, ContainerReading
from paddle_otel.hardware.kernel_counters import KernelCounters
from paddle_otel.hardware.slow_value import SlowValue


class ContainerSource:
    """Reads the container of this process.

    Nothing is logged: no limit, no such file and no permission are ordinary in containers.

    Args:
        root: Where ``proc`` and ``sys`` are.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._container = SlowValue(lambda: find_container(root), clock)
        self._times = KernelCounters()
        self._throttled = KernelCounters()

    @property
    def name(self) -> str:
        """``container``."""
        return NAME

    def read(self) -> ContainerReading | None:
        """Return what the cgroups say, ``None`` when nothing limits this process more than the machine does."""
        container = self._container.get()
        if container is None:
            return None
        memory_limit, cpu_limit = tightest(container.memory_limits), tightest(container.cpu_limits)
        user, system = self._cpu_seconds(container)
        return ContainerReading(
            container.claim,
            memory_usage(container.memory) if container.memory is not None else None,
            int(memory_limit.amount) if memory_limit is not None else None,
            _memory_available(container),
            cpu_limit.amount if cpu_limit is not None else None,
            user,
            system,
            self._throttled_seconds(cpu_limit),
        )

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _cpu_seconds(self, container: Container) -> tuple[float | None, ...]:
        times = cpu_times(container.cpu) if container.cpu is not None else (None, None)
        return tuple(_seconds(time) for time in self._times.follow(times, container.claim))

    def _throttled_seconds(self, limit: Limit | None) -> float | None:
        if limit is None:
            return None
        # The tightest limit may move to another group, which has been throttled for another time since it began.
        (throttled,) = self._throttled.follow((cpu_throttled(limit.cgroup),), limit.cgroup.folder)
        return _seconds(throttled)


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _memory_available(container: Container) -> int | None:
    """Return the least that any limit leaves; unknown if that of one is."""
    left: list[int] = []
    for limit in container.memory_limits:
        used = memory_that_cannot_be_dropped(limit.cgroup)
        if used is None:
            return None
        left.append(max(int(limit.amount) - used, 0))
    return min(left, default=None)
