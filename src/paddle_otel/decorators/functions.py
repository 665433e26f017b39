"""A decorator for a function that may be plain, a coroutine or a generator of either kind."""

import copy
import functools
import importlib
import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import MethodType
from typing import Any, ParamSpec, TypeVar, cast

import wrapt

from paddle_otel.decorators.async_generators import observed_async_generator
from paddle_otel.decorators.generators import Refused, begun, name_after, observed_generator
from paddle_otel.decorators.observation import Observation, fit_for_collection
from paddle_otel.garbage_collection import watch_collections
from paddle_otel.guard import guard

# wrapt's generic parameters cannot express "whatever is being wrapped"; wrapt before 2.0 has none at all.
_FunctionWrapper: Any = wrapt.FunctionWrapper
_BoundFunctionWrapper: Any = wrapt.BoundFunctionWrapper

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Decorator(ABC):
    """Makes a new observation for each call of the function that it decorates."""

    @abstractmethod
    def start(self, *, streams: bool) -> Observation | Refused | None:
        """Start an observation; never raises.

        Args:
            streams: Whether it is one of a generator.

        Returns:
            ``None`` where there is nothing to do, refused where the function must not run.
        """

    def starter(self) -> Callable[[], Observation | Refused | None]:
        """Return what starts the observation of a generator; asked when it is made, called for its first value."""
        return functools.partial(self.start, streams=True)

    def is_wanted(self) -> bool:
        """Tell whether coroutines and generators that are made now are to be observed at all; never raises."""
        return True

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return the function with each of its calls observed."""
        return cast("Callable[_P, _R]", _DecoratedFunction(function, self._wrapper(function)))

    def _wrapper(self, function: Any) -> Callable[..., Any]:
        plain = getattr(function, "__func__", function)  # of a static or class method
        if inspect.isasyncgenfunction(plain):
            return self._async_generator
        if inspect.isgeneratorfunction(plain):
            return self._generator
        return self._coroutine if inspect.iscoroutinefunction(plain) else self._call

    def _call(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        observation = begun(self.start(streams=False))
        if observation is None:
            return wrapped(*args, **kwargs)
        observation.enter()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            observation.leave()
            end(observation, error)
            raise
        observation.leave()
        observation.finished()
        return result

    # Below, the function is called at once, so that wrong arguments raise where they always did.

    def _coroutine(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        coroutine = wrapped(*args, **kwargs)
        if not self.is_wanted():
            return coroutine
        watch_collections()
        never_begun: list[weakref.finalize[..., Any]] = []
        outer = self._awaited(coroutine, never_begun)
        name_after(coroutine, outer)
        with guard("watching a decorated coroutine"):
            # One that never began leaves the other one behind, which would warn that nobody awaited it.
            never_begun.append(weakref.finalize(outer, coroutine.close))
            never_begun[0].atexit = False
        return outer

    async def _awaited(self, coroutine: Coroutine[Any, Any, _R], never_begun: "list[weakref.finalize[..., Any]]") -> _R:
        observation = begun(self.start(streams=False))
        for finalizer in never_begun:
            finalizer.detach()  # it would keep what both wait for, and so both, for as long as nobody ends them
        if observation is None:
            return await coroutine
        observation.enter()
        try:
            result = await coroutine
        except BaseException as error:
            observation = fit_for_collection(observation)
            observation.leave()
            end(observation, error)
            raise
        observation.leave()
        observation.finished()
        return result

    def _generator(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        generator: Generator[Any, Any, Any] = wrapped(*args, **kwargs)
        if not self.is_wanted():
            return generator
        return observed_generator(generator, self.starter())

    def _async_generator(
        self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        generator: AsyncGenerator[Any, Any] = wrapped(*args, **kwargs)
        if not self.is_wanted():
            return generator
        return observed_async_generator(generator, self.starter())


def end(observation: Observation, error: BaseException | None) -> None:
    """End the observation of a block or call, as the exception says that left it."""
    if error is None:
        observation.finished()
    elif isinstance(error, GeneratorExit):
        observation.closed()  # the block is in a generator or coroutine that nobody wants to go on
    else:
        observation.failed(error)


class _DecoratedMethod(_BoundFunctionWrapper):
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


class _DecoratedFunction(_FunctionWrapper):
    """A decorated function; pickled and copied by its name, as a function is."""

    __bound_function_wrapper__ = _DecoratedMethod

    def __reduce_ex__(self, _: Any) -> Any:
        return self.__qualname__

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _: Any) -> Any:
        return self


def _by_name(module: str, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), cast("Any", importlib.import_module(module)))
