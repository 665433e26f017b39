"""What may be the id of a request, session, user or tenant: whoever sends it, it is short and can be shown.

A value that breaks these rules is not cut, or two tenants might become one: it is *replaced* by the part of it that can
be shown, ``~``, and a hash of the whole. The same value gives the same replacement on every machine, so which
characters cannot be shown does not depend on the version of Unicode that a Python knows.
"""

import hashlib
import re
from typing import Final

LONGEST: Final = 128
"""Characters that an id has at most; longer ones are replaced."""

_HASH_DIGITS: Final = 32
_SHOWN: Final = LONGEST - _HASH_DIGITS - 1
MOST_HASHED: Final = 65_536
"""Characters up to which an id is hashed as a whole; no server takes a header that is longer."""
_HIDDEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters
    "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces that are not the space
    "\u2028\u2029"  # line and paragraph separators
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"  # what formats text and is not seen
    "\ud800-\udfff"  # half surrogates
    "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"  # private use
    "]"
)


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
    if size <= LONGEST and type(value) is str and value.isascii() and value.isprintable() and " " not in value:
        return value or None  # nearly all are like this, and need no second look
    if size > MOST_HASHED:  # no megabyte is searched or hashed: its ends and its length stand for it
        return _replaced(f"{value[: MOST_HASHED // 2]}{value[-MOST_HASHED // 2 :]}{size}")
    text = str.strip(value)
    if len(text) <= LONGEST and _can_be_shown(text):
        return text or None
    return _replaced(text)


def _can_be_shown(text: str) -> bool:
    if text.isascii():
        return text.isprintable()
    return _HIDDEN.search(text) is None


def _replaced(text: str) -> str:
    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{_HIDDEN.sub('', text[:_SHOWN]).lstrip()}~{digits}"
