"""Values that change so rarely that they are not read at each sample."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

SECONDS: Final = 30.0
"""How long such a value holds: limits, cgroups, and the number of CPUs."""


class SlowValue(Generic[Value]):
    """A value that is found at first use and again when it is old.

    Args:
        find: Finds it.
        clock: Seconds of a monotonic clock.
    """

    __slots__ = ("_clock", "_find", "_known", "_until")

    def __init__(self, find: Callable[[], Value], clock: Callable[[], float]) -> None:
        self._find = find
        self._clock = clock
        self._known: tuple[Value] | None = None
        self._until = 0.0

    def get(self) -> Value:
        """Return the value as it was at most :data:`SECONDS` ago."""
        now = self._clock()
        known = self._known
        if known is None or now >= self._until:
            self._known = known = (self._find(),)
            self._until = now + SECONDS
        return known[0]
