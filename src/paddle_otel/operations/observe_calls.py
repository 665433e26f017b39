"""Observes a block of code, or what a decorated function does: it may be plain, a coroutine or a generator."""

from abc import abstractmethod
from types import TracebackType
from typing import Final, Generic, Protocol, TypeVar

from paddle_otel.decorators.functions import Decorator, end
from paddle_otel.decorators.generators import Refused, begun
from paddle_otel.decorators.observation import Observation
from paddle_otel.guard import attempt
from paddle_otel.operations.observe_reporting import reporting
from paddle_otel.operations.observe_values import misuse

_H = TypeVar("_H")
_H_co = TypeVar("_H_co", covariant=True)


class HandledObservation(Observation, Protocol[_H_co]):
    """An observation to which the program can say more."""

    @property
    def handle(self) -> _H_co:
        """What the program is given."""
        ...


class Observer(Decorator, Generic[_H]):
    """A context manager, and a decorator that makes a new observation for each call.

    Args:
        name: As the program writes it, for the log.
        unobserved: What a program is given where nothing is observed.
    """

    def __init__(self, name: str, unobserved: _H) -> None:
        self._name: Final = name
        self._unobserved: Final = unobserved
        self._open: HandledObservation[_H] | None = None
        self._overlaps = 0

    @abstractmethod
    def start(self, *, streams: bool) -> HandledObservation[_H] | Refused | None:
        """Start an observation; never raises.

        Args:
            streams: Whether it is one of a generator.

        Returns:
            ``None`` where nothing is to be reported.
        """

    def __enter__(self) -> _H:
        """Begin to observe a block.

        Raises:
            BaseException: A budget refuses what is to be observed; the block does not run.
        """
        if self._open is not None:
            self._overlaps += 1
            misuse(f"{self._name}(...)", "is entered again before it was left: make a new one for each block")
            return self._unobserved
        self._open = begun(self.start(streams=False))
        if self._open is None:
            return self._unobserved
        self._open.enter()
        return self._open.handle

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; what was raised goes on."""
        if self._overlaps:
            self._overlaps -= 1
            return
        observation, self._open = self._open, None
        if observation is not None:
            observation.leave()
            end(observation, error)

    async def __aenter__(self) -> _H:
        """Begin to observe a block of a coroutine."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; what was raised goes on."""
        self.__exit__(kind, error, traceback)

    def is_wanted(self) -> bool:
        """Tell whether anything is to be reported."""
        return attempt("looking for where a program's operations go", reporting) is not None
