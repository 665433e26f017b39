"""Patterns for ids: a star stands for any letters, or none; everything else is meant as it is written."""

from collections.abc import Callable
from typing import Final

ANY: Final = "*"


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a text fits a pattern, in time that grows with the length of the text alone."""
    if ANY not in pattern:
        return lambda value: value == pattern
    first, *middle, last = pattern.split(ANY)

    # By hand: a regular expression with many stars takes for ever on a value that nearly fits.
    def fits(value: str) -> bool:
        at, end = len(first), len(value) - len(last)
        if at > end or not value.startswith(first) or not value.endswith(last):
            return False
        for part in middle:
            found = value.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return fits
