"""Counters of the kernel that go back now and then, made to never do so."""

from collections.abc import Sequence


class KernelCounters:
    """Follows several counters and gives them as they are, except where one goes back.

    Some waver by a few units (``iowait`` and ``idle`` when a CPU wakes up): such a counter stands still until it has
    passed its highest value. A counter that lost more than half of its value counts something else now (a restored
    checkpoint, another cgroup): it goes on from where it was, so nothing is counted that was not seen to happen.
    """

    def __init__(self) -> None:
        self._given: dict[int, int] = {}
        self._offsets: dict[int, int] = {}
        self._identity: object = None
        self._of_another: set[int] = set()

    def follow(self, counters: Sequence[int | None], identity: object = None) -> tuple[int | None, ...]:
        """Return the counters such that none is lower than it was at the call before.

        Args:
            counters: As the kernel gives them, always in the same order; ``None`` is not known now.
            identity: What they count; when it changes, all go on from where they were.
        """
        if identity != self._identity:
            self._of_another = set(self._given)
            self._identity = identity
        return tuple(
            None if counter is None else self._follow(place, counter) for place, counter in enumerate(counters)
        )

    def _follow(self, place: int, counter: int) -> int:
        if place in self._of_another:
            self._of_another.remove(place)
            self._offsets[place] = self._given[place] - counter
        value = counter + self._offsets.get(place, 0)
        given = self._given.get(place, value)
        if value < given:
            if counter < (given - self._offsets.get(place, 0)) / 2:
                self._offsets[place] = given - counter
            value = given
        self._given[place] = value
        return value
