"""Reads sizes and small contents of whatever holds token ids, without copying from a device behind the user's back."""

import sys
from typing import Any, cast


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a tensor or array, ``None`` for anything else. Reads no content."""
    shape = getattr(value, "shape", None)
    # Paddle up to 3.2 gives a list, 3.3 a paddle.Size: both can only be relied on to iterate.
    return None if shape is None else tuple(map(int, shape))


def is_on_host(value: Any) -> bool:
    """Tell whether reading a tensor or array costs no copy from a device."""
    place = getattr(value, "place", None)
    return place is None or bool(place.is_cpu_place())


def array_of(value: Any) -> Any:
    """Return a tensor's content as a NumPy array; arrays come back as they are."""
    return value.numpy() if hasattr(value, "place") else value


def count_nonzero(array: Any) -> int:
    """Count the elements of a NumPy array that are not 0, without a copy of it."""
    return int(sys.modules["numpy"].count_nonzero(array))


def is_list_of_lists(value: Any) -> bool:
    """Tell a list of rows from a single row."""
    rows = cast("list[Any]", value)
    return bool(rows) and isinstance(rows[0], (list, tuple))
