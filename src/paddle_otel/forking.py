"""Lets a program fork while threads of this project run.

An object may be made anew in a forked child: locks may be held, and counts were reported, by the parent. And a thread
may import a module or be inside a driver without harm to the child: see :func:`import_undisturbed` and
:func:`call_undisturbed`.
"""

import contextlib
import importlib
import os
import threading
import time
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeVar

from paddle_otel.guard import guard

LONGEST_DELAY: Final = 1.0
"""How many seconds a fork waits at most for an import to end; importing what this project imports takes 0.02."""
LONGEST_CALL: Final = 0.05
"""How many seconds after its begin forks no longer wait for a call; one of a driver that hangs must not delay them."""

_R = TypeVar("_R")

_lock = threading.Lock()
_resets: Final[list["weakref.WeakMethod[Callable[[], None]]"]] = []
_importing = threading.RLock()


class Crossing:
    """Keeps calls into other libraries and forks apart, as long as either can be asked to wait.

    A fork and the calls of its own thread do not wait for each other, and nobody waits for ever.
    """

    def __init__(self) -> None:
        self.make_anew()

    def make_anew(self) -> None:
        """Forget calls and forks; in a forked child they are those of threads that it does not have."""
        # Reentrant: a signal may interrupt a thread that holds it, and fork.
        self._changed = threading.Condition(threading.RLock())
        self._calls: dict[object, tuple[int, float]] = {}  # the thread, and until when forks wait
        self._forks: dict[int, int] = {}  # by thread; more than one where a fork's hook forks

    def call(self, function: Callable[[], _R]) -> _R:
        """Call a function as soon as no fork is under way."""
        thread, token = threading.get_ident(), object()
        with self._changed:
            self._changed.wait_for(lambda: not self._forks.keys() - {thread}, LONGEST_DELAY)
            self._calls[token] = (thread, time.monotonic() + LONGEST_CALL)
        try:
            return function()
        finally:
            with self._changed:  # in a child that the function forked another one than above
                self._calls.pop(token, None)
                self._changed.notify_all()

    def begin_fork(self) -> None:
        """Let no other thread begin a call, and wait for those that have just begun."""
        thread = threading.get_ident()
        with self._changed:
            self._forks[thread] = self._forks.get(thread, 0) + 1
            while (seconds := self._seconds_to_wait(thread)) > 0:
                self._changed.wait(seconds)

    def end_fork(self) -> None:
        """Let calls begin again."""
        thread = threading.get_ident()
        with self._changed:
            if (depth := self._forks.pop(thread, 0)) > 1:
                self._forks[thread] = depth - 1
            self._changed.notify_all()

    def _seconds_to_wait(self, thread: int) -> float:
        others = [until for caller, until in self._calls.values() if caller != thread]
        return max(others) - time.monotonic() if others else 0.0


_crossing: Final = Crossing()


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


def call_undisturbed(function: Callable[[], _R]) -> _R:
    """Call a function that takes locks of another library; a fork in the meantime waits for it for a moment.

    A driver's library has locks that stay locked in a child that is forked in the middle of a call: the child, which
    may be the program's own worker, would wait for ever as soon as it calls the library. The function in turn waits
    for a fork that is under way, at most :data:`LONGEST_DELAY` seconds.

    Args:
        function: Forks wait for it until :data:`LONGEST_CALL` seconds after its begin.
    """
    return _crossing.call(function)


def _before_fork() -> None:
    _crossing.begin_fork()  # first: a call may import, and would wait for the lock that is taken next
    _importing.acquire(timeout=LONGEST_DELAY)


def _after_in_parent() -> None:
    with contextlib.suppress(RuntimeError):  # not acquired in time
        _importing.release()
    _crossing.end_fork()


def _after_in_child() -> None:
    global _lock, _importing  # noqa: PLW0603 - another thread of the parent may have held them during the fork
    _lock = threading.Lock()
    _importing = threading.RLock()
    _crossing.make_anew()
    for reference in tuple(_resets):
        reset = reference()
        if reset is not None:
            with guard("preparing a forked process"):
                reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
