"""Wrapper of pretrained models that are called as ``model(**inputs)``: encoders, classifiers, embeddings.

The rule: the outermost call of a pretrained model is one prediction when it is neither part of a generation nor of
training. It is training when the model is in training mode and gradients are on: ``model.eval()`` and
``paddle.no_grad()`` each make it a prediction. While a program is being traced (``paddle.jit.save``, static mode)
nothing is computed and nothing is reported.
"""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from paddle_otel.decorators.generators import Refused, begun
from paddle_otel.guard import guarded
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.prediction import Prediction, inside_model_call
from paddle_otel.pretrained.forward_inputs import named_inputs
from paddle_otel.pretrained.forward_reader import ForwardReader
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.model_facts import makes_embeddings, reports_requests

_for_embeddings: Final[ContextVar[bool]] = ContextVar("paddle_otel_for_embeddings", default=False)


def for_embeddings() -> ContextVar[bool]:
    """Return the variable that is true inside a method that makes embeddings with the models it calls."""
    return _for_embeddings


class ForwardWrapper:
    """Wraps ``PretrainedModel.__call__``, or another method that runs a model once.

    Args:
        handlers: Where it reports to.
        method: The method whose parameters the call's arguments are for.
        embeddings: Whether what it returns are embeddings, whatever the class.
    """

    def __init__(self, handlers: Handlers, method: str = "forward", *, embeddings: bool = False) -> None:
        self._handlers = handlers
        self._method = method
        self._embeddings = embeddings
        self._inside = inside_model_call()

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe the outermost call of this thread or task; models that it calls are part of it."""
        if current_generation() is not None or self._inside.get() or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        forward = begun(self._start(instance, args, kwargs))
        # Also around a call that is not reported: no model inside it may be taken for the outermost one.
        token = self._inside.set(True)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            self._inside.reset(token)
            if forward is not None:
                forward.end(None, error)
            raise
        self._inside.reset(token)
        if forward is not None:
            forward.end(result)
        return result

    def _model(self, instance: Any) -> Any:
        return instance

    @guarded("reading the arguments of a model")
    def _start(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "_Forward | Refused | None":
        model = self._model(instance)
        if not _is_prediction(model) or not reports_requests(model):
            return None
        known = self._handlers.models.of(model)
        embeddings = self._embeddings or _for_embeddings.get() or makes_embeddings(model)
        inputs = named_inputs(known.parameter_names(model, self._method), args, kwargs)
        reader = ForwardReader(inputs, self._handlers.prompts, embeddings=embeddings)
        prediction = self._handlers.predictions.start(known.predicted(model, embeddings=embeddings))
        if prediction is None:
            return None
        refusal = prediction.refuse()
        return _Forward(prediction, reader) if refusal is None else Refused(refusal)


class AdapterWrapper(ForwardWrapper):
    """Wraps the ``__call__`` of a layer around a pretrained model, such as a LoRA model: it is the model's."""

    def _model(self, instance: Any) -> Any:
        return instance.model


class _Forward:
    """A prediction and what it is about."""

    __slots__ = ("_prediction", "_reader")

    def __init__(self, prediction: Prediction, reader: ForwardReader) -> None:
        self._prediction = prediction
        self._reader = reader

    def end(self, result: Any, raised: BaseException | None = None) -> None:
        self._prediction.end(result, raised, self._reader)


def _is_prediction(model: Any) -> bool:
    paddle: Any = sys.modules["paddle"]  # the model is made of it
    return paddle.in_dynamic_mode() and not (model.training and paddle.is_grad_enabled())
