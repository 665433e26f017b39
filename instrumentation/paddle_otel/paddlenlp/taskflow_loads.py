"""Wrapper of the construction of a Taskflow."""

from collections.abc import Callable
from typing import Any

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt
from paddle_otel.operations.model_load import inside_model_load
from paddle_otel.operations.model_naming import ModelNaming, model_naming
from paddle_otel.paddlenlp.taskflow_facts import TaskflowSource, taskflow_source
from paddle_otel.pretrained.handlers import Handlers


class TaskflowLoadWrapper:
    """Wraps ``Taskflow.__init__``, which loads the models of the task.

    Args:
        handlers: Where it reports to.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe one load, and name the programs that are loaded in it after the task's model."""
        source = attempt("describing a Taskflow that is loaded", taskflow_source, args, kwargs) or TaskflowSource()
        naming = model_naming()
        # Also without an SDK: it may be configured after the Taskflow was loaded.
        token = naming.set(ModelNaming(source.model) if source.model else None)
        try:
            return self._load(source, wrapped, instance, args, kwargs)
        finally:
            naming.reset(token)

    def _load(
        self,
        source: TaskflowSource,
        wrapped: Callable[..., Any],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if inside_model_load().get() or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        attributes = {a.PADDLE_PIPELINE_LIBRARY: a.LIBRARY_PADDLENLP}
        if source.task:
            attributes[a.PADDLE_PIPELINE_NAME] = source.task
        load = self._handlers.loads.start(source.model, a.KIND_PIPELINE, type(instance).__name__, attributes)
        if load is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            load.fail(error)
            raise
        load.finish(instance)
        return result
