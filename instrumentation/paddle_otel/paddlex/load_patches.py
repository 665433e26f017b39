"""Wrappers of what creates a pipeline and the models in it."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt
from paddle_otel.operations.model_naming import ModelNaming, model_naming
from paddle_otel.paddlex.handlers import PaddleXHandlers
from paddle_otel.paddlex.pipeline_names import model_name, module_of, pipeline_name
from paddle_otel.pretrained.load_patches import FromPretrainedWrapper


class _PartBeingCreated(NamedTuple):
    model: object
    module: str | None


_part: Final[ContextVar[_PartBeingCreated | None]] = ContextVar("paddle_otel_part_of_pipeline", default=None)


class PipelineCreation:
    """Wraps the call of a class (``__call__`` of its metaclass), where that class is a named pipeline.

    Whatever way a pipeline is created, ``create_pipeline``, ``PaddleOCR(...)`` or by its own class, it is seen here
    once. The models and pipelines that it creates for itself are loads of their own, below its own.

    Args:
        handlers: Where it reports to.
    """

    def __init__(self, handlers: PaddleXHandlers) -> None:
        self._handlers = handlers

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe the creation of one pipeline."""
        if self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        name = attempt("naming a pipeline", _name_of_pipeline, instance)
        load = None if name is None else self._handlers.loads.start(name, a.KIND_PIPELINE, instance.__name__)
        if load is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            load.fail(error)
            raise
        load.finish(result)
        return result


class PartCreation:
    """Wraps ``create_model`` of pipelines: remembers whose model it is, and what for.

    Args:
        handlers: What remembers.
    """

    def __init__(self, handlers: PaddleXHandlers) -> None:
        self._handlers = handlers

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Create one model of a pipeline."""
        del instance
        token = _part.set(attempt("reading the configuration of a pipeline's model", _read_part, args, kwargs))
        try:
            model = wrapped(*args, **kwargs)
        finally:
            _part.reset(token)
        self._handlers.parts.add(model)
        return model


class ModelCreation:
    """Wraps the method that makes the ``paddle.inference`` predictor of a model: says what PaddleX calls the model."""

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Create the predictor of one model."""
        token = model_naming().set(attempt("naming a model of PaddleX", _naming, instance))
        try:
            return wrapped(*args, **kwargs)
        finally:
            model_naming().reset(token)


class NetworkLoad(FromPretrainedWrapper):
    """Wraps ``from_pretrained`` of the models that PaddleX runs as networks.

    The model of a pipeline has the name that the pipeline gives it, any other one that of its folder.
    """

    @staticmethod
    def _name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        part = _part.get()
        name = None if part is None else model_name(part.model)
        if name is not None:
            return name
        return FromPretrainedWrapper._name(args, kwargs)  # noqa: SLF001 - what it names where no pipeline does


def _name_of_pipeline(kind: Any) -> str | None:
    # The metaclass has other classes too. A pipeline's own base class is known by its name: nothing is imported here.
    is_pipeline = any(base.__name__ == "BasePipeline" for base in kind.__mro__)
    return pipeline_name(kind) if is_pipeline else None


def _read_part(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _PartBeingCreated:
    config = args[0] if args else kwargs["config"]
    module: object = config.get("module_name")
    return _PartBeingCreated(config.get("model_name"), module if isinstance(module, str) else None)


def _naming(runner: Any) -> ModelNaming | None:
    # The first versions of PaddleX 3 have the name in the options only.
    name = model_name(getattr(runner, "_model_name", None) or getattr(runner._option, "model_name", None))  # noqa: SLF001 - nowhere else
    if name is None:
        return None
    part = _part.get()
    module = part.module if part is not None and part.model == name else module_of(name)
    return ModelNaming(name, {a.PADDLE_PIPELINE_MODULE: module} if module else {})
