"""Counters that go on where the kernel's wrap or begin anew."""

from operator import add, gt
from typing import Final

from paddle_otel.hardware.disks.diskstats import LARGEST

Values = tuple[int, ...]

_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31
_OPERATIONS: Final = {10: (0, 4), 4: (0, 2)}
"""Where the numbers of reads and writes stand, by the number of columns."""
_TIMES: Final = frozenset({3, 7, 8, 9})
"""Where the times stand, which the kernel has 32 bits for: of milliseconds, they wrap after 49.7 days."""


class Totals:
    """Adds up the growth of one disk's counters, so that they never go back.

    Together, because one column tells what became of another:

    - Reads or writes went back: the disk was taken away and brought back, or is another one of the same name. Its
      counters began at 0, so all that they show is growth.
    - Another column went back by more than half of 32 bits: it wrapped. ``iostat`` takes it so as well.
    - A time went back by less: the kernel adds it up over its processors without a lock. It did not grow.
    - A disk that comes back with all counters larger than before is taken for the same: the growth is then too small,
      never too large.
    """

    def __init__(self) -> None:
        self._last: Values = ()
        self._base: Values = ()

    def total(self, values: Values) -> Values | None:
        """Return the totals at these values, ``None`` if they are not the columns that the disk had before."""
        last = self._last
        if not last:
            self._base = (0,) * len(values)
        elif len(values) != len(last):
            return None
        elif any(map(gt, last, values)):
            self._base = _base_after(self._base, last, values)
        self._last = values
        return tuple(map(add, self._base, values))


def _base_after(base: Values, last: Values, values: Values) -> Values:
    """Return what is added to the values from now on, some of which went back."""
    beyond = tuple(
        _went_back(column, before, now) for column, (before, now) in enumerate(zip(last, values, strict=True))
    )
    began_anew = any(values[column] < last[column] for column in _OPERATIONS[len(values)]) or None in beyond
    following = tuple(map(add, base, last if began_anew else (one or 0 for one in beyond)))
    # Only values that no disk has get there; a data point has 64 bits.
    return following if max(map(add, following, values)) <= LARGEST else (0,) * len(values)


def _went_back(column: int, before: int, now: int) -> int | None:
    """Return what a column that went back is short of, ``None`` if only a new beginning explains it."""
    if now >= before:
        return 0
    if before < _WRAP and before - now > _HALF:
        return _WRAP
    return before - now if column in _TIMES else None
