"""One memory through time: when an episode of pressure begins and ends."""

import math
from collections import deque
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.diagnosis.memory_advice import free_for_tensors, memory_advice
from paddle_otel.diagnosis.memory_use import MemoryUse
from paddle_otel.diagnosis.outlook import Outlook, OutlookOf
from paddle_otel.diagnosis.work import CacheUse

CALM_FALL: Final = 0.1
"""Of the limit: an episode ends when the use has fallen by this much from the highest value in it."""
CALM_ROOM: Final = 0.8
"""Share of what is free below which what requests will still ask for is no danger any more."""
PREDICTIONS: Final = 2
"""Samples in a row in which the requests in flight must not fit."""
PAUSE: Final = 30.0
"""Seconds after which a rise of the same memory is told again at the earliest, however often it comes and goes."""
PREDICTION_PAUSE: Final = 600.0
"""Seconds after which a prediction is told again at the earliest: most requests end before their limit."""
_SAMPLES_BACK: Final = 30
"""Samples over which advice looks at who has grown."""

Found = tuple[str, dict[str, str | int | float]]
"""The cause, and what is known."""


class _Series:
    """One way to count the use."""

    def __init__(self) -> None:
        self._outlook = OutlookOf()
        self._highest: float | None = None  # since it was told; None: nothing was told, or it has fallen since

    @property
    def was_told(self) -> bool:
        return self._highest is not None

    def note(self, time: float, value: float, limit: float) -> Outlook | None:
        """Return what lies ahead, unless it was told already."""
        if self._highest is not None:
            self._highest = max(self._highest, value)
            if value < self._highest - CALM_FALL * limit:
                self._highest = None
        return self._outlook.note(time, value, limit, look=not self.was_told)

    def tell(self, value: float) -> None:
        self._highest = value


class MemoryTrack:
    """Follows one memory."""

    def __init__(self) -> None:
        self._used, self._needed = _Series(), _Series()
        self._past: deque[tuple[MemoryUse, int | None]] = deque(maxlen=_SAMPLES_BACK)
        self._not_fitting = 0
        self._does_not_fit = False
        self._told_at = self._predicted_at = -math.inf

    @property
    def in_episode(self) -> bool:
        """Whether its use rises towards the limit, and has been told to."""
        return self._needed.was_told

    def note(self, time: float, memory: MemoryUse, cache: CacheUse | None) -> Found | None:
        """Add what was read; return what to tell if an episode begins.

        Args:
            time: When it was read, seconds of a monotonic clock.
            memory: The memory now.
            cache: The key-value caches of requests in flight there, if known.
        """
        self._past.append((memory, None if cache is None else cache.now))
        used = self._used.note(time, memory.used, memory.limit)
        ahead = self._needed.note(time, memory.needed, memory.limit) or used
        begins_not_to_fit = self._begins_not_to_fit(memory, cache)
        if ahead is not None and time - self._told_at >= PAUSE:
            self._told_at = time
            # Both: that the other way to count comes to the same a little later is no news.
            self._used.tell(memory.used)
            self._needed.tell(memory.needed)
            return a.CAUSE_TREND, self._known(a.CAUSE_TREND, ahead, memory, cache)
        if begins_not_to_fit and not self.in_episode and time - self._predicted_at >= PREDICTION_PAUSE:
            self._predicted_at = time
            return a.CAUSE_PREDICTED_PEAK, self._known(a.CAUSE_PREDICTED_PEAK, None, memory, cache)
        return None

    def _begins_not_to_fit(self, memory: MemoryUse, cache: CacheUse | None) -> bool:
        missing, free = 0 if cache is None else cache.predicted - cache.now, free_for_tensors(memory)
        if self._does_not_fit:
            self._does_not_fit, self._not_fitting = missing > 0 and missing >= CALM_ROOM * free, 0
            return False
        self._not_fitting = self._not_fitting + 1 if missing > free else 0
        self._does_not_fit = self._not_fitting >= PREDICTIONS
        return self._does_not_fit

    def _known(
        self, cause: str, ahead: Outlook | None, memory: MemoryUse, cache: CacheUse | None
    ) -> dict[str, str | int | float]:
        before, cache_before = self._past[0]
        known: dict[str, str | int | float | None] = {
            **memory.labels,
            a.PADDLE_MEMORY_PRESSURE_SCOPE: memory.scope,
            a.PADDLE_MEMORY_PRESSURE_CAUSE: cause,
            a.PADDLE_MEMORY_USED: memory.used,
            a.PADDLE_MEMORY_LIMIT: memory.limit,
            a.PADDLE_MEMORY_ALLOCATED: memory.allocated,
            a.PADDLE_MEMORY_RESERVED: memory.reserved,
            a.PADDLE_MEMORY_TREND: None if ahead is None else ahead.rate,
            a.PADDLE_MEMORY_SECONDS_TO_LIMIT: None if ahead is None else ahead.seconds,
            a.PADDLE_MEMORY_PREDICTED: None if cache is None else memory.needed + cache.predicted - cache.now,
            a.PADDLE_MEMORY_PRESSURE_ADVICE: memory_advice(memory, before, cache, cache_before),
        }
        return {key: value for key, value in known.items() if value is not None}
