"""Lets an object be made anew in a forked child: locks may be held, and counts were reported, by the parent."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from paddle_otel.guard import guard

_lock = threading.Lock()
_resets: Final[list["weakref.WeakMethod[Callable[[], None]]"]] = []


def call_in_forked_child(reset: Callable[[], Any]) -> None:
    """Call a bound method in every child that this process forks, as long as its object lives.

    Args:
        reset: A bound method; only a weak reference to its object is kept.
    """
    with _lock:
        _resets[:] = [reference for reference in _resets if reference() is not None]
        _resets.append(weakref.WeakMethod(reset))


def _after_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it during the fork
    _lock = threading.Lock()
    for reference in tuple(_resets):
        reset = reference()
        if reset is not None:
            with guard("preparing a forked process"):
                reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
