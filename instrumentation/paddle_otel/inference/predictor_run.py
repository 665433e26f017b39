"""Wrapper of the methods that run a predictor."""

from typing import Any

from paddle_otel.decorators.generators import Refused
from paddle_otel.guard import guarded
from paddle_otel.inference.exported_generation import ExportedGeneration
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.predictor_known import KnownPredictor, KnownPredictors, PredictorValues
from paddle_otel.observed_call import ObservedCall, ObservedCallWrapper
from paddle_otel.operations.generation import Generation, current_generation
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
        if known.generates and current_generation() is None:
            exported = ExportedGeneration.of(known.origin, values.inputs)
            if exported is not None:
                return self._start_generation(exported, known, values)
        prediction = self._handlers.predictions.start(known.model)
        return None if prediction is None else _PredictionRun(prediction, known, values)

    def _start_generation(
        self, exported: ExportedGeneration, known: KnownPredictor, values: PredictorValues
    ) -> ObservedCall | Refused | None:
        generation = Generation.start(self._handlers.telemetry, self._handlers.generations, exported.request)
        if generation is None:
            return None
        refusal = generation.refuse()
        return _GenerationRun(generation, exported, known, values) if refusal is None else Refused(refusal)


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


class _GenerationRun:
    __slots__ = ("_exported", "_generation", "_known", "_values")

    def __init__(
        self, generation: Generation, exported: ExportedGeneration, known: KnownPredictor, values: PredictorValues
    ) -> None:
        self._generation = generation
        self._exported = exported
        self._known = known
        self._values = values

    def finish(self, result: Any) -> None:
        self._generation.finish(lambda: self._exported.response(self._known.outputs(self._values, result)))

    def fail(self, error: BaseException) -> None:
        self._generation.fail(error, self._exported.failed)
