"""Wrappers of the methods that run a pipeline or a single model."""

from collections.abc import Callable
from functools import partial
from types import GeneratorType
from typing import Any, Final, TypeAlias

from paddle_otel.decorators.generators import observed_generator
from paddle_otel.guard import attempt, guard
from paddle_otel.operations.pipeline import PipelineRequest
from paddle_otel.paddlex.handlers import PaddleXHandlers
from paddle_otel.paddlex.pipeline_call import ObservedCall, inside_pipeline_call

Describe: TypeAlias = Callable[[PaddleXHandlers, Any, tuple[Any, ...], dict[str, Any]], PipelineRequest | None]
"""``describe(handlers, instance, args, kwargs)``: what is known before a call, ``None`` if it is not to be observed."""


class GeneratorWrapper:
    """Wraps a method that gives a generator: nothing has been done when it returns.

    Args:
        handlers: Where it reports to.
        describe: Says what is called.
    """

    def __init__(self, handlers: PaddleXHandlers, describe: Describe) -> None:
        self._handlers: Final = handlers
        self._describe: Final = describe

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe the generator from the first result that is asked for, unless it is part of another call by then."""
        if inside_pipeline_call() or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        # Before the call, so that nothing holds on to the program's inputs as long as the generator lives.
        request = attempt("describing a call of PaddleX", self._describe, self._handlers, instance, args, kwargs)
        result = wrapped(*args, **kwargs)
        if request is None or not _is_generator(result):
            return result
        return observed_generator(result, partial(_start_outermost, self._handlers, request))


class CallWrapper:
    """Wraps a method that does its work before it returns.

    Args:
        handlers: Where it reports to.
        describe: Says what is called.
    """

    def __init__(self, handlers: PaddleXHandlers, describe: Describe) -> None:
        self._handlers: Final = handlers
        self._describe: Final = describe

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe the outermost call of this thread or task, or the generator that it gives."""
        if inside_pipeline_call() or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        request = attempt("describing a call of PaddleX", self._describe, self._handlers, instance, args, kwargs)
        observed = None if request is None else _start_outermost(self._handlers, request)
        if request is None or observed is None:
            return wrapped(*args, **kwargs)
        with guard("entering a call of PaddleX"):
            observed.enter()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            with guard("ending a call of PaddleX"):
                observed.leave()
                observed.raised(error)
            raise
        with guard("ending a call of PaddleX"):
            observed.leave()
            if _is_generator(result):
                # Nothing has been asked for yet. The span of this call is dropped, one of the generator begins then.
                return observed_generator(result, partial(_start_outermost, self._handlers, request))
            observed.returned(result)
        return result


def _is_generator(result: Any) -> bool:
    return isinstance(result, GeneratorType)


def _start_outermost(handlers: PaddleXHandlers, request: PipelineRequest) -> ObservedCall | None:
    if inside_pipeline_call():
        return None
    call = handlers.pipelines.start(request)
    return None if call is None else ObservedCall(call)
