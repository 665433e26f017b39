"""Tells monitors what code does that nobody observes."""

import inspect
from collections.abc import Callable
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, TypeVar

from paddle_otel.activity import ACTIVITY, IDLE

_F = TypeVar("_F", bound=Callable[..., Any])


class activity(ContextDecorator):  # noqa: N801 - used as a statement and as a decorator
    """Names what a part of the program does, for the statistics of monitors.

    Around code or above a function:

    .. code:: python

        with activity("forward"):
            loss = model(batch)


        @activity("evaluate")
        def evaluate(): ...

    Without a monitor that runs it does nothing. Inside another one, the inner one counts.

    Args:
        kind: ``prefill``, ``decode``, ``predict``, ``forward``, ``backward``, or a name of your own. 64 names are kept
            apart; use a few fixed ones.

    Raises:
        ValueError: It is no name: empty, no text, or ``idle``, which is what is left.
        TypeError: It stands above an ``async`` function or a generator, whose call only makes an object.
    """

    def __init__(self, kind: str) -> None:
        if not isinstance(kind, str) or not kind.strip() or kind == IDLE:  # pyright: ignore[reportUnnecessaryIsInstance] - users have no type checker
            raise ValueError(f"activity({kind!r}): expected a name such as 'forward'; 'idle' is the time without one.")
        self._kind = kind

    def __call__(self, func: _F) -> _F:
        """Return the function with the name around each call."""
        if inspect.iscoroutinefunction(func) or inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            name = getattr(func, "__qualname__", type(func).__name__)  # functools.partial has none
            raise TypeError(
                f"activity({self._kind!r}) above {name}: calling it does not run it yet. Put "
                f"'with activity({self._kind!r}):' around the parts of it that work."
            )
        return super().__call__(func)

    def __enter__(self) -> None:
        ACTIVITY.begin(self._kind)

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        ACTIVITY.end(self._kind)
