"""Wrappers of what makes predictors: from a configuration, as a pool, from another predictor."""

from collections.abc import Callable
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt, guard
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.predictor_config import PredictorOrigin, origin_of
from paddle_otel.operations.model_load import ModelLoad, inside_model_load

_UNREADABLE: Final = PredictorOrigin()


class PredictorLoadWrapper:
    """Wraps what makes a predictor: a function, or the constructor of one or of a pool.

    A load inside a load is part of it.

    Args:
        handlers: Where it reports to.
        remember: Notes where what was made comes from.
        constructor: Whether it makes the object that it is called on.
    """

    def __init__(
        self,
        handlers: InferenceHandlers,
        remember: Callable[[Any, PredictorOrigin], None],
        *,
        constructor: bool = False,
    ) -> None:
        self._handlers = handlers
        self._remember = remember
        self._constructor = constructor
        self._inside = inside_model_load()

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe one load and remember what the predictor was loaded as."""
        # Before the call, which uses the configuration up; also without an SDK: one may be configured later.
        origin = _origin(args, kwargs)
        load = self._start(origin or _UNREADABLE)
        if load is None:
            result = wrapped(*args, **kwargs)
            self._note(instance if self._constructor else result, origin)
            return result
        token = self._inside.set(True)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            self._inside.reset(token)
            load.fail(error)
            raise
        self._inside.reset(token)
        made = instance if self._constructor else result
        self._note(made, origin)
        load.finish(made)
        return result

    def _start(self, origin: PredictorOrigin) -> ModelLoad | None:
        if self._inside.get() or self._handlers.telemetry.is_idle():
            return None
        return self._handlers.loads.start(origin.name, a.KIND_PREDICTOR, None, origin.load_attributes)

    def _note(self, made: Any, origin: PredictorOrigin | None) -> None:
        if origin is not None:
            with guard("remembering a predictor"):
                self._remember(made, origin)


def _origin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> PredictorOrigin | None:
    config: Any = args[0] if args else kwargs.get("config")
    # What is no configuration is Paddle's to complain about. The fields of the oldest one, which makes predictors whose
    # runs are not seen, are values.
    if not callable(getattr(config, "prog_file", None)):
        return None
    return attempt("reading the configuration of a predictor", origin_of, config)


class DerivedPredictorWrapper:
    """Wraps a method that gives a predictor of the same program: ``clone``, and ``retrieve`` of a pool.

    Args:
        remember: Notes that the one comes from the other.
    """

    def __init__(self, remember: Callable[[Any, Any], None]) -> None:
        self._remember = remember

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Give the derived predictor its origin's name."""
        derived = wrapped(*args, **kwargs)
        with guard("remembering a derived predictor"):
            self._remember(instance, derived)
        return derived
