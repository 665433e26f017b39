"""Whether a series of values rises steadily, and how fast; robust against steps, peaks and noise."""

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

MOST_FALLS: Final = 0.1
"""Share of all pairs of points of which the later one may be lower."""
LEAST_RISE: Final = 0.002
"""Of the limit: less than this over all points is noise."""
_RECENT: Final = 4


class Point(NamedTuple):
    """A value at a time in seconds."""

    time: float
    value: float


class Steps(NamedTuple):
    """How a rise must be made up to be one: what comes in a few steps may be a start that loads and reserves.

    Attributes:
        fewest: From one point to the next it must have grown so many times.
        largest: Share of the whole rise that may come in one of them.
    """

    fewest: int
    largest: float


class Rise(NamedTuple):
    """A steady rise.

    Attributes:
        rate: Per second, over all points: the median over all pairs of them.
        of_late: Per second, over the last few.
        seconds: For how long it has been seen.
    """

    rate: float
    of_late: float
    seconds: float


def steady_rise(points: Sequence[Point], limit: float, steps: Steps) -> Rise | None:
    """Return how points rise, ``None`` when they do not rise steadily.

    Args:
        points: In the order of their times, not more than a dozen: every pair of them is looked at.
        limit: What the values must not reach.
        steps: How the rise must be made up.
    """
    if not _keeps_rising(points, limit, steps):
        return None
    pairs = [
        (after.value - before.value, after.time - before.time)
        for place, after in enumerate(points)
        for before in points[:place]
    ]
    if sum(grown < 0 for grown, _ in pairs) > MOST_FALLS * len(pairs):
        return None
    overall = _median([grown / elapsed for grown, elapsed in pairs])
    of_late = rate_of_late(points)
    return Rise(overall, of_late, points[-1].time - points[0].time) if min(overall, of_late) > 0 else None


def _median(values: list[float]) -> float:
    # Not the standard library's: importing it takes longer than all else here.
    values.sort()
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _keeps_rising(points: Sequence[Point], limit: float, steps: Steps) -> bool:
    changes = [after.value - before.value for before, after in itertools.pairwise(points)]
    rises = [change for change in changes if change > 0]
    if len(rises) < steps.fewest or max(rises) > steps.largest * sum(rises):
        return False
    return points[-1].value - points[0].value >= LEAST_RISE * limit


def rate_of_late(points: Sequence[Point]) -> float:
    """Return the rate over the last few of two or more points."""
    first, last = points[-min(_RECENT, len(points))], points[-1]
    return (last.value - first.value) / (last.time - first.time)
