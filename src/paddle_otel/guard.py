"""The one error boundary: telemetry trouble is logged once per site and never reaches the caller.

Everything this project does before and after a user's call runs inside :class:`guard` or :func:`guarded`. They stop
``Exception`` only: ``KeyboardInterrupt``, ``SystemExit`` and ``GeneratorExit`` belong to the program.

The log line carries the exception's type and the code locations it passed through, not its message: a message may
quote the value that caused it, and no prompt or generated text may leave the process.
"""

import contextlib
import functools
import logging
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

_logger: Final = logging.getLogger("paddle_otel")

# Sites are names written in this project's source, so the set cannot grow with traffic.
_reported_sites: Final[set[str]] = set()


class guard:  # noqa: N801 - used as a statement, like contextlib.suppress
    """Context manager that keeps telemetry trouble away from the caller.

    Args:
        site: Where this is, in words a log reader understands, for instance ``"reading the prompt length"``. Each
            site is logged once per process.
    """

    __slots__ = ("_site",)

    def __init__(self, site: str) -> None:
        self._site = site

    def __enter__(self) -> None:
        """Enter the guarded part."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        """Swallow and report an ``Exception``; let every other ``BaseException`` through."""
        if isinstance(error, Exception):
            report(self._site, error)
            return True
        return False


def attempt(site: str, function: Callable[..., _R], *args: Any) -> _R | None:
    """Call a telemetry function; return ``None`` where it would have raised an ``Exception``.

    For functions that are only known at the call, where decorating them would cost more than calling them.

    Args:
        site: As for :class:`guard`.
        function: What to call.
        *args: Its arguments.

    Returns:
        What the function returns, ``None`` on trouble.
    """
    try:
        return function(*args)
    except Exception as error:  # noqa: BLE001 - this is the boundary
        report(site, error)
        return None


def guarded(site: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R | None]]:
    """Decorate a telemetry function so that it returns ``None`` where it would have raised an ``Exception``.

    Args:
        site: As for :class:`guard`.

    Returns:
        A decorator; the decorated function has the same parameters and returns ``None`` on trouble.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R | None]:
        @functools.wraps(function)
        def safe(*args: _P.args, **kwargs: _P.kwargs) -> _R | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - this is the boundary
                report(site, error)
                return None

        return safe

    return decorate


def call_program(what: str, function: Callable[..., Any], *args: Any) -> None:
    """Call a function that the program has handed in; where it raises an ``Exception``, that is logged once.

    Args:
        what: What it is, for the log: ``the callback of a token threshold``.
        function: What to call.
        *args: Its arguments.
    """
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - this is the boundary
        _log_once(
            what,
            error,
            "Your program's own code (%s) raised %s, which goes no further. This is logged once. It came from:\n%s",
        )


def report(site: str, error: Exception) -> None:
    """Log trouble at a site, the first time only.

    Args:
        site: As for :class:`guard`.
        error: What was caught; its type and the code locations are logged, its message is not.
    """
    _log_once(
        site,
        error,
        "Telemetry failed while %s (%s) and is left out where it fails; your program's own calls are not "
        "affected. This is logged once. Please report it with these locations:\n%s",
    )


def _log_once(site: str, error: Exception, message: str) -> None:
    if site in _reported_sites:
        return
    _reported_sites.add(site)
    # Logging itself may raise (a broken handler with logging.raiseExceptions, a closed stream in a custom handler).
    with contextlib.suppress(Exception):
        locations = "".join(traceback.format_tb(error.__traceback__)).rstrip()
        _logger.warning(message, site, type(error).__name__, locations)


def forget_reported_sites() -> None:
    """Forget which sites were logged, so that each is logged again at its next failure (for tests)."""
    _reported_sites.clear()
