"""Wrapper of the methods that run a predictor."""

from functools import partial
from typing import Any

from paddle_otel.decorators.generators import Refused
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
        super().__init__(handlers.telemetry, "starting to observe a predictor")
        self._handlers = handlers
        self._predictors = predictors
        self._seen = predictors.seen.get
        self._inside = inside_model_call()

    def _start(self, predictor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ObservedCall | Refused | None:
        if self._inside.get():
            return None
        known = self._seen(predictor) or self._predictors.read(predictor)
        values = known.given(args, kwargs) if args or kwargs else known.held
        if known.generates:
            call = generation_of(self._handlers, known.origin, values.inputs, partial(known.outputs, values))
            if call is not None:
                return call
        run = _PredictionRun(self._handlers.predictions, known.model)
        run.known, run.values = known, values
        return run


class _PredictionRun(Prediction):
    __slots__ = ("known", "values")

    known: KnownPredictor
    values: PredictorValues

    def finish(self, result: Any) -> None:
        self.end(self.values.reader or self.known.finished(self.values, result))

    def fail(self, error: BaseException) -> None:
        self.end(self.known.failed(self.values), error)
