"""Fields of a JSON text that nobody vouches for: whatever is not what it should be is ``None``."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

Fields = Mapping[str, object]
"""A JSON object."""

_EMPTY: Final[Fields] = {}
_LARGEST: Final = 2**63 - 1
"""OTLP has signed integers of 64 bits; one number above would make a whole export fail."""
_LONGEST_INTEGER: Final = 40
"""Digits of the largest number that smartctl writes, 128 bits; converting a million digits takes minutes."""
_LONGEST_TEXT: Final = 128
_MOST_ITEMS: Final = 1024


def decode(output: bytes) -> Fields | None:
    """Return the object that a JSON text is, ``None`` if it is none.

    ``NaN``, infinities and integers that no device counts up to become ``None``.
    """
    try:
        value: object = json.loads(output.decode("utf-8", "replace"), parse_int=_integer, parse_constant=lambda _: None)
    except (ValueError, RecursionError):  # no JSON, or nested a thousand deep
        return None
    return cast("Fields", value) if isinstance(value, dict) else None


def under(fields: Fields, *path: str) -> Fields:
    """Return the object at the end of a path of keys, an empty one if there is none."""
    value = _at(fields, path)
    return cast("Fields", value) if isinstance(value, dict) else _EMPTY


def objects(fields: Fields, *path: str) -> Sequence[Fields]:
    """Return the objects of a list, the first 1024 of them."""
    value = _at(fields, path)
    if not isinstance(value, list):
        return ()
    return [cast("Fields", item) for item in cast("list[Any]", value)[:_MOST_ITEMS] if isinstance(item, dict)]


def count(fields: Fields, *path: str) -> int | None:
    """Return a whole number that is not negative and fits 63 bits."""
    value = _at(fields, path)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    return None


def number(fields: Fields, *path: str) -> float | None:
    """Return a finite number."""
    value = _at(fields, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _LARGEST and math.isfinite(value) else None


def flag(fields: Fields, *path: str) -> bool | None:
    """Return a truth value."""
    value = _at(fields, path)
    return value if isinstance(value, bool) else None


def text(fields: Fields, *path: str) -> str | None:
    """Return a text without control characters and halves of surrogates, at most 128 characters of it."""
    value = _at(fields, path)
    if not isinstance(value, str):
        return None
    # A lone surrogate cannot be written as UTF-8 and would make a whole export fail.
    return "".join(filter(str.isprintable, value)).strip()[:_LONGEST_TEXT] or None


def _at(fields: Fields, path: Sequence[str]) -> object:
    value: object = fields
    for key in path:
        if not isinstance(value, dict):
            return None
        value = cast("Fields", value).get(key)
    return value


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else None
