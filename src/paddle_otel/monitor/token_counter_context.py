"""Which session and request of a token counter a thread or task is in.

Kept in one context variable for all counters, as a chain of what was opened and not closed: asyncio tasks and threads
that are given a copy of the context go on in the same session, and counters that come and go leave nothing behind.
"""

from contextvars import ContextVar
from typing import Final, NamedTuple

from paddle_otel.monitor.token_counter_thresholds import Scope


class _Opened(NamedTuple):
    counter: str
    scope: Scope
    name: str
    outer: "_Opened | None"


_innermost: Final[ContextVar[_Opened | None]] = ContextVar("paddle_otel_token_counter_scope", default=None)


def open_scope(counter: str, scope: Scope, name: str) -> None:
    """Enter a session or request.

    Args:
        counter: The counter's key.
        scope: ``session`` or ``request``.
        name: Its name.
    """
    _innermost.set(_Opened(counter, scope, name, _innermost.get()))


def close_scope(counter: str, scope: Scope, name: str) -> None:
    """Leave what was opened last under this name; nothing happens where it was opened in another context."""
    inner: list[_Opened] = []
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


def opened_name(counter: str, scope: Scope) -> str | None:
    """Return the session or request that was opened last here, ``None`` outside of all."""
    opened = _innermost.get()
    while opened is not None:
        if opened.counter == counter and opened.scope == scope:
            return opened.name
        opened = opened.outer
    return None
