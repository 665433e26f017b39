"""Runs of a model that generate nothing: what they read is counted, so it is in an event, and nothing else is."""

from collections.abc import Generator
from typing import Any, Final

import pytest
from opentelemetry._logs import _internal as logs_api

from global_sdk import globally, no_sdk
from observed import SCOPE, Read, raising
from paddle_otel.conventions import attributes as a
from paddle_otel.identity import identify
from paddle_otel.operations import observe_prediction, usage
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts
from paddle_otel.operations.prediction import Prediction, Predictions
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings
from recording import Recorder

__all__ = ["globally", "no_sdk"]

BERT: Final = PredictedModel("bert", a.KIND_PRETRAINED_MODEL, embeddings=True)
NET: Final = PredictedModel("net", a.KIND_PREDICTOR)


def predictions_on(recorder: Recorder, **settings: Any) -> Predictions:
    """Return predictions whose events are recorded."""
    return Predictions(
        Telemetry(
            SCOPE, recorder.tracer_provider, recorder.meter_provider, Settings(**settings), recorder.logger_provider
        )
    )


def start(predictions: Predictions, model: PredictedModel) -> Prediction:
    """Start a prediction."""
    prediction = predictions.start(model)
    assert prediction is not None
    return prediction


def said(recorder: Recorder) -> dict[str, Any]:
    """Return the attributes of the one event, without its id and its duration."""
    attributes = dict(recorder.event("paddle.usage").attributes or {})
    assert attributes.pop("paddle.usage.id")
    duration = attributes.pop("paddle.usage.duration")
    assert isinstance(duration, float)
    assert 0 < duration < 5
    return attributes


def test_what_was_read_is_billed(recorder: Recorder) -> None:
    """Exactly these attributes, in the trace of its span, which says who asked, too."""
    with identify(tenant="acme"):
        start(predictions_on(recorder, prediction_spans="always"), BERT).end(None, reader=Read(PredictionFacts(2, 12)))
    assert said(recorder) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "bert",
        "paddle.model.kind": "pretrained_model",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 0,
        "paddle.tenant.id": "acme",
    }
    span, record = recorder.span("embeddings bert"), recorder.event("paddle.usage")
    assert span.context is not None
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    assert (span.attributes or {})["paddle.tenant.id"] == "acme"
    assert recorder.point("paddle.tokens").value == 12


def test_without_a_span_it_is_billed_all_the_same(recorder: Recorder) -> None:
    """Also a failed one."""
    start(predictions_on(recorder, prediction_spans="never"), NET).end(None, ValueError(), Read(PredictionFacts(2, 3)))
    assert said(recorder) == {
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "net",
        "paddle.model.kind": "predictor",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 0,
        "error.type": "ValueError",
    }
    assert recorder.point("paddle.tokens").value == 3


def test_without_a_number_nothing_is_billed(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is asked or made for it."""
    monkeypatch.setattr(usage, "current_identity", raising(AssertionError("who asked was looked for")))
    monkeypatch.setattr(usage.uuid, "uuid4", raising(AssertionError("an event was made")))
    start(predictions_on(recorder, prediction_spans="never"), NET).end(None, reader=Read(PredictionFacts(2, None)))
    assert recorder.events("paddle.usage") == []
    assert recorder.points("paddle.tokens") == []


def test_broken_instruments_do_not_cost_the_record(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """Nor do broken spans."""
    telemetry_trouble.expected = True
    predictions = predictions_on(recorder, prediction_spans="always")
    prediction = start(predictions, NET)
    monkeypatch.setattr(predictions.metrics, "record", raising(RuntimeError("a bug")))
    monkeypatch.setattr(predictions.telemetry, "tracer", None)
    prediction.end(None, reader=Read(PredictionFacts(2, 3)))
    assert said(recorder)["gen_ai.usage.input_tokens"] == 3


@pytest.fixture
def reported(globally: Recorder, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The recorder, as the SDK that the program has set for all three signals."""
    monkeypatch.setattr(logs_api, "_LOGGER_PROVIDER", globally.logger_provider)
    return globally


def test_what_a_program_reports_itself_is_billed(reported: Recorder) -> None:
    """As what is observed; nothing where it does not say how many tokens."""
    with identify(tenant="acme"), observe_prediction("mine", input_tokens=5, embeddings=True):
        pass
    with observe_prediction("mine"):
        pass
    assert said(reported) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "mine",
        "paddle.model.kind": "custom",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 0,
        "paddle.tenant.id": "acme",
    }
    assert reported.point("paddle.tokens").value == 5


def test_a_generator_of_results_is_one_event_however_it_ends(reported: Recorder) -> None:
    """Read to its end, closed, let go of, or broken: once each."""

    @observe_prediction("mine", input_tokens=5)
    def results(*, breaks: bool = False) -> Generator[int, None, None]:
        yield 1
        if breaks:
            raise ConnectionError
        yield 2

    assert list(results()) == [1, 2]
    closed = results()
    next(closed)
    closed.close()
    for _ in results():
        break
    with pytest.raises(ConnectionError):
        list(results(breaks=True))
    assert len(reported.events("paddle.usage")) == 4
    assert reported.point("paddle.tokens").value == 20
