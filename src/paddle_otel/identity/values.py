"""What may be the id of a request, session, user or tenant: whoever sends it, it is short and can be shown.

A value that breaks these rules is not cut, or two tenants might become one: it is *replaced* by the part of it that can
be shown, ``~``, and a hash of the whole. The same value gives the same replacement on every machine.
"""

import hashlib
from typing import Final

LONGEST: Final = 128
"""Characters that an id has at most; longer ones are replaced."""

_HASH_DIGITS: Final = 32
_SHOWN: Final = LONGEST - _HASH_DIGITS - 1
_LOOKED_AT: Final = 4096


def known_id(value: object) -> str | None:
    """Return an id as it is used everywhere.

    Args:
        value: What somebody said, perhaps a stranger.

    Returns:
        The text without whitespace at its ends; of one that is longer than :data:`LONGEST` or has characters that
        cannot be shown (control characters, invisible ones, half surrogates), a replacement. ``None``, which is
        unknown, for what is no text and for one that is empty.
    """
    if not isinstance(value, str):
        return None
    size = len(value)
    if size > _LOOKED_AT:  # no megabyte is searched or hashed: its ends and its length stand for it
        return _replaced(f"{value[: _LOOKED_AT // 2]}{value[-_LOOKED_AT // 2 :]}{size}")
    text = str.strip(value)
    if len(text) <= LONGEST and text.isprintable():
        return text or None
    return _replaced(text)


def _replaced(text: str) -> str:
    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    shown = "".join(character for character in text[:_SHOWN] if character.isprintable())
    return f"{shown.lstrip()}~{digits}"
