"""Wrapper of the methods that run a predictor."""

from functools import partial
from typing import Any

from paddle_otel.decorators.generators import Refused
from paddle_otel.guard import guarded
from paddle_otel.inference.exported_runs import generation_of
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.predictor_known import KnownPredictor, KnownPredictors, PredictorValues
from paddle_otel.observed_call import ObservedCall, ObservedCallWrapper
from paddle_otel.operations.prediction import Prediction, inside_model_call


class PredictorRunWrapper(ObservedCallWrapper):
    """Wraps ``run`` of predictors: a prediction, or a generation where the program generates.

    A run inside another model's call is part of that call.

    Args:
        handlers: Where it reports to.
        predictors: What is known of each predictor.
    """

    def __init__(self, handlers: InferenceHandlers, predictors: KnownPredictors) -> None:
        super().__init__(handlers.telemetry)
        self._handlers = handlers
        self._predictors = predictors
        self._inside = inside_model_call()

    @guarded("starting to observe a predictor")
    def _start(self, predictor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ObservedCall | Refused | None:
        if self._inside.get():
            return None
        known = self._predictors.of(predictor)
        values = known.values(args, kwargs)
        if known.generates:
            call = generation_of(self._handlers, known.origin, values.inputs, partial(known.outputs, values))
            if call is not None:
                return call
        prediction = self._handlers.predictions.start(known.model)
        return None if prediction is None else _PredictionRun(prediction, known, values)


class _PredictionRun:
    __slots__ = ("_known", "_prediction", "_values")

    def __init__(self, prediction: Prediction, known: KnownPredictor, values: PredictorValues) -> None:
        self._prediction = prediction
        self._known = known
        self._values = values

    def finish(self, result: Any) -> None:
        self._prediction.finish(self._known.finished(self._values, result))

    def fail(self, error: BaseException) -> None:
        self._prediction.fail(error, self._known.failed(self._values))
