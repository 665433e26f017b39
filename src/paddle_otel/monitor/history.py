"""The last samples of a monitor, in as little memory as they need."""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from paddle_otel.monitor.quantities import QUANTITIES
from paddle_otel.monitor.shares import Shares


class Moment(NamedTuple):
    """When a sample was taken, and what Paddle did since the one before; shared by all GPUs.

    Attributes:
        wall: ``time.time_ns()``.
        elapsed: Seconds since the monitor was started.
        shares: What Paddle did since the sample before.
    """

    wall: int
    elapsed: float
    shares: Shares


class GpuHistory:
    """The last samples of one GPU; the oldest goes first.

    Args:
        capacity: How many are kept.
    """

    __slots__ = ("_capacity", "_moments", "_next", "_rows", "_width")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._width = len(QUANTITIES)
        self._moments: deque[Moment] = deque(maxlen=capacity)
        self._rows = array("d")  # 8 bytes a value; a tuple of floats takes four times as much
        self._next = 0

    def append(self, moment: Moment, row: Sequence[float]) -> None:
        """Add the newest sample."""
        self._moments.append(moment)
        start = self._next * self._width
        self._rows[start : start + self._width] = array("d", row)
        self._next = (self._next + 1) % self._capacity

    def copy(self) -> "GpuHistory":
        """Return a history of the same samples, which later ones do not change."""
        clone = GpuHistory(self._capacity)
        clone._moments.extend(self._moments)
        clone._rows.extend(self._rows)
        clone._next = self._next
        return clone

    def __len__(self) -> int:
        return len(self._moments)

    def __iter__(self) -> Iterator[tuple[Moment, Sequence[float]]]:
        first = self._next if len(self._moments) == self._capacity else 0
        for place, moment in enumerate(self._moments):
            start = (first + place) % self._capacity * self._width
            yield moment, self._rows[start : start + self._width]
