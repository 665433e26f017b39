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
        self._duration_and_rows = meters.deferred_histogram(m.PREDICTION_DURATION, m.PREDICTION_BATCH_SIZE)
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
        rows, tokens = facts
        if error is None:
            self._duration_and_rows.record(seconds, model.labels, rows)
        else:
            self._duration_and_rows.record(seconds, {**model.labels, a.ERROR_TYPE: error})
            if rows is not None:
                self._duration_and_rows.record(None, model.labels, rows)
        if tokens is not None:
            self._generations.count_input(model.name, tokens, identity)
        if model.embeddings:
            self._generations.record_embeddings(model.name, tokens, seconds, error, identity)
