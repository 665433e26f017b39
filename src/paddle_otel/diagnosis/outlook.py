"""Whether the use of something that has a limit is about to reach it."""

from collections import deque
from typing import Final, NamedTuple

from paddle_otel.diagnosis.steady_rise import Point, Steps, rate_of_late, steady_rise

POINTS: Final = 12
"""Points on each scale of time."""
STEP: Final = 5
"""Points of one scale that make one of the next: the highest of them."""
SCALES: Final = 4
"""So that a leak of minutes and one of half an hour are both seen: at one sample a second, 12 s, 1, 5 and 25 min."""

HIGH: Final = 0.85
"""Share of the limit below which a rise is no danger yet …"""
HIGH_IF_FAST: Final = 0.75
"""… or this share, if the limit would be reached within two samples."""
SAMPLES_AHEAD: Final = 2
FORESIGHT: Final = 0.5
"""A rise that was seen for a time is believed to go on for this share of that time, and no longer."""
FAST: Final = Steps(fewest=3, largest=0.6)
"""On the first scale: what reaches the limit within a few samples has few steps, and must be told all the same."""
SLOW: Final = Steps(fewest=5, largest=0.4)
"""On the others."""
CLEAR_FALL: Final = 0.05
"""Of the limit: a fall by this much begins something new."""
ORDINARY_PEAK: Final = 0.95
"""Share of the limit up to which a peak that passed was an ordinary one, which may come again."""


class Outlook(NamedTuple):
    """What lies ahead.

    Attributes:
        rate: How fast the use rises, per second.
        seconds: After how long it reaches the limit if it goes on.
    """

    rate: float
    seconds: float


class OutlookOf:
    """Follows the use of one thing. Costs the same at every value, and remembers a few dozen of them."""

    def __init__(self) -> None:
        self._scales = tuple(deque[Point](maxlen=POINTS) for _ in range(SCALES))
        self._highest = [0.0] * SCALES  # of the points that wait to become one of the next scale
        self._waiting = [0] * SCALES
        self._peak = 0.0
        self._ordinary_peak = 0.0

    def note(self, time: float, value: float, limit: float, *, look: bool = True) -> Outlook | None:
        """Add a value.

        Args:
            time: When it was read, seconds; later than the one before.
            value: The use.
            limit: What it cannot exceed, in the same unit.
            look: Whether anybody wants to know what lies ahead.

        Returns:
            What lies ahead where it rises towards its limit and is near it; ``None`` otherwise, however high it is.
        """
        self._follow_peak(value, limit)
        grown = self._add(Point(time, value))
        if not look or value <= self._ordinary_peak or value < HIGH_IF_FAST * limit:
            return None
        found = [outlook for scale in grown if (outlook := self._ahead(scale, value, limit)) is not None]
        return min(found, key=lambda outlook: outlook.seconds, default=None)

    def _follow_peak(self, value: float, limit: float) -> None:
        """Learn how high the use may go and come back: what was survived once is no danger the next time."""
        if value < self._peak - CLEAR_FALL * limit:
            if self._peak <= ORDINARY_PEAK * limit:
                self._ordinary_peak = max(self._ordinary_peak, self._peak)
            self._peak = value
            self._scales[0].clear()
        self._peak = max(self._peak, value)

    def _add(self, point: Point) -> list[int]:
        """Add a point to the first scale and what becomes of it to the others; return those that have grown."""
        grown: list[int] = []
        for scale in range(SCALES):
            self._scales[scale].append(point)
            grown.append(scale)
            self._highest[scale] = max(self._highest[scale], point.value) if self._waiting[scale] else point.value
            self._waiting[scale] += 1
            if self._waiting[scale] < STEP:
                break
            self._waiting[scale] = 0
            point = Point(point.time, self._highest[scale])
        return grown

    def _ahead(self, scale: int, value: float, limit: float) -> Outlook | None:
        points, steps, left = tuple(self._scales[scale]), SLOW if scale else FAST, max(limit - value, 0.0)
        if len(points) <= steps.fewest:
            return None
        foreseen = FORESIGHT * (points[-1].time - points[0].time) if value >= HIGH * limit else 0.0
        soon = SAMPLES_AHEAD * (points[-1].time - points[-2].time) if scale == 0 else 0.0
        if left > max(foreseen, soon) * rate_of_late(points):  # first what costs little
            return None
        rise = steady_rise(points, limit, steps)
        if rise is None:
            return None
        if left <= soon * rise.of_late:
            return Outlook(rise.of_late, left / rise.of_late)
        # The slower of both: a rise that has just become faster must show that it goes on.
        rate = min(rise.rate, rise.of_late)
        return Outlook(rate, left / rate) if left <= foreseen * rate else None
