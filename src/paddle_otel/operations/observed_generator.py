"""A generator that is observed from its first value to its end, close or abandonment."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

from paddle_otel.guard import guard


class Observation(Protocol):
    """What observes a generator. Nothing of this may raise."""

    def enter(self) -> None:
        """The generator goes on, in this thread or task."""
        ...

    def leave(self) -> None:
        """It has given a value, or ended."""
        ...

    def gave(self, value: Any) -> None:
        """It has given this value; called after :meth:`leave`."""
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


def observed_generator(
    generator: Generator[Any, Any, Any], start: Callable[[], Observation | None]
) -> Generator[Any, Any, Any]:
    """Return a generator that gives what another one gives, and takes what it takes.

    While it waits to be asked for the next value nothing of the observation is in the caller's context, so that it may
    be asked from another thread or task, never again, or in turns with others.

    Args:
        generator: The other one; not started yet.
        start: Starts the observation; called when the first value is asked for. ``None`` means unobserved.
    """
    outer = _observed(generator, start)
    with guard("naming an observed generator"):
        for name in ("__name__", "__qualname__"):  # what a traceback or a profiler shows
            setattr(outer, name, getattr(generator, name))
    return outer


def _observed(generator: Generator[Any, Any, Any], start: Callable[[], Observation | None]) -> Generator[Any, Any, Any]:
    observation = start()
    if observation is None:
        return (yield from generator)
    resume = partial(next, generator)
    while True:
        observation.enter()
        try:
            value = resume()
        except StopIteration as end:
            observation.leave()
            observation.finished()
            return end.value
        except BaseException as error:
            observation.leave()
            observation.failed(error)
            raise
        observation.leave()
        observation.gave(value)
        try:
            sent = yield value
        except GeneratorExit:
            _close(generator, observation)
            raise
        except BaseException as error:  # noqa: BLE001 - thrown in by the program, which the generator may catch
            resume = partial(generator.throw, error)
        else:
            resume = partial(generator.send, sent)


def _close(generator: Generator[Any, Any, Any], observation: Observation) -> None:
    observation.enter()
    try:
        generator.close()
    except BaseException as error:
        observation.leave()
        observation.failed(error)
        raise
    observation.leave()
    observation.closed()
