"""Values that are kept beside objects, for as long as those live."""

import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

_V = TypeVar("_V")


class WeakIdentityMap(Generic[_V]):
    """Finds a value by which object it belongs to, and forgets it when that object is gone.

    A ``WeakKeyDictionary`` hashes and compares its keys, which objects define as they like (tensors compare by
    content), and makes a reference for each look. Any thread may call any method.

    Args:
        most: About how many values are kept at most; the oldest is forgotten for one more. ``None`` for no limit.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most: Final = most
        self._entries: dict[int, tuple[weakref.ref[Any], _V]] = {}

    def __len__(self) -> int:
        """Return how many objects there are."""
        return len(self._entries)

    def get(self, owner: object) -> _V | None:
        """Return the value of an object, ``None`` where it has none."""
        entry = self._entries.get(id(owner))
        # Where an object is gone, another one may be at its place sooner than its entry is taken out.
        return entry[1] if entry is not None and entry[0]() is owner else None

    def keep(self, owner: object, value: _V) -> _V:
        """Keep a value beside an object, in place of an earlier one.

        Args:
            owner: The object; it is not kept alive.
            value: The value; it must not hold the object.

        Returns:
            The value.

        Raises:
            TypeError: The object is of a type that cannot be weakly referenced.
        """
        key, entries = id(owner), self._entries

        def forget(gone: "weakref.ref[Any]") -> None:
            entry = entries.get(key)
            if entry is not None and entry[0] is gone:  # the id may belong to a newer object by now
                entries.pop(key, None)

        entries[key] = (weakref.ref(owner, forget), value)
        if self._most is not None and len(entries) > self._most:
            # Where another thread changes them between the two steps, there is one more until the next time.
            with suppress(RuntimeError, StopIteration):
                entries.pop(next(iter(entries)), None)
        return value

    def drop(self, owner: object) -> None:
        """Forget the value of an object, if it has one."""
        self._entries.pop(id(owner), None)

    def newest_first(self) -> Iterator[tuple[Any, _V]]:
        """Go through the objects that are still there, and their values."""
        for reference, value in reversed(self._entries.copy().values()):
            owner = reference()
            if owner is not None:
                yield owner, value
