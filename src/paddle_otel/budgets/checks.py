"""Checks of what a program or a file says of a budget; each raises ``ValueError`` with the field's name first."""

from collections.abc import Collection
from typing import Any, Final

LONGEST_TEXT: Final = 256
"""Letters of a name or of a value that is matched."""


def text(name: str, value: Any) -> None:
    """Let printable text pass, of 1 to :data:`LONGEST_TEXT` letters."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"{name}: expected 1 to {LONGEST_TEXT} printable letters, not {value!r:.80}")


def whole(name: str, value: Any, least: int, most: int) -> None:
    """Let a whole number pass."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name}: expected a whole number from {least} to {most}, not {value!r:.80}")


def one_of(name: str, value: Any, allowed: Collection[str]) -> None:
    """Let one of some values pass."""
    if value not in allowed:
        raise ValueError(f"{name}: expected {listed(allowed)}, not {value!r:.80}")


def listed(values: Collection[str]) -> str:
    """Return values as people list them."""
    *most, last = values
    return f"{', '.join(most)} or {last}"
