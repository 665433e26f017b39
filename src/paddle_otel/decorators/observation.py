"""What observes a generator, coroutine or call."""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Protocol, TypeVar

from paddle_otel.garbage_collection import must_set_no_variable

_R = TypeVar("_R")


class Observation(Protocol):
    """What observes a generator. What it raises reaches nobody."""

    def enter(self) -> None:
        """The generator goes on, in this thread or task."""
        ...

    def leave(self) -> None:
        """It has given a value, or ended."""
        ...

    def gave(self, value: Any) -> bool | None:
        """It has given this value; called after :meth:`leave`.

        Returns:
            Whether it is to end behind this value.
        """
        ...

    def finished(self) -> None:
        """It came to its end."""
        ...

    def closed(self) -> None:
        """The program closed it, or let go of it."""
        ...

    def failed(self, error: BaseException) -> None:
        """It raised."""
        ...


class ObservationInCopy:
    """An observation that goes on in a copy of the context, and sets no variable of the context itself.

    Args:
        observation: The observation.
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._context = copy_context()

    def run(self, function: Callable[[], _R]) -> _R:
        """Call what is observed, in the copy."""
        return self._context.run(function)

    def enter(self) -> None:
        """It goes on, in the copy."""
        self._context.run(self._observation.enter)

    def leave(self) -> None:
        """It has given a value, or ended. What it was entered in outside of the copy stays as it is."""
        self._context.run(self._observation.leave)

    def gave(self, value: Any) -> bool | None:
        """It has given this value."""
        return self._context.run(self._observation.gave, value)

    def finished(self) -> None:
        """It came to its end."""
        self._context.run(self._observation.finished)

    def closed(self) -> None:
        """The program let go of it."""
        self._context.run(self._observation.closed)

    def failed(self, error: BaseException) -> None:
        """It raised."""
        self._context.run(self._observation.failed, error)


def fit_for_collection(observation: Observation) -> Observation:
    """Return the observation, in a copy of the context where garbage collection ends what it observes."""
    return ObservationInCopy(observation) if must_set_no_variable() else observation
