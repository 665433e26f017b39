"""A generator that is observed from its first value to its end, close or abandonment."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from paddle_otel.decorators.observation import Observation, ObservationInCopy
from paddle_otel.garbage_collection import must_set_no_variable, watch_collections
from paddle_otel.guard import attempt, guard

_Started = TypeVar("_Started")


class Refused(NamedTuple):
    """In place of an observation: what is to be observed must not begin.

    Attributes:
        error: Makes the exception to raise.
    """

    error: Callable[[], BaseException]


def begun(observation: _Started | Refused | None) -> _Started | None:
    """Return an observation that was started.

    Raises:
        BaseException: What it observes must not begin.
    """
    if isinstance(observation, Refused):
        raise observation.error()
    return observation


def observed_generator(
    generator: Generator[Any, Any, Any], start: Callable[[], Observation | Refused | None]
) -> Generator[Any, Any, Any]:
    """Return a generator that gives what another one gives, and takes what it takes.

    While it waits to be asked for the next value nothing of the observation is in the caller's context, so that it may
    be asked from another thread or task, never again, or in turns with others. It keeps none of the values alive.

    Args:
        generator: The other one; not started yet.
        start: Starts the observation; called when the first value is asked for. ``None`` means unobserved, refused that
            the caller gets an exception in place of the first value.
    """
    watch_collections()
    outer = _observed(generator, start)
    name_after(generator, outer)
    return outer


def name_after(inner: object, outer: object) -> None:
    """Give a generator or coroutine the name of the one it stands for, for tracebacks, warnings and profilers."""
    with guard("naming what is observed"):
        for name in ("__name__", "__qualname__"):
            setattr(outer, name, getattr(inner, name))


def _observed(
    generator: Generator[Any, Any, Any], start: Callable[[], Observation | Refused | None]
) -> Generator[Any, Any, Any]:
    # Unobserved too it goes through here: ``yield from`` closes a generator in which GeneratorExit is to be raised.
    observation = begun(attempt("starting to observe a generator", start)) or NOBODY
    closing = ends_here = False
    resume = partial(generator.send, None)
    while True:
        with guard("entering an observed generator"):
            observation.enter()
        try:
            given = [resume()]
        except StopIteration as end:
            _end(observation, None, closing=closing)
            return end.value
        except BaseException as error:
            _end(observation, error, closing=closing)
            raise
        finally:
            del resume  # it may hold an exception whose traceback holds this frame
        with guard("leaving an observed generator"):
            observation.leave()
            ends_here = observation.gave(given[0]) is True
        if closing:  # it gives values all the same; the program wanted it to end here
            with guard("ending an observed generator"):
                observation.closed()
            observation, closing = NOBODY, False
        try:
            sent = yield given.pop()
            resume = partial(_closed, generator) if ends_here else partial(generator.send, sent)
            del sent  # nothing of the program's is kept
        except BaseException as error:  # noqa: BLE001 - thrown in by the program, which the generator may catch
            closing = isinstance(error, GeneratorExit)  # as a close, and the end of an abandoned generator, do
            resume = partial(generator.throw, error)
            if observation is not NOBODY and must_set_no_variable():
                # What it cleans up is to find its own operation, not the one that garbage is collected in.
                observation = ObservationInCopy(observation)
                resume = partial(observation.run, resume)


def _closed(generator: Generator[Any, Any, Any]) -> Any:
    generator.close()
    raise StopIteration  # as a generator does that came to its end


def _end(observation: Observation, error: BaseException | None, *, closing: bool) -> None:
    with guard("leaving an observed generator"):
        observation.leave()
    with guard("ending an observed generator"):
        if closing and (error is None or isinstance(error, GeneratorExit)):
            observation.closed()
        elif error is None:
            observation.finished()
        else:
            observation.failed(error)


class _Nobody:
    """Observes nothing."""

    def enter(self) -> None: ...

    def leave(self) -> None: ...

    def gave(self, value: Any) -> None: ...

    def finished(self) -> None: ...

    def closed(self) -> None: ...

    def failed(self, error: BaseException) -> None: ...


NOBODY: Final[Observation] = _Nobody()
"""Observes nothing."""
