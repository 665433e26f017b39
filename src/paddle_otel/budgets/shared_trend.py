"""How quickly others take from a budget, whether they use it or set it aside."""

import math
from typing import Final

OVER: Final = 0.05
"""Over how many seconds at least it is measured …"""
CAUTION: Final = 2.0
"""… and how many times as quickly it is taken to go on while an answer is late."""


class Trend:
    """Of one account, as the shared ledger has told it."""

    __slots__ = ("_at", "_before", "_lately", "_taken")

    def __init__(self) -> None:
        self._taken = 0
        self.forget()

    def forget(self) -> None:
        """Know nothing of how it was before."""
        self._at = 0.0
        self._before: tuple[float, int] | None = None  # when others had so many, some while ago
        self._lately: tuple[float, int] | None = None

    def note(self, at: float, taken: int) -> None:
        """Note how many others have.

        Args:
            at: When that was asked, ``time.monotonic()``.
            taken: How many tokens.
        """
        self._at, self._taken = at, taken
        if self._before is None or self._lately is None:
            self._before = self._lately = (at, taken)
        elif at - self._lately[0] > OVER:
            self._before, self._lately = self._lately, (at, taken)

    @property
    def is_rising(self) -> bool:
        """Whether others have taken any of late."""
        return self._before is not None and self._taken > self._before[1]

    def rise(self, now: float) -> int:
        """Return how many tokens more others have by now, if they go on more quickly than before."""
        if self._before is None:
            return 0
        since, before = self._before
        a_second = max(0, self._taken - before) / max(self._at - since, OVER)
        return math.ceil(CAUTION * a_second * (now - self._at))
