"""Values beside objects: found by which object it is, gone with it."""

import gc
from dataclasses import dataclass

import pytest

from paddle_otel.weak_identity import WeakIdentityMap
from racing import race


@dataclass(eq=True)
class Alike:
    """Equal to all others of its number, and therefore without a hash."""

    number: int = 0


def test_it_is_the_object_that_counts() -> None:
    """Not what it is equal to."""
    kept: WeakIdentityMap[str] = WeakIdentityMap()
    first, second, third = Alike(), Alike(), Alike()
    assert kept.keep(first, "first") == "first"
    kept.keep(second, "second")
    assert (kept.get(first), kept.get(second), kept.get(third), kept.get(None)) == ("first", "second", None, None)
    kept.keep(first, "changed")
    kept.drop(second)
    kept.drop(third)
    assert (kept.get(first), kept.get(second), len(kept)) == ("changed", None, 1)


def test_what_is_gone_is_forgotten() -> None:
    """At once, and with its value."""
    kept: WeakIdentityMap[Alike] = WeakIdentityMap()
    values: WeakIdentityMap[str] = WeakIdentityMap()
    owner, value = Alike(), Alike()
    kept.keep(owner, value)
    values.keep(value, "is alive")
    del value
    assert len(values) == 1
    del owner
    assert (len(kept), len(values)) == (0, 0)


def test_what_is_at_the_place_of_another_one_is_not_taken_for_it() -> None:
    """Neither before garbage collection has found the other one gone, nor afterwards."""
    kept: WeakIdentityMap[str] = WeakIdentityMap()
    places: set[int] = set()
    for number in range(200):
        owner = Alike(number)
        assert kept.get(owner) is None
        kept.keep(owner, "known")
        places.add(id(owner))
        owner.cycle = [owner]  # pyright: ignore[reportAttributeAccessIssue] - any attribute would do
        del owner
        if number % 10 == 0:
            gc.collect()
    gc.collect()
    assert (len(places) < 200, len(kept)) == (True, 0)


def test_the_oldest_makes_room() -> None:
    """Where there is a limit."""
    kept: WeakIdentityMap[int] = WeakIdentityMap(3)
    owners = [Alike(number) for number in range(5)]
    for number in range(5):
        kept.keep(owners[number], number)
    assert [kept.get(owner) for owner in owners] == [None, None, 2, 3, 4]
    del owners[3]
    assert [(alive.number, value) for alive, value in kept.newest_first()] == [(4, 4), (2, 2)]


def test_some_objects_cannot_be_referenced_weakly() -> None:
    """Who keeps something beside one of those is told."""
    kept: WeakIdentityMap[int] = WeakIdentityMap()
    with pytest.raises(TypeError):
        kept.keep(1, 1)
    assert (kept.get(1), len(kept)) == (None, 0)


@pytest.mark.parametrize("most", [None, 3])
def test_threads_that_come_and_go(most: int | None) -> None:
    """Each finds its own, though objects die at every moment and others take their places."""
    kept: WeakIdentityMap[int] = WeakIdentityMap(most)
    wrong: list[int] = []

    def work(thread: int) -> None:
        for number in range(thread, 1_500):
            owner = Alike(number)
            kept.keep(owner, number)
            if kept.get(owner) not in ((number,) if most is None else (number, None)):
                wrong.append(number)
            wrong.extend(alive.number for alive, value in kept.newest_first() if alive.number != value)

    race(work)
    assert (wrong, len(kept)) == ([], 0)
