"""Which session and request of a token counter a thread or task is in.

Kept in one context variable for all counters, as a chain of what was opened and not closed: asyncio tasks and threads
that are given a copy of the context go on in the same session, and counters that come and go leave nothing behind.
"""

from contextvars import ContextVar
from typing import Final, NamedTuple

from paddle_otel.monitor.token_counter_thresholds import Scope


class Opened(NamedTuple):
    """What was opened last; names alone, so that keeping it keeps nothing of the program.

    Attributes:
        counter: The counter's key.
        scope: ``session`` or ``request``.
        name: Its name.
        outer: What is open around it.
    """

    counter: str
    scope: Scope
    name: str
    outer: "Opened | None"


_innermost: Final[ContextVar[Opened | None]] = ContextVar("paddle_otel_token_counter_scope", default=None)


def open_scope(counter: str, scope: Scope, name: str) -> None:
    """Enter a session or request.

    Args:
        counter: The counter's key.
        scope: ``session`` or ``request``.
        name: Its name.
    """
    _innermost.set(Opened(counter, scope, name, _innermost.get()))


def close_scope(counter: str, scope: Scope, name: str) -> None:
    """Leave what was opened last under this name; nothing happens where it was opened in another context."""
    inner: list[Opened] = []
    opened = _innermost.get()
    while opened is not None and opened[:3] != (counter, scope, name):
        inner.append(opened)
        opened = opened.outer
    if opened is None:
        return
    left = opened.outer
    for still_open in reversed(inner):  # closed in another order than opened, as two generators may do
        left = still_open._replace(outer=left)
    _innermost.set(left)


def opened_here() -> Opened | None:
    """Return what was opened last here, ``None`` outside of all."""
    return _innermost.get()


def opened_name(counter: str, scope: Scope, opened: Opened | None) -> str | None:
    """Return the innermost session or request of a counter, ``None`` where none is open.

    Args:
        counter: The counter's key.
        scope: ``session`` or ``request``.
        opened: What is open.
    """
    while opened is not None:
        if opened.counter == counter and opened.scope == scope:
            return opened.name
        opened = opened.outer
    return None
