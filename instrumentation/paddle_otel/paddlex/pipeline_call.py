"""One observed call of a pipeline: plain, or a generator that works whenever it is asked for the next result."""

from contextvars import ContextVar, Token
from typing import Any, Final, cast

from paddle_otel.context_part import set_over_default
from paddle_otel.guard import guard
from paddle_otel.operations.pipeline import PipelineCall

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_paddlex_call", default=False)


def inside_pipeline_call() -> bool:
    """Tell whether a pipeline is at work here: what it calls then is part of it."""
    return _inside.get()


class ObservedCall:
    """One call; its span is the current one, and :func:`inside_pipeline_call` true, while it works.

    Args:
        call: The call.
    """

    __slots__ = ("_call", "_results", "_token")

    def __init__(self, call: PipelineCall) -> None:
        self._call = call
        self._results = 0
        self._token: Token[bool] | None = None

    def enter(self) -> None:
        """It works, in this thread or task."""
        self._call.enter()
        self._token = set_over_default(_inside, True)

    def leave(self) -> None:
        """It has given a result, or ended."""
        token, self._token = self._token, None
        if token is not None:
            with guard("leaving a call of PaddleX"):
                _inside.reset(token)
        self._call.leave()

    def gave(self, value: Any) -> None:
        """It has given a result."""
        del value
        self._results += 1

    def returned(self, results: Any) -> None:
        """A plain call returned these results."""
        self._call.finish(len(cast("list[Any]", results)) if isinstance(results, list) else None)

    def raised(self, error: BaseException) -> None:
        """A plain call raised."""
        self._call.fail(error)

    def finished(self) -> None:
        """A generator came to its end."""
        self._call.finish(self._results, exhausted=True)

    def closed(self) -> None:
        """The program closed a generator, or let go of it."""
        self._call.finish(self._results, exhausted=False)

    def failed(self, error: BaseException) -> None:
        """A generator raised."""
        self._call.fail(error, self._results)
