"""Bugs of ours: the program's own calls go on as if there were no telemetry."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from conftest import Trouble
from inference.programs import config_of, predictor_of, raised_by, run
from observed import raising
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

ROWS = np.ones((2, 4), "float32")
INFERENCE = "paddle_otel.inference"
OPERATIONS = "paddle_otel.operations"

# Where a bug is put, and whether runs are still timed then.
SITES = [
    (f"{INFERENCE}.predictor_load.origin_of", True),
    (f"{INFERENCE}.predictor_known.KnownPredictors.made", True),
    (f"{INFERENCE}.predictor_known.KnownPredictors.derived", True),
    (f"{INFERENCE}.predictor_known.KnownPredictors.read", False),
    (f"{INFERENCE}.predictor_known.KnownPredictor.__init__", False),
    (f"{INFERENCE}.program_values.HandleValues.rows", True),
    (f"{INFERENCE}.program_description._described", True),
    (f"{INFERENCE}.program_values.HandleValues.shape", True),
    (f"{OPERATIONS}.prediction.Prediction.__init__", False),
    (f"{OPERATIONS}.prediction.PredictionMetrics.record", False),
    (f"{OPERATIONS}.model_load.ModelLoad.__init__", True),
]


@pytest.fixture(autouse=True)
def _every_run_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")


def switch_on(recorder: Recorder, switched_off_afterwards: list[BaseInstrumentor]) -> None:
    """Switch the instrumentor on, with whatever bug is there by now."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    switched_off_afterwards.append(instrumentor)


@pytest.mark.parametrize(("site", "timed"), SITES, ids=[site.rpartition(".inference.")[2] for site, _ in SITES])
def test_a_bug_never_reaches_the_program(
    recorder: Recorder,
    paddle: Any,
    classifier: Path,
    monkeypatch: pytest.MonkeyPatch,
    switched_off_afterwards: list[BaseInstrumentor],
    telemetry_trouble: Trouble,
    site: str,
    timed: bool,
) -> None:
    """Loading, running, cloning and failing give what they give without us."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(site, raising(RuntimeError("a bug")))
    switch_on(recorder, switched_off_afterwards)
    predictor = predictor_of(paddle, classifier)
    (scores,) = run(predictor, ROWS)
    (again,) = run(predictor.clone(), ROWS)
    assert scores.shape == (2, 2)
    assert again.tobytes() == scores.tobytes()
    error = raised_by(run, predictor, np.ones((2, 3), "float32"))
    assert type(error) is ValueError
    assert telemetry_trouble.sites
    assert {"RuntimeError('a bug')" in line for line in telemetry_trouble.sites} == {True}
    assert sum(point.count for point in recorder.points("paddle.prediction.duration")) == (3 if timed else 0)


def test_a_bug_in_a_pool_never_reaches_the_program(
    recorder: Recorder,
    paddle: Any,
    classifier: Path,
    monkeypatch: pytest.MonkeyPatch,
    switched_off_afterwards: list[BaseInstrumentor],
    telemetry_trouble: Trouble,
) -> None:
    """A pool whose origin is lost gives predictors without a name."""
    telemetry_trouble.expected = True
    for method in ("made", "derived"):
        monkeypatch.setattr(f"{INFERENCE}.predictor_known.KnownPredictors.{method}", raising(RuntimeError("a bug")))
    switch_on(recorder, switched_off_afterwards)
    pool = paddle.inference.PredictorPool(config_of(paddle, classifier), 1)
    retrieve: Callable[[int], Any] = getattr(pool, "retrieve" if hasattr(pool, "retrieve") else "retrive")
    (scores,) = run(retrieve(0), ROWS)
    assert scores.shape == (2, 2)
    assert len(recorder.spans("predict unknown")) == 1


def test_ctrl_c_belongs_to_the_program(
    observed: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``KeyboardInterrupt`` while we read is not swallowed."""
    predictor = predictor_of(paddle, classifier)
    monkeypatch.setattr(f"{INFERENCE}.program_values.HandleValues.rows", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run(predictor, ROWS)
    assert observed
