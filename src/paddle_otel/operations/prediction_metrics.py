"""The instruments of predictions."""

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.identity import Identity
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.meters import Meters
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts


class PredictionMetrics:
    """The instruments of predictions.

    Args:
        meters: Where they are created.
    """

    def __init__(self, meters: Meters) -> None:
        self._duration = meters.deferred_histogram(m.PREDICTION_DURATION)
        self._batch_size = meters.deferred_histogram(m.PREDICTION_BATCH_SIZE)
        self._generations = meters.shared(GenerationMetrics)

    def record(
        self,
        model: PredictedModel,
        facts: PredictionFacts,
        seconds: float,
        error: str | None,
        identity: Identity | None = None,
    ) -> None:
        """Record a prediction that ended.

        Args:
            model: The model.
            facts: What is known of it.
            seconds: How long it took.
            error: ``error.type`` of a failure, ``None`` for success.
            identity: Who asked, where that is not who this code works for now.
        """
        self._duration.record(seconds, model.labels if error is None else {**model.labels, a.ERROR_TYPE: error})
        if facts.batch_size is not None:
            self._batch_size.record(facts.batch_size, model.labels)
        if facts.input_tokens is not None:
            self._generations.count_input(model.name, facts.input_tokens, identity)
        if model.embeddings:
            self._generations.record_embeddings(model.name, facts.input_tokens, seconds, error, identity)
