"""What is counted of every prediction, whether it becomes a span or not."""

import math
import threading

import pytest

from budgeted import budget, used
from forked import in_child
from observed import INPUT, Read, telemetry_on
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts
from paddle_otel.operations.prediction import Prediction, Predictions
from paddle_otel.settings import Settings
from recording import Recorder

NET = PredictedModel("net", a.KIND_PREDICTOR)
LABELS = {"paddle.model.name": "net", "paddle.model.kind": "predictor"}


@pytest.fixture
def predictions(recorder: Recorder) -> Predictions:
    """Predictions on the recorder that never become spans."""
    return Predictions(telemetry_on(recorder, Settings(prediction_spans="never")))


def start(predictions: Predictions, model: PredictedModel = NET) -> Prediction:
    """Start a prediction."""
    prediction = predictions.start(model)
    assert prediction is not None
    return prediction


def test_duration_and_rows(recorder: Recorder, predictions: Predictions) -> None:
    """A prediction is a duration and its rows, by model and kind."""
    start(predictions).end(None, reader=Read(PredictionFacts(batch_size=4)))
    start(predictions).end(None, reader=Read(PredictionFacts(batch_size=1)))
    duration = recorder.point("paddle.prediction.duration")
    assert (dict(duration.attributes), duration.count) == (LABELS, 2)
    assert 0 < duration.value < 60
    assert duration.bounds == m.PREDICTION_DURATION.buckets
    rows = recorder.point("paddle.prediction.batch_size")
    assert (dict(rows.attributes), rows.count, rows.value) == (LABELS, 2, 5)
    assert rows.bounds == m.PREDICTION_BATCH_SIZE.buckets
    assert recorder.spans() == []
    assert set(recorder.metrics()) == {"paddle.prediction.duration", "paddle.prediction.batch_size"}


def test_the_time_from_start_to_finish(
    recorder: Recorder, predictions: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The duration is the call's: reading what it gave is not part of it."""
    times = iter([1_000_000_000, 1_250_000_000, 9_000_000_000])
    monkeypatch.setattr("paddle_otel.operations.prediction.time.perf_counter_ns", lambda: next(times))
    start(predictions).end(None, reader=Read())
    monkeypatch.undo()
    assert recorder.point("paddle.prediction.duration").value == 0.25


def test_what_is_unknown_is_absent(recorder: Recorder, predictions: Predictions) -> None:
    """No rows, no tokens: only the duration."""
    start(predictions).end(None, reader=Read())
    assert set(recorder.metrics()) == {"paddle.prediction.duration"}


def test_no_rows_are_a_count(recorder: Recorder, predictions: Predictions) -> None:
    """An empty batch has 0 rows, and that is known."""
    start(predictions).end(None, reader=Read(PredictionFacts(batch_size=0, input_tokens=0)))
    rows = recorder.point("paddle.prediction.batch_size")
    assert (rows.count, rows.value) == (1, 0)
    assert recorder.points("paddle.tokens") == []


def test_tokens_are_counted(recorder: Recorder, predictions: Predictions) -> None:
    """Tokens that a model read are part of ``paddle.tokens``, by model; no GenAI metric is written for them."""
    start(predictions).end(None, reader=Read(PredictionFacts(input_tokens=7)))
    start(predictions, PredictedModel(None, a.KIND_PREDICTOR)).end(None, reader=Read(PredictionFacts(input_tokens=2)))
    points = {p.attributes.get("gen_ai.request.model"): p.value for p in recorder.points("paddle.tokens")}
    assert points == {"net": 7, None: 2}
    assert recorder.point("paddle.tokens", **INPUT, gen_ai__request__model="net").value == 7
    assert set(recorder.metrics()) == {"paddle.prediction.duration", "paddle.tokens"}


def test_a_model_that_nobody_saw_loading(recorder: Recorder, predictions: Predictions) -> None:
    """It is ``unknown``: one series, never a guess."""
    start(predictions, PredictedModel(None, a.KIND_JIT_LAYER)).end(None, reader=Read())
    assert dict(recorder.point("paddle.prediction.duration").attributes) == {
        "paddle.model.name": "unknown",
        "paddle.model.kind": "jit_layer",
    }


@pytest.mark.parametrize("error", [OSError("/home/me/secret"), KeyboardInterrupt(), SystemExit(2), GeneratorExit()])
def test_a_failure(recorder: Recorder, predictions: Predictions, error: BaseException) -> None:
    """A prediction that raised has ``error.type`` on its duration, and its rows all the same."""
    start(predictions).end(None, error, Read(PredictionFacts(batch_size=3)))
    assert dict(recorder.point("paddle.prediction.duration").attributes) == {
        **LABELS,
        "error.type": type(error).__name__,
    }
    rows = recorder.point("paddle.prediction.batch_size")
    assert (dict(rows.attributes), rows.value) == (LABELS, 3)
    assert NET.labels == LABELS


def test_embeddings_are_a_genai_operation(recorder: Recorder, predictions: Predictions) -> None:
    """A model that makes embeddings is a client of its own too: duration, and input tokens once."""
    model = PredictedModel("bge", a.KIND_PRETRAINED_MODEL, embeddings=True)
    start(predictions, model).end(None, reader=Read(PredictionFacts(batch_size=2, input_tokens=9)))
    labels = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "bge",
    }
    duration = recorder.point("gen_ai.client.operation.duration")
    assert (dict(duration.attributes), duration.count) == (labels, 1)
    assert duration.value == recorder.point("paddle.prediction.duration").value
    usage = recorder.point("gen_ai.client.token.usage")
    assert (dict(usage.attributes), usage.value) == ({**labels, "gen_ai.token.type": "input"}, 9)
    assert recorder.point("paddle.tokens").value == 9


def test_tokens_are_counted_on_budgets(predictions: Predictions) -> None:
    """A budget for input counts what was read, and refuses no prediction; one for output alone does not apply."""
    with (
        budget(0, "refuse", scope="process", counts="input") as read,
        budget(0, "refuse", scope="process", counts="output") as written,
    ):
        prediction = start(predictions)
        assert prediction.refuse() is None
        prediction.end(None, reader=Read(PredictionFacts(input_tokens=9)))
        start(predictions).end(None, reader=Read(PredictionFacts(batch_size=3)))
        assert (used(read), used(written)) == (9, None)


def test_embeddings_are_refused(recorder: Recorder, predictions: Predictions) -> None:
    """Once a budget for input is used up: the duration tells of it, and the usage event of no token."""
    model = PredictedModel("bge", a.KIND_PRETRAINED_MODEL, embeddings=True)
    with budget(9, "refuse", scope="process", counts="input") as name:
        prediction = start(predictions, model)
        assert prediction.refuse() is None
        prediction.end(None, reader=Read(PredictionFacts(input_tokens=9)))
        refusal = start(predictions, model).refuse()
        assert refusal is not None
        assert (refusal().budget, used(name)) == (name, 9)
    error = "paddle_otel.budgets.BudgetExceeded"
    assert recorder.point("paddle.prediction.duration", error__type=error).count == 1
    served, refused = (dict(event.attributes or {}) for event in recorder.events("paddle.usage"))
    assert (served["gen_ai.usage.input_tokens"], "error.type" in served) == (9, False)
    assert (refused["gen_ai.usage.input_tokens"], refused["error.type"]) == (0, error)
    assert recorder.point("paddle.tokens").value == 9


def test_embeddings_that_fail(recorder: Recorder, predictions: Predictions) -> None:
    """The error is on the duration; tokens that nobody could read are absent."""
    model = PredictedModel(None, a.KIND_PRETRAINED_MODEL, embeddings=True)
    start(predictions, model).end(None, ValueError(), Read())
    assert dict(recorder.point("gen_ai.client.operation.duration").attributes) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "paddlepaddle",
        "error.type": "ValueError",
    }
    assert recorder.points("gen_ai.client.token.usage") == []


def test_predictions_of_many_threads(recorder: Recorder, predictions: Predictions) -> None:
    """Sixteen threads while somebody collects: every prediction, row and token is counted once."""

    def predict() -> None:
        for _ in range(200):
            start(predictions).end(None, reader=Read(PredictionFacts(batch_size=2, input_tokens=3)))

    threads = [threading.Thread(target=predict) for _ in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        recorder.metrics()
    assert recorder.point("paddle.prediction.duration").count == 3200
    assert recorder.point("paddle.prediction.batch_size").value == 6400
    assert recorder.point("paddle.tokens").value == 9600


def test_a_forked_child_counts_its_own(recorder: Recorder, predictions: Predictions) -> None:
    """What waited for the parent's collection is reported by the parent alone."""
    start(predictions).end(None, reader=Read(PredictionFacts(batch_size=1, input_tokens=5)))

    def only_the_child_s() -> bool:
        start(predictions).end(None, reader=Read(PredictionFacts(batch_size=64, input_tokens=1)))
        return recorder.point("paddle.prediction.batch_size").value == 64 and recorder.point("paddle.tokens").value == 1

    assert in_child(only_the_child_s) == 0
    assert recorder.point("paddle.prediction.batch_size").value == 1
    assert recorder.point("paddle.tokens").value == 5


def test_no_exemplar_of_another_span(recorder: Recorder, predictions: Predictions) -> None:
    """Values are recorded at the collection: the span that is current then has nothing to do with them."""
    start(predictions).end(None, reader=Read())
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("scrape"):
        point = recorder.point("paddle.prediction.duration")
    assert point.exemplar_trace_ids == ()
    assert math.isfinite(point.value)
