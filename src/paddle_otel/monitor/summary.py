"""Mean, extremes and percentiles of one value."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

PERCENTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Summary:
    """One value over several samples.

    Attributes:
        count: How many samples had the value.
        mean: Their mean. Of an activity: each sample counts by the share that the activity had of its time.
        min: The lowest.
        max: The highest.
        p50: Half of the samples were at most this.
        p90: 90 of 100 were.
        p95: 95 of 100 were.
        p99: 99 of 100 were. Percentiles are those of the samples that are kept (``history``), ``None`` where none is
            kept that has the value; all else is of all samples.
    """

    count: int
    mean: float
    min: float
    max: float
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class Running:
    """What is known of a value without keeping its samples."""

    __slots__ = ("count", "highest", "lowest", "total", "weight")

    def __init__(self) -> None:
        self.count = 0
        self.weight = 0.0
        self.total = 0.0
        self.lowest = math.inf
        self.highest = -math.inf

    def add(self, value: float, weight: float) -> None:
        """Add a sample.

        Args:
            value: Its value.
            weight: How much it counts in the mean.
        """
        self.count += 1
        self.weight += weight
        self.total += value * weight
        self.lowest = min(self.lowest, value)
        self.highest = max(self.highest, value)

    def summary(self, kept: Iterable[tuple[float, float]]) -> Summary:
        """Return the whole.

        Args:
            kept: The values that are kept, each with its weight.
        """
        p50, p90, p95, p99 = percentiles(kept)
        # Rounding must not bring the mean of equal values beside them.
        mean = min(max(self.total / self.weight, self.lowest), self.highest)
        return Summary(self.count, mean, self.lowest, self.highest, p50, p90, p95, p99)


def percentiles(samples: Iterable[tuple[float, float]], wanted: Sequence[int] = PERCENTILES) -> list[float | None]:
    """Return percentiles: each is the least sample up to which that part of all weight lies.

    So each of them is a value that was seen, whatever the weights.

    Args:
        samples: Values with their weights.
        wanted: Which percentiles.
    """
    ordered = sorted(samples)
    if not ordered:
        return [None] * len(wanted)
    sums = list(accumulate(weight for _, weight in ordered))
    found: list[float | None] = []
    for percent in wanted:
        due = sums[-1] * percent / 100 * (1 - 1e-12)  # sums of floats are a little off
        found.append(next(value for (value, _), reached in zip(ordered, sums, strict=True) if reached >= due))
    return found
