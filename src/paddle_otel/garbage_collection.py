"""Tells whether this thread is collecting garbage at a moment at which no context variable may be set.

Up to Python 3.11 garbage is collected wherever memory is asked for, also while ``ContextVar.set`` makes its new
mapping. What ends in a collection, as a generator that nobody holds any more, and sets a variable then, takes that
mapping away: values of the program are gone, or the interpreter crashes. Later versions collect between two
instructions only.
"""

import gc
import sys
import threading
from typing import Final

_MAY_BREAK: Final = sys.version_info < (3, 12)


class _Collecting:
    """Which thread is collecting; there is one at a time."""

    def __init__(self) -> None:
        self.thread: int | None = None

    def __call__(self, phase: str, _: object) -> None:
        self.thread = threading.get_ident() if phase == "start" else None


_collecting: Final = _Collecting()


def watch_collections() -> None:
    """Know of collections from now on; may be called any number of times."""
    if _MAY_BREAK and _collecting not in gc.callbacks:
        gc.callbacks.append(_collecting)


def must_set_no_variable() -> bool:
    """Tell whether a context variable that is set here and now may break the context of the program.

    What must be done all the same is done in a copy of the context: that has variables of its own.
    """
    return _MAY_BREAK and _collecting.thread == threading.get_ident()
