"""Observes a block of code, or what a decorated function does: it may be plain, a coroutine or a generator."""

import copy
import functools
import importlib
import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import MethodType, TracebackType
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, cast

import wrapt

from paddle_otel.guard import attempt, guard
from paddle_otel.operations.observe_async_generator import observed_async_generator
from paddle_otel.operations.observe_reporting import reporting
from paddle_otel.operations.observe_values import misuse
from paddle_otel.operations.observed_generator import Observation, name_after, observed_generator

# wrapt's generic parameters cannot express "whatever is being wrapped"; wrapt before 2.0 has none at all.
_FunctionWrapper: Any = wrapt.FunctionWrapper
_BoundFunctionWrapper: Any = wrapt.BoundFunctionWrapper

_P = ParamSpec("_P")
_R = TypeVar("_R")
_H = TypeVar("_H")
_H_co = TypeVar("_H_co", covariant=True)


class HandledObservation(Observation, Protocol[_H_co]):
    """An observation to which the program can say more."""

    @property
    def handle(self) -> _H_co:
        """What the program is given."""
        ...


class Observer(ABC, Generic[_H]):
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
    def start(self, *, streams: bool) -> HandledObservation[_H] | None:
        """Start an observation; never raises.

        Args:
            streams: Whether it is one of a generator.

        Returns:
            ``None`` where nothing is to be reported.
        """

    def __enter__(self) -> _H:
        """Begin to observe a block."""
        if self._open is not None:
            self._overlaps += 1
            misuse(f"{self._name}(...)", "is entered again before it was left: make a new one for each block")
            return self._unobserved
        self._open = self.start(streams=False)
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
            _end(observation, error)

    async def __aenter__(self) -> _H:
        """Begin to observe a block of a coroutine."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; what was raised goes on."""
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return the function with each of its calls observed."""
        return cast("Callable[_P, _R]", _ObservedFunction(function, self._wrapper(function)))

    def _wrapper(self, function: Any) -> Callable[..., Any]:
        plain = getattr(function, "__func__", function)  # of a static or class method
        if inspect.isasyncgenfunction(plain):
            return self._async_generator
        if inspect.isgeneratorfunction(plain):
            return self._generator
        return self._coroutine if inspect.iscoroutinefunction(plain) else self._call

    def _call(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        observation = self.start(streams=False)
        if observation is None:
            return wrapped(*args, **kwargs)
        observation.enter()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            observation.leave()
            _end(observation, error)
            raise
        observation.leave()
        observation.finished()
        return result

    # Below, the function is called at once, so that wrong arguments raise where they always did.

    def _coroutine(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        coroutine = wrapped(*args, **kwargs)
        if not _is_reported():
            return coroutine
        outer = self._awaited(coroutine)
        name_after(coroutine, outer)
        with guard("watching an observed coroutine"):
            # One that never began leaves the other one behind, which would warn that nobody awaited it.
            weakref.finalize(outer, coroutine.close).atexit = False
        return outer

    async def _awaited(self, coroutine: Coroutine[Any, Any, _R]) -> _R:
        observation = self.start(streams=False)
        if observation is None:
            return await coroutine
        observation.enter()
        try:
            result = await coroutine
        except BaseException as error:
            observation.leave()
            _end(observation, error)
            raise
        observation.leave()
        observation.finished()
        return result

    def _generator(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        generator: Generator[Any, Any, Any] = wrapped(*args, **kwargs)
        return (
            observed_generator(generator, functools.partial(self.start, streams=True)) if _is_reported() else generator
        )

    def _async_generator(
        self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        generator: AsyncGenerator[Any, Any] = wrapped(*args, **kwargs)
        return (
            observed_async_generator(generator, functools.partial(self.start, streams=True))
            if _is_reported()
            else generator
        )


def _is_reported() -> bool:
    return attempt("looking for where a program's operations go", reporting) is not None


def _end(observation: Observation, error: BaseException | None) -> None:
    if error is None:
        observation.finished()
    elif isinstance(error, GeneratorExit):
        observation.closed()  # the block is in a generator or coroutine that nobody wants to go on
    else:
        observation.failed(error)


class _ObservedMethod(_BoundFunctionWrapper):
    """A decorated method bound to its object or class; pickled and copied as a bound method is."""

    def __reduce_ex__(self, _: Any) -> Any:
        bound = self.__wrapped__
        if isinstance(bound, MethodType):
            return getattr, (cast("Any", bound.__self__), bound.__name__)
        return _by_name, (self.__module__, self.__qualname__)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        function, arguments = self.__reduce_ex__(0)
        return function(*copy.deepcopy(arguments, memo))


class _ObservedFunction(_FunctionWrapper):
    """A decorated function; pickled and copied by its name, as a function is."""

    __bound_function_wrapper__ = _ObservedMethod

    def __reduce_ex__(self, _: Any) -> Any:
        return self.__qualname__

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _: Any) -> Any:
        return self


def _by_name(module: str, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), cast("Any", importlib.import_module(module)))
