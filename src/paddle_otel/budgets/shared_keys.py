"""How counts are called in Redis: ``paddle-otel:budget:{tenant:daily:acme}:fixed-86400:20781``.

What stands in braces decides on which machine of a cluster a key lies: all keys of one account lie on the same.
"""

import hashlib
from typing import Final
from urllib.parse import quote

from paddle_otel.budgets.budget import Scope, Window

LONGEST_PART: Final = 96
"""How many characters of a budget's or a subject's name are written; a longer one ends in a digest of it all."""


def key_prefix(scope: Scope, budget: str, subject: str, window: Window) -> str:
    """Return the name of an account's key; with a window, the number of its bucket follows behind a colon.

    Args:
        scope: What the subject is.
        budget: Name of the budget.
        subject: Whose account.
        window: The time within which tokens are counted.
    """
    time = window.kind if window.kind == "none" else f"{window.kind}-{window.seconds}"
    return f"paddle-otel:budget:{{{scope}:{_part(budget)}:{_part(subject)}}}:{time}"


def _part(name: str) -> str:
    """Return a name without colons, braces, blanks and other letters than those of ASCII, as in an address."""
    written = quote(name, safe="", errors="surrogatepass")
    if len(written) <= LONGEST_PART:
        return written
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{written[: LONGEST_PART - len(digest) - 1]}!{digest}"  # no short name contains an exclamation mark
