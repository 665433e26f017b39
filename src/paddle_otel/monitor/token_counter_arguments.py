"""Checks what a program hands to a token counter: a wrong value raises at the call that brings it."""

from numbers import Integral
from typing import Any, Final

from paddle_otel.monitor.token_counter_thresholds import SCOPES, Scope

LONGEST_NAME: Final = 1024
"""Characters that the name of a session or request may have."""


def checked_count(count: Any, what: str, least: int = 0) -> int:
    """Return a number of tokens as a plain integer.

    Args:
        count: An integer of Python or NumPy. A tensor is refused: reading it would wait for its device.
        what: What it is, for the message.
        least: The least that it may be.

    Raises:
        TypeError: It is no integer (also not ``True``).
        ValueError: It is less than that.
    """
    if isinstance(count, bool) or not isinstance(count, Integral):
        raise TypeError(f"{what} must be an integer, not {type(count).__name__}")
    if count < least:
        raise ValueError(f"{what} must be at least {least}, not {count}")
    return int(count)


def checked_name(name: Any, scope: str) -> str:
    """Return the name of a session or request.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty, or longer than :data:`LONGEST_NAME`.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {scope} must be a string, not {type(name).__name__}")
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"the name of a {scope} must have 1 to {LONGEST_NAME} characters, not {len(name)}")
    return name


def checked_scope(scope: Any) -> Scope:
    """Return what a threshold counts.

    Raises:
        ValueError: It is none of the three.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {', '.join(SCOPES)}, not {scope!r}")
    return scope
