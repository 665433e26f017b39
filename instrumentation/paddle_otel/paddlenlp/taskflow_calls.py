"""Wrapper of the calls of a Taskflow."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from paddle_otel.guard import attempt
from paddle_otel.operations.pipeline import PipelineCall
from paddle_otel.paddlenlp.taskflow_facts import result_count, taskflow_request
from paddle_otel.pretrained.handlers import Handlers

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_taskflow", default=False)


class TaskflowCallWrapper:
    """Wraps a call of a Taskflow; a Taskflow that is called inside another is part of it.

    Args:
        handlers: Where it reports to.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe one call."""
        if _inside.get() or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        request = attempt("describing a call of a Taskflow", taskflow_request, instance, args)
        call = self._handlers.pipelines.start(request) if request else None
        if request is None or call is None:
            return wrapped(*args, **kwargs)
        token = _inside.set(True)
        call.enter()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.leave()
            call.fail(error)
            raise
        finally:
            _inside.reset(token)
        _finish(call, request.inputs, result)
        return result


def _finish(call: PipelineCall, inputs: int | None, result: Any) -> None:
    call.leave()
    call.finish(attempt("counting the results of a Taskflow", result_count, inputs, result))
