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
        """Add the newest snapshot."""
        with self._lock:
            self._snapshots.append(snapshot)
            self._latest = snapshot

    def between(self, start: int, end: int) -> tuple[Snapshot, ...]:
        """Return the snapshots taken in an interval, oldest first.

        Args:
            start: Beginning of the interval, ``time.monotonic_ns()``, inclusive.
            end: Its end, inclusive.
        """
        with self._lock:
            snapshots = tuple(self._snapshots)
        return tuple(snapshot for snapshot in snapshots if start <= snapshot.started and snapshot.finished <= end)

    def __len__(self) -> int:
        with self._lock:
            return len(self._snapshots)
