"""How windows lie in time, and what counts within them; every ledger computes the same."""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from paddle_otel.budgets.budget import Window

COMPARED_EVERY: Final = 0.1
"""Seconds between two looks at the system's clock: each costs as much as all else that a step asks of the time."""


class Count(NamedTuple):
    """The tokens of one account.

    Attributes:
        current: Those of the bucket of now. A bucket is as long as the window and begins at a multiple of its length
            since 1970 (UTC).
        previous: Those of the bucket before; only a sliding window looks at them.
        elapsed: Seconds since the bucket of now began.
    """

    current: int
    previous: int
    elapsed: float

    def used(self, window: Window) -> int:
        """Return what is used within the window.

        A sliding window takes the tokens of the previous bucket as evenly spread, and of them what is still inside.
        """
        if window.kind != "sliding" or not self.previous:
            return self.current
        return self.current + math.ceil(self.previous * (window.seconds - self.elapsed) / window.seconds)

    def retry_after(self, window: Window, want: int, limit: int) -> float | None:
        """Return the seconds until so many tokens fit, ``None`` for never."""
        if self.used(window) + want <= limit:
            return 0.0
        if window.kind == "none" or want > limit:
            return None
        rest, room = window.seconds - self.elapsed, limit - want
        if window.kind == "fixed":
            return rest
        if self.current <= room:
            return rest - window.seconds * (room - self.current) / self.previous
        return rest + window.seconds * (1 - room / self.current)


class WindowClock:
    """The time of day, which never goes back.

    It follows the system's clock forwards, within :data:`COMPARED_EVERY` seconds. Where that is set back, it goes on at
    the pace of a clock that cannot be set: no window begins a second time and none lasts longer. Until the process ends
    or the system's clock has caught up, windows then begin that much earlier than the full hour.

    Args:
        wall: Seconds since 1970; may jump.
        steady: Seconds since some moment; never jumps.
    """

    __slots__ = ("_compare_at", "_difference", "_steady", "_wall")

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall: Final = wall
        self._steady: Final = steady
        now = steady()
        self._difference = wall() - now
        self._compare_at = now + COMPARED_EVERY

    def now(self) -> float:
        """Return the seconds since 1970."""
        steady = self._steady()
        if steady >= self._compare_at:
            self._compare_at = steady + COMPARED_EVERY
            self._difference = max(self._difference, self._wall() - steady)
        return steady + self._difference
