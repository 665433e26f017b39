"""Wrapper of ``from_pretrained``."""

from collections.abc import Callable
from typing import Any

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import guard
from paddle_otel.operations.model_load import inside_model_load
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.model_facts import model_name


class FromPretrainedWrapper:
    """Wraps ``from_pretrained`` of models or tokenizers; a load inside a load is part of it.

    Args:
        handlers: Where it reports to.
        kind: ``pretrained_model`` or ``tokenizer``.
    """

    def __init__(self, handlers: Handlers, kind: str) -> None:
        self._handlers = handlers
        self._kind = kind

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe one load and remember what the model was loaded as."""
        inside = inside_model_load()
        name = self._name(args, kwargs)
        if inside.get() or self._handlers.telemetry.is_idle():
            result = wrapped(*args, **kwargs)
            self._remember(result, name)
            return result
        load = self._handlers.loads.start(name, self._kind, getattr(instance, "__name__", self._kind))
        if load is None:
            return wrapped(*args, **kwargs)
        token = inside.set(True)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            inside.reset(token)
            load.fail(error)
            raise
        inside.reset(token)
        self._remember(result, name)
        load.finish(result)
        return result

    def _remember(self, result: Any, name: str | None) -> None:
        # Also without an SDK: it may be configured after the model was loaded.
        if name and self._kind == a.KIND_PRETRAINED_MODEL:
            with guard("remembering a model's name"):
                self._handlers.models.loaded(result, name)

    @staticmethod
    def _name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        with guard("naming a model"):
            return model_name(args[0] if args else kwargs.get("pretrained_model_name_or_path"))
        return None
