"""An asynchronous generator that is observed from its first value to its end, close or abandonment."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any

from paddle_otel.decorators.generators import NOBODY, Refused, begun, name_after
from paddle_otel.decorators.observation import Observation, fit_for_collection
from paddle_otel.garbage_collection import watch_collections


def observed_async_generator(
    generator: AsyncGenerator[Any, Any], start: Callable[[], Observation | Refused | None]
) -> AsyncGenerator[Any, Any]:
    """Return an asynchronous generator that gives what another one gives, and takes what it takes.

    While it waits to be asked for the next value nothing of the observation is in the context of the task that asked.

    Args:
        generator: The other one; not started yet.
        start: Starts the observation; called when the first value is asked for. ``None`` means unobserved, refused that
            the caller gets an exception in place of the first value.
    """
    watch_collections()
    outer = _observed(generator, start)
    name_after(generator, outer)
    return outer


async def _observed(
    generator: AsyncGenerator[Any, Any], start: Callable[[], Observation | Refused | None]
) -> AsyncGenerator[Any, Any]:
    # Unobserved too it goes through here: there is no ``yield from`` to hand over to another asynchronous generator.
    observation = begun(start()) or NOBODY
    closing = ends_here = False
    resume: Callable[[], Awaitable[Any]] = partial(_first_value_of, generator)
    while True:
        observation.enter()
        try:
            given = [await resume()]
        except StopAsyncIteration:
            _end(observation, None, closing=closing)
            return
        except BaseException as error:
            _end(observation, error, closing=closing)
            raise
        finally:
            del resume  # it may hold an exception whose traceback holds this frame
        observation.leave()
        ends_here = observation.gave(given[0]) is True
        try:
            sent = yield given.pop()  # nothing of the value is kept
            resume = partial(_closed, generator) if ends_here else partial(generator.asend, sent)
            del sent
        except BaseException as error:  # noqa: BLE001 - thrown in by the program, which the generator may catch
            closing = isinstance(error, GeneratorExit)  # as a close, and the end of an abandoned generator, do
            observation = fit_for_collection(observation)  # where no event loop closes it
            resume = partial(generator.athrow, error)


def _first_value_of(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    # An event loop notes every generator that is begun, and closes them all when it ends. Two that close each other at
    # the same time raise, so it gets to know only the outer one, which closes the inner one.
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


async def _closed(generator: AsyncGenerator[Any, Any]) -> Any:
    await generator.aclose()
    raise StopAsyncIteration  # as a generator does that came to its end


def _end(observation: Observation, error: BaseException | None, *, closing: bool) -> None:
    observation.leave()
    # Thrown into what it was waiting for, too, as when its loop is gone.
    if isinstance(error, GeneratorExit) or (closing and error is None):
        observation.closed()
    elif error is None:
        observation.finished()
    else:
        observation.failed(error)
