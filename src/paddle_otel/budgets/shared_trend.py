"""How quickly what is left of a budget becomes less, whoever uses it or sets it aside."""

import math
from typing import Final

OVER: Final = 0.05
"""Over how many seconds at least it is measured …"""
CAUTION: Final = 2.0
"""… and how many times as quickly it is taken to go on while an answer is late."""


class Trend:
    """Of one account, as the shared ledger has told it."""

    __slots__ = ("_at", "_before", "_lately", "_left")

    def __init__(self) -> None:
        self._left = 0
        self.forget()

    def forget(self) -> None:
        """Know nothing of how it was before."""
        self._at = 0.0
        self._before: tuple[float, int] | None = None  # when so many were left, some while ago
        self._lately: tuple[float, int] | None = None

    def note(self, at: float, left: int) -> None:
        """Note how many are left.

        Args:
            at: When that was asked, ``time.monotonic()``.
            left: How many tokens.
        """
        self._at, self._left = at, left
        if self._before is None or self._lately is None:
            self._before = self._lately = (at, left)
        elif at - self._lately[0] > OVER:
            self._before, self._lately = self._lately, (at, left)

    def fall(self, now: float) -> int:
        """Return how many tokens fewer are left by now than there were, if all go on more quickly than before."""
        if self._before is None:
            return 0
        since, before = self._before
        a_second = max(0, before - self._left) / max(self._at - since, OVER)
        return math.ceil(CAUTION * a_second * (now - self._at))
