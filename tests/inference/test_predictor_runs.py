"""Runs of predictors: metrics always, a span where one is due, and what they say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode

from inference.programs import computing, feed, fetch, predictor_of, raised_by, run, save
from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_otel.operations.prediction import inside_model_call
from recording import Recorder

ROWS = np.arange(12, dtype="float32").reshape(3, 4)
LABELS = {"paddle.model.name": "scores", "paddle.model.kind": "predictor"}


@pytest.fixture(autouse=True)
def _no_run_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine even a small program may take longer than the default."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPAN_MINIMUM", "600")


@pytest.fixture
def predictor(observed: Recorder, paddle: Any, classifier: Path) -> Any:
    """A predictor that was made while the instrumentor is on; its own loading is forgotten."""
    made = predictor_of(paddle, classifier)
    observed.clear_spans()
    return made


@pytest.fixture
def below_a_span(observed: Recorder) -> Any:
    """A context manager that makes a recorded span current, so that spans of predictions are due."""
    return observed.tracer_provider.get_tracer("test").start_as_current_span("request")


def test_a_short_run_is_metrics_only(predictor: Any, observed: Recorder) -> None:
    """Outside any span a run that is not long writes no span; it is counted and timed."""
    feed(predictor, ROWS)
    for _ in range(21):
        predictor.run()
    assert observed.spans() == []
    assert observed.point("paddle.prediction.duration").attributes == LABELS
    assert observed.point("paddle.prediction.duration").count == 21
    assert 0 < observed.point("paddle.prediction.duration").value < 60
    assert observed.point("paddle.prediction.batch_size").attributes == LABELS
    assert observed.point("paddle.prediction.batch_size").value == 21 * 3


def test_a_run_below_a_span_has_a_span(predictor: Any, observed: Recorder, below_a_span: Any) -> None:
    """It says what ran, where, and the names and leading dimensions of what went in and out."""
    with below_a_span:
        run(predictor, ROWS)
    span, parent = observed.span("predict scores"), observed.span("request")
    assert dict(span.attributes or {}) == {
        "paddle.model.name": "scores",
        "paddle.model.kind": "predictor",
        "paddle.device": "cpu",
        "paddle.batch_size": 3,
        "paddle.prediction.input.names": ("features",),
        "paddle.prediction.input.leading_dimensions": (3,),
        "paddle.prediction.output.names": tuple(predictor.get_output_names()),
        "paddle.prediction.output.leading_dimensions": (3,),
    }
    assert type((span.attributes or {})["paddle.batch_size"]) is int
    assert span.parent == parent.context
    assert span.status.status_code is StatusCode.UNSET
    assert parent.start_time is not None
    assert parent.end_time is not None
    assert parent.start_time <= (span.start_time or 0) <= (span.end_time or 0) <= parent.end_time


def test_each_run_sees_its_own_rows(predictor: Any, observed: Recorder, below_a_span: Any) -> None:
    """Handles that were asked for once see what is put in later."""
    with below_a_span:
        for rows in (3, 1, 7):
            run(predictor, np.ones((rows, 4), "float32"))
    spans = observed.spans("predict scores")
    assert [(span.attributes or {})["paddle.batch_size"] for span in spans] == [3, 1, 7]
    outputs = [(span.attributes or {})["paddle.prediction.output.leading_dimensions"] for span in spans]
    assert outputs == [(3,), (1,), (7,)]


def test_data_that_is_shared_instead_of_copied_is_seen(
    predictor: Any, observed: Recorder, below_a_span: Any, paddle: Any
) -> None:
    """``share_external_data`` replaces what a handle points to."""
    run(predictor, ROWS)
    rows = paddle.ones([6, 4])
    predictor.get_input_handle("features").share_external_data(rows)
    with below_a_span:
        predictor.run()
    assert (observed.spans("predict scores")[-1].attributes or {})["paddle.batch_size"] == 6


def test_freed_memory_does_not_disturb(predictor: Any, observed: Recorder, below_a_span: Any) -> None:
    """``try_shrink_memory`` takes the memory behind handles; the next run has new memory."""
    run(predictor, ROWS)
    predictor.try_shrink_memory()
    with below_a_span:
        run(predictor, ROWS[:2])
    assert (observed.span("predict scores").attributes or {})["paddle.batch_size"] == 2


def test_outputs_are_equal_bit_by_bit(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """With and without the instrumentor; ``run`` returns what it returned."""
    predictor = predictor_of(paddle, classifier)
    (plain,) = run(predictor, ROWS)
    returned = predictor.run()
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    try:
        (seen,) = run(predictor, ROWS)
        assert predictor.run() == returned
    finally:
        instrumentor.uninstrument()
    assert seen.dtype == plain.dtype
    assert seen.tobytes() == plain.tobytes()


def test_a_predictor_from_before_has_no_name(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """Its runs are seen; its model is ``unknown``, and the device is the only one this Paddle knows."""
    predictor = predictor_of(paddle, classifier)
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    try:
        with recorder.tracer_provider.get_tracer("test").start_as_current_span("request"):
            run(predictor, ROWS)
            run(predictor.clone(), ROWS)
    finally:
        instrumentor.uninstrument()
    spans = recorder.spans("predict unknown")
    assert [(span.attributes or {})["paddle.model.name"] for span in spans] == ["unknown", "unknown"]
    assert [(span.attributes or {})["paddle.device"] for span in spans] == ["cpu", "cpu"]
    assert recorder.point("paddle.prediction.duration").count == 2


def test_an_error_of_paddle_reaches_the_caller(
    predictor: Any, observed: Recorder, below_a_span: Any, recorder: Recorder
) -> None:
    """The same exception; the span and the metric carry its class, the span no outputs of an earlier run."""
    run(predictor, ROWS)
    feed(predictor, np.ones((5, 3), "float32"))
    with below_a_span:
        error = raised_by(predictor.run)
    assert type(error) is ValueError
    assert "InvalidArgument" in str(error)
    span = observed.span("predict scores")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError"
    assert span.events == ()
    attributes = dict(span.attributes or {})
    assert attributes["error.type"] == "ValueError"
    assert attributes["paddle.batch_size"] == 5
    assert attributes["paddle.prediction.input.leading_dimensions"] == (5,)
    assert not [key for key in attributes if key.startswith("paddle.prediction.output")]
    assert recorder.point("paddle.prediction.duration", error__type="ValueError").count == 1
    (again,) = run(predictor, ROWS)
    assert again.shape == (3, 2)


def test_a_run_inside_another_models_call_is_part_of_it(predictor: Any, observed: Recorder, below_a_span: Any) -> None:
    """A layer that runs a predictor is one prediction, its own."""
    with below_a_span:
        token = inside_model_call().set(True)
        run(predictor, ROWS)
        inside_model_call().reset(token)
    assert observed.spans("predict scores") == []
    assert observed.points("paddle.prediction.duration") == []


def test_suppressed_runs_are_not_seen(predictor: Any, observed: Recorder, below_a_span: Any) -> None:
    """OpenTelemetry's own switch for a block of code holds."""
    with below_a_span, suppress_instrumentation():
        run(predictor, ROWS)
    assert observed.spans("predict scores") == []
    assert observed.points("paddle.prediction.duration") == []


def test_rows_are_those_of_the_first_input_with_two_dimensions(
    observed: Recorder, paddle: Any, tmp_path: Path, below_a_span: Any
) -> None:
    """A scale factor or a single row does not tell how many rows there are."""

    def forward(self: Any, factor: Any, weights: Any, rows: Any) -> Any:
        return (rows * weights).sum(axis=1) * factor * self.one

    inputs: list[tuple[str, list[int | None], str]] = [
        ("factor", [1], "float32"),
        ("weights", [4], "float32"),
        ("rows", [None, 4], "float32"),
    ]
    save(paddle, computing(paddle, forward), tmp_path / "scaled", inputs)
    predictor = predictor_of(paddle, tmp_path / "scaled")
    values = {"factor": np.ones(1, "float32"), "weights": np.ones(4, "float32"), "rows": ROWS}
    with below_a_span:
        run(predictor, *(values[name] for name in predictor.get_input_names()))
    attributes = dict(observed.span("predict scaled").attributes or {})
    assert attributes["paddle.batch_size"] == 3
    dimensions = {"factor": 1, "weights": 4, "rows": 3}
    names = attributes["paddle.prediction.input.names"]
    assert isinstance(names, tuple)
    assert sorted(map(str, names)) == ["factor", "rows", "weights"]
    expected = tuple(dimensions[str(name)] for name in names)
    assert attributes["paddle.prediction.input.leading_dimensions"] == expected


def test_a_long_run_has_a_span_of_its_own(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any span around it, when it took the least time that is set."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPAN_MINIMUM", "0")
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    try:
        run(predictor_of(paddle, classifier), ROWS)
    finally:
        instrumentor.uninstrument()
    assert recorder.span("predict scores").parent is None


@pytest.mark.parametrize(("mode", "spans"), [("always", 1), ("never", 0)])
def test_spans_follow_the_setting(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch, mode: str, spans: int
) -> None:
    """``PADDLE_OTEL_PREDICTION_SPANS``; the metrics are written either way."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", mode)
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    try:
        run(predictor_of(paddle, classifier), ROWS)
    finally:
        instrumentor.uninstrument()
    assert len(recorder.spans("predict scores")) == spans
    assert recorder.point("paddle.prediction.duration").count == 1


def test_nothing_is_recorded_of_contents(predictor: Any, observed: Recorder, below_a_span: Any) -> None:
    """Neither inputs nor outputs appear anywhere in a span."""
    with below_a_span:
        (scores,) = run(predictor, np.full((2, 4), 1234.5, "float32"))
    told = str(observed.span("predict scores").to_json())
    assert "1234.5" not in told
    assert str(scores[0][0]) not in told
    assert fetch(predictor)[0].shape == (2, 2)
