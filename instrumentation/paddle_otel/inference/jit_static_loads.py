"""Wrapper of the functions that load a program: ``paddle.jit.load`` and ``paddle.static.load_inference_model``."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt, guard, guarded
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.program_name import program_name
from paddle_otel.operations.model_load import ModelLoad, inside_model_load
from paddle_otel.operations.model_naming import ModelNaming, model_naming

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Loading(NamedTuple):
    """How one of the functions is read.

    Attributes:
        kind: One of the ``KIND_*`` values of :mod:`paddle_otel.conventions.attributes`.
        name: Names the model by the arguments of the call, ``None`` when they do not tell.
        device: Tells by the arguments where the model is loaded to, as Paddle writes it.
        loaded: Finds what was loaded in the result.
        remember: Notes what that was loaded as.
    """

    kind: str
    name: Callable[[Arguments], str | None]
    device: Callable[[Arguments], str | None]
    loaded: Callable[[Any], Any]
    remember: Callable[[Any, ModelNaming], None]


class LoadWrapper:
    """Observes loads; a load inside a load is part of it, and its name is remembered all the same.

    Args:
        handlers: Where it reports to.
        loading: How the function is read.
    """

    def __init__(self, handlers: InferenceHandlers, loading: Loading) -> None:
        self._handlers: Final = handlers
        self._loading: Final = loading

    def __call__(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Observe one load and remember what the model was loaded as."""
        inside = inside_model_load()
        naming = self._naming((args, kwargs))
        load = None if inside.get() or self._handlers.telemetry.is_idle() else self._start((args, kwargs), naming)
        if load is None:
            result = wrapped(*args, **kwargs)
            self._remember(result, naming)
            return result
        token = inside.set(True)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            inside.reset(token)
            load.fail(error)
            raise
        inside.reset(token)
        self._remember(result, naming)
        load.finish(attempt("finding what was loaded", self._loading.loaded, result))
        return result

    @guarded("naming a loaded program")
    def _naming(self, arguments: Arguments) -> ModelNaming | None:
        given = model_naming().get()
        if given is not None:
            return given
        name = self._loading.name(arguments)
        return None if name is None else ModelNaming(name)

    @guarded("describing a load")
    def _start(self, arguments: Arguments, naming: ModelNaming | None) -> ModelLoad | None:
        attributes: dict[str, AttributeValue] = {} if naming is None else dict(naming.attributes)
        device = self._loading.device(arguments)
        if device is not None:
            attributes[a.PADDLE_DEVICE] = device
        return self._handlers.loads.start(_name(naming), self._loading.kind, attributes=attributes)

    def _remember(self, result: Any, naming: ModelNaming | None) -> None:
        # Also without an SDK: it may be configured after the model was loaded.
        if naming is not None:
            with guard("remembering a loaded program's name"):
                self._loading.remember(self._loading.loaded(result), naming)


def argument(arguments: Arguments, position: int, name: str) -> Any:
    """Return an argument given by position or by name, ``None`` when it was not given."""
    args, kwargs = arguments
    return args[position] if len(args) > position else kwargs.get(name)


def _name(naming: ModelNaming | None) -> str | None:
    return None if naming is None else naming.name


def name_of_file(path: Any, file: Any) -> str | None:
    """Name a model by the path it was asked for under.

    Args:
        path: A path without extension, or a folder.
        file: Name of the program's file in that folder, if one was given; a program in memory has no name.
    """
    return program_name(f"{path}/{file}" if isinstance(path, str) and isinstance(file, str) else path)
