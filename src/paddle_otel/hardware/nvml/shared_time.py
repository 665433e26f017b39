"""How operations that run at the same time share that time."""

from collections import deque
from typing import Final, NamedTuple

CHANGES_KEPT: Final = 256
"""Beginnings and ends that can be looked back over."""


class Moment(NamedTuple):
    """A point in time, and how far the two clocks below had run by then.

    Attributes:
        time: ``time.monotonic_ns()``.
        share: Nanoseconds that an operation running from the beginning until now would have had for itself: while
            ``n`` operations run, this goes on at 1/n of the speed of time. What an operation had for itself is the
            difference between its end and its beginning, whoever ran beside it in between.
        overlap: Nanoseconds in which more than one operation ran.
    """

    time: int
    share: int
    overlap: int


class _Change(NamedTuple):
    """A beginning or an end."""

    moment: Moment
    running: int


class SharedTime:
    """Tells any two moments apart by what an operation had of the time between them.

    Beginnings, ends and questions cost the same however many operations run, and the memory is bounded however many
    began and ended. Not safe for threads: its owner has a lock.
    """

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: deque[_Change] = deque([_Change(Moment(0, 0, 0), 0)], CHANGES_KEPT)

    def at(self, time: int) -> Moment:
        """Return the moment of a time, also one that lies a little in the past.

        Args:
            time: ``time.monotonic_ns()``.

        Returns:
            The moment; the oldest that is still known where so many operations began or ended since.
        """
        for change in reversed(self._changes):
            if change.moment.time <= time:
                return _after(change, time)
        return self._changes[0].moment

    def change(self, now: int, running: int) -> None:
        """Note how many operations run from now on.

        Args:
            now: ``time.monotonic_ns()``; before the last change it counts as that change's time.
            running: How many.
        """
        latest = self._changes[-1]
        self._changes.append(_Change(_after(latest, max(now, latest.moment.time)), running))


def _after(change: _Change, time: int) -> Moment:
    (since, share, overlap), running = change
    elapsed = time - since
    if running > 1:
        return Moment(time, share + elapsed // running, overlap + elapsed)
    return Moment(time, share + elapsed * running, overlap)
