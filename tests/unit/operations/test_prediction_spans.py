"""When a prediction becomes a span, and what it says."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, StatusCode, TraceState
from opentelemetry.util.types import Attributes

from observed import Generations, Read, telemetry_on
from paddle_otel.conventions import attributes as a
from paddle_otel.operations import clock
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts
from paddle_otel.operations.prediction import Prediction, Predictions
from paddle_otel.settings import PredictionSpans, Settings
from recording import Recorder

NET = PredictedModel("net", a.KIND_PREDICTOR, device="cpu", attributes={"paddle.ir_optim": True})
LABELS = {"paddle.model.name": "net", "paddle.model.kind": "predictor"}
MILLISECOND = 1_000_000


class Clock:
    """A steady clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 10**9

    def perf_counter_ns(self) -> int:
        """Return the time."""
        return self.now


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that predictions are timed by."""
    made = Clock()
    monkeypatch.setattr("paddle_otel.operations.prediction.time", made)
    monkeypatch.setattr("paddle_otel.operations.prediction.unix_ns", (10**18).__add__)
    return made


def predictions_on(recorder: Recorder, spans: PredictionSpans = "auto", minimum: float = 0.001) -> Predictions:
    """Return predictions that become spans by this rule."""
    return Predictions(telemetry_on(recorder, Settings(prediction_spans=spans, prediction_span_minimum=minimum)))


def start(predictions: Predictions, model: PredictedModel = NET) -> Prediction:
    """Start a prediction."""
    prediction = predictions.start(model)
    assert prediction is not None
    return prediction


def test_what_a_span_says(recorder: Recorder, steady: Clock) -> None:
    """Model, kind, device, what is the same for each and what is this one's; name, times, kind and status."""
    prediction = start(predictions_on(recorder, "always"))
    steady.now += 5 * MILLISECOND
    prediction.end(None, reader=Read(PredictionFacts(batch_size=4, input_tokens=11)))
    span = recorder.span("predict net")
    assert dict(span.attributes or {}) == {
        **LABELS,
        "paddle.device": "cpu",
        "paddle.ir_optim": True,
        "paddle.input.names": ("x",),
        "paddle.batch_size": 4,
        "gen_ai.usage.input_tokens": 11,
    }
    assert (span.start_time, span.end_time) == (10**18 + 10**9, 10**18 + 10**9 + 5 * MILLISECOND)
    assert (span.kind, span.status.status_code) == (SpanKind.INTERNAL, StatusCode.UNSET)
    assert span.parent is None
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "a.test"


def test_an_unknown_model(recorder: Recorder) -> None:
    """What is not known is ``unknown`` as a name and absent otherwise."""
    start(predictions_on(recorder, "always"), PredictedModel(None, a.KIND_STATIC_PROGRAM)).end(None, reader=Read())
    assert dict(recorder.span("predict unknown").attributes or {}) == {
        "paddle.model.name": "unknown",
        "paddle.model.kind": "static_program",
        "paddle.input.names": ("x",),
    }


@pytest.mark.parametrize(("name", "span_name"), [("bge", "embeddings bge"), (None, "embeddings")])
def test_embeddings(recorder: Recorder, name: str | None, span_name: str) -> None:
    """A model that makes embeddings is named and described as the GenAI conventions do."""
    start(predictions_on(recorder, "always"), PredictedModel(name, a.KIND_PRETRAINED_MODEL, embeddings=True)).end(
        None, reader=Read()
    )
    found = dict(recorder.span(span_name).attributes or {})
    assert (found["gen_ai.operation.name"], found["gen_ai.provider.name"]) == ("embeddings", "paddlepaddle")
    assert found.get("gen_ai.request.model") == name
    assert found["paddle.model.name"] == (name or "unknown")


@pytest.mark.parametrize(
    ("elapsed_ns", "minimum", "spans"),
    [
        (MILLISECOND - 1, 0.001, 0),
        (MILLISECOND, 0.001, 1),
        (MILLISECOND + 1, 0.001, 1),
        (0, 0.0, 1),
        (100 * MILLISECOND - 1, 0.1, 0),
        (100 * MILLISECOND, 0.1, 1),
    ],
)
def test_long_enough(recorder: Recorder, steady: Clock, elapsed_ns: int, minimum: float, spans: int) -> None:
    """Outside any trace, exactly from the minimum on; what only a span needs is read only for a span."""
    reader = Read()
    prediction = start(predictions_on(recorder, minimum=minimum))
    steady.now += elapsed_ns
    prediction.end(None, reader=reader)
    assert (len(recorder.spans()), reader.described) == (spans, spans)
    assert recorder.point("paddle.prediction.duration").value == elapsed_ns / 1e9


@pytest.mark.parametrize(("rule", "spans"), [("auto", 1), ("always", 1), ("never", 0)])
def test_below_a_recorded_span(recorder: Recorder, steady: Clock, rule: PredictionSpans, spans: int) -> None:
    """In a trace that is recorded a short one is a span too, below the current one, unless there are to be none."""
    assert steady.now
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("request") as request:
        start(predictions_on(recorder, rule)).end(None, reader=Read())
        assert trace.get_current_span() is request
    assert len(recorder.children(recorder.span("request"))) == spans
    assert len(recorder.spans("predict net")) == spans


@pytest.mark.parametrize(("rule", "elapsed_ns", "spans"), [("auto", 0, 0), ("never", 10**9, 0), ("always", 0, 1)])
def test_outside_a_trace(recorder: Recorder, steady: Clock, rule: PredictionSpans, elapsed_ns: int, spans: int) -> None:
    """A short one is no span, nor is a long one where there are to be none; each is one where all are to be."""
    prediction = start(predictions_on(recorder, rule))
    steady.now += elapsed_ns
    prediction.end(None, reader=Read())
    assert len(recorder.spans()) == spans


def test_below_a_span_that_has_ended(recorder: Recorder, steady: Clock) -> None:
    """A span that has ended records nothing more: it is as if there were none."""
    assert steady.now
    ended = recorder.tracer_provider.get_tracer("user").start_span("request")
    ended.end()
    with trace.use_span(ended):
        start(predictions_on(recorder)).end(None, reader=Read())
    assert recorder.spans("predict net") == []


@pytest.mark.parametrize("elapsed_ns", [0, 10**9])
def test_below_a_span_that_is_not_sampled(steady: Clock, elapsed_ns: int) -> None:
    """A trace that is not recorded stays so, however long the prediction took; metrics are written."""
    recorder = Recorder(sampler=ParentBased(root=ALWAYS_ON, local_parent_not_sampled=ALWAYS_OFF))
    not_sampled = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False, trace_flags=trace.TraceFlags(0)))
    with trace.use_span(not_sampled):
        prediction = start(predictions_on(recorder))
        steady.now += elapsed_ns
        prediction.end(None, reader=Read())
    assert recorder.spans() == []
    assert recorder.point("paddle.prediction.duration").count == 1


class _Seeing(Sampler):
    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Note what a sampler can decide by."""
        del parent_context, trace_id, kind, links, trace_state
        self.seen.append({"name": name, **dict(attributes or {})})
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """Name it."""
        return "seeing"


def test_a_sampler_sees_everything() -> None:
    """Samplers decide by what is given at the start of a span; all is known by then."""
    sampler = _Seeing()
    recorder = Recorder(sampler=sampler)
    start(predictions_on(recorder, "always")).end(None, ValueError(), Read(PredictionFacts(batch_size=2)))
    (seen,) = sampler.seen
    assert (seen["name"], seen["error.type"], seen["paddle.batch_size"]) == ("predict net", "ValueError", 2)


@pytest.mark.parametrize("error", [ValueError("/home/me/secret"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failure(recorder: Recorder, error: BaseException) -> None:
    """Status ERROR with the exception's class; its message is nowhere, and the exception is as it was."""
    start(predictions_on(recorder, "always")).end(None, error, Read(PredictionFacts(batch_size=2)))
    span, kind = recorder.span("predict net"), type(error).__name__
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, kind)
    assert (span.attributes or {})["error.type"] == kind
    assert (span.attributes or {})["paddle.batch_size"] == 2
    assert "secret" not in span.to_json()
    assert span.events == ()
    assert (error.__context__, error.__cause__, error.__traceback__) == (None, None, None)


@pytest.mark.parametrize(("rule", "spans"), [("auto", 0), ("always", 1), ("never", 0)])
def test_inside_a_generation(recorder: Recorder, steady: Clock, rule: PredictionSpans, spans: int) -> None:
    """A generation that is made of predictions has thousands: they are spans only where all are to be."""
    generation = Generations(telemetry_on(recorder)).start()
    prediction = start(predictions_on(recorder, rule))
    steady.now += 10**9
    prediction.end(None, reader=Read())
    generation.finish(GenerationResponse)
    assert len(recorder.spans("predict net")) == spans
    assert recorder.point("paddle.prediction.duration").count == 1


def test_a_wall_clock_that_is_set_back(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span is as long as the prediction was, wherever the wall clock went in the meantime."""
    prediction = start(predictions_on(recorder, "always"))
    time.sleep(0.002)
    an_hour_ago = time.time_ns() - 3600 * 10**9

    class _SetBack:
        perf_counter_ns = staticmethod(time.perf_counter_ns)

        @staticmethod
        def time_ns() -> int:
            return an_hour_ago

    monkeypatch.setattr(clock, "time", _SetBack)
    prediction.end(None, reader=Read())
    span = recorder.span("predict net")
    assert span.start_time is not None
    assert span.end_time is not None
    lasted = span.end_time - span.start_time
    assert lasted == pytest.approx(recorder.point("paddle.prediction.duration").value * 1e9, abs=1)
    assert lasted >= 2 * MILLISECOND
    assert an_hour_ago - 10**9 < span.start_time < an_hour_ago


def test_settings_count_from_the_next_switching_on(recorder: Recorder) -> None:
    """Settings that are read anew count for the next prediction."""
    predictions = predictions_on(recorder, "never")
    start(predictions).end(None, reader=Read())
    predictions.telemetry.use(recorder.tracer_provider, Settings(prediction_spans="always"))
    start(predictions).end(None, reader=Read())
    assert len(recorder.spans("predict net")) == 1
