"""Lets a program fork while threads of this project run.

An object may be made anew in a forked child: locks may be held, and counts were reported, by the parent. And a thread
may import a module without harm to the child: see :func:`import_undisturbed`.
"""

import contextlib
import importlib
import os
import threading
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from paddle_otel.guard import guard

LONGEST_DELAY: Final = 1.0
"""How many seconds a fork waits at most for an import to end; importing what this project imports takes 0.02."""

_lock = threading.Lock()
_resets: Final[list["weakref.WeakMethod[Callable[[], None]]"]] = []
_importing = threading.RLock()


def call_in_forked_child(reset: Callable[[], Any]) -> None:
    """Call a bound method in every child that this process forks, as long as its object lives.

    Args:
        reset: A bound method; only a weak reference to its object is kept.
    """
    with _lock:
        _resets[:] = [reference for reference in _resets if reference() is not None]
        _resets.append(weakref.WeakMethod(reset))


def import_undisturbed(name: str) -> ModuleType:
    """Import a module on a thread of this project; a fork in the meantime waits for the import.

    Python's locks on modules stay locked in a child that is forked in the middle of an import: the child would wait for
    ever as soon as it imports the same module, or one of those that this module imports.

    Args:
        name: The module's full name.

    Raises:
        ImportError: As the import statement does.
    """
    with _importing:
        return importlib.import_module(name)


def _before_fork() -> None:
    _importing.acquire(timeout=LONGEST_DELAY)


def _after_in_parent() -> None:
    with contextlib.suppress(RuntimeError):  # not acquired in time
        _importing.release()


def _after_in_child() -> None:
    global _lock, _importing  # noqa: PLW0603 - another thread of the parent may have held them during the fork
    _lock = threading.Lock()
    _importing = threading.RLock()
    for reference in tuple(_resets):
        reset = reference()
        if reset is not None:
            with guard("preparing a forked process"):
                reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
