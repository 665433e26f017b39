"""The last snapshots, bounded by their number."""

import threading
from collections import deque
from typing import Final

from paddle_otel.sampling.snapshot import Snapshot

CAPACITY: Final = 600
"""Snapshots kept: ten minutes at the default interval of one second, one minute at 0.1 s.

A snapshot of eight GPUs takes 2.5 KiB, so a full history takes 1.5 MiB whatever the interval
(``tests/benchmarks/bench_sampler.py`` measures it).
"""


class History:
    """A ring of snapshots: one thread appends, any thread reads.

    Args:
        capacity: How many are kept; the oldest goes first.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._snapshots: deque[Snapshot] = deque(maxlen=capacity)
        self._latest: Snapshot | None = None
        self._lock = threading.Lock()

    @property
    def latest(self) -> Snapshot | None:
        """The newest snapshot, whatever its age."""
        return self._latest

    def append(self, snapshot: Snapshot) -> None:
        """Add the newest snapshot.

        One that began before the newest is left out: a thread that was replaced may have been late with it.
        """
        with self._lock:
            if self._latest is None or self._latest.started < snapshot.started:
                self._snapshots.append(snapshot)
                self._latest = snapshot

    def between(self, start: int, end: int) -> tuple[Snapshot, ...]:
        """Return the snapshots taken in an interval, oldest first.

        Args:
            start: Beginning of the interval, ``time.monotonic_ns()``, inclusive.
            end: Its end, inclusive.
        """
        found: list[Snapshot] = []
        with self._lock:
            for snapshot in reversed(self._snapshots):  # the interval is most often the last few of many
                if snapshot.started < start:
                    break
                if snapshot.finished <= end:
                    found.append(snapshot)
        found.reverse()
        return tuple(found)

    def __len__(self) -> int:
        with self._lock:
            return len(self._snapshots)
