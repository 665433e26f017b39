"""Functions that are called when a count of tokens reaches a number."""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from paddle_otel.guard import call_program

Scope = Literal["total", "session", "request"]
SCOPES: Final = ("total", "session", "request")


class ThresholdCrossed(NamedTuple):
    """What a threshold's function is told.

    Attributes:
        limit: The number that was reached.
        scope: What was counted: ``total``, ``session`` or ``request``.
        name: Of the session or request, ``None`` for the total.
        tokens: The count with the addition that reached the limit.
    """

    limit: int
    scope: Scope
    name: str | None
    tokens: int


class Threshold:
    """A number to look out for; :meth:`cancel` it when it does not matter any more.

    Args:
        limit: The number.
        scope: What is counted.
        callback: What is called.
        owner: Where it is kept.
    """

    def __init__(
        self, limit: int, scope: Scope, callback: Callable[[ThresholdCrossed], Any], owner: "Thresholds"
    ) -> None:
        self.limit: Final = limit
        self.scope: Final[Scope] = scope
        self.callback: Final = callback
        self._owner = owner

    def cancel(self) -> None:
        """Look out for it no longer; doing so again changes nothing."""
        self._owner.remove(self)


class Call(NamedTuple):
    """A function that is due.

    Attributes:
        callback: What to call.
        crossed: What to tell it.
    """

    callback: Callable[[ThresholdCrossed], Any]
    crossed: ThresholdCrossed

    def make(self) -> None:
        """Call it; an ``Exception`` is logged once and goes no further."""
        call_program("the callback of a token threshold", self.callback, self.crossed)


class Thresholds:
    """The thresholds of one counter, the lower ones first."""

    def __init__(self) -> None:
        # Any thread may add one: each change of the dictionary is a single step.
        self._all: dict[int, Threshold] = {}

    def add(self, limit: int, scope: Scope, callback: Callable[[ThresholdCrossed], Any]) -> Threshold:
        """Look out for a number."""
        threshold = Threshold(limit, scope, callback, self)
        self._all[id(threshold)] = threshold
        return threshold

    def remove(self, threshold: Threshold) -> None:
        """Look out for it no longer."""
        self._all.pop(id(threshold), None)

    def crossed(self, scope: Scope, name: str | None, before: int, added: int) -> list[Call]:
        """Return what is to be called as a count rises; counts only rise, so each crossing is seen once.

        Args:
            scope: What is counted.
            name: Of the session or request.
            before: The count before.
            added: By how much it rises.
        """
        if not self._all:
            return []
        now = before + added
        reached = [one for one in tuple(self._all.values()) if one.scope == scope and before < one.limit <= now]
        reached.sort(key=lambda one: one.limit)
        return [Call(one.callback, ThresholdCrossed(one.limit, scope, name, now)) for one in reached]
