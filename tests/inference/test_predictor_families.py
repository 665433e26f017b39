"""Clones and pools: predictors of one program, used by several threads."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from inference.programs import config_of, feed, fetch, predictor_of, run
from paddle_otel.inference.predictor_known import KnownPredictors
from paddle_otel.operations.meters import METERS
from recording import Recorder

THREADS = 16
RUNS = 50
LABELS = {"paddle.model.name": "scores", "paddle.model.kind": "predictor"}


@pytest.fixture(autouse=True)
def _every_run_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")


def item(pool: Any, index: int) -> Any:
    """Return a predictor of a pool; Paddle 2.6 spells it differently."""
    return getattr(pool, "retrieve" if hasattr(pool, "retrieve") else "retrive")(index)


def test_a_clone_carries_its_origins_name(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """So does a clone of a clone; cloning is no load."""
    predictor = predictor_of(paddle, classifier)
    clone = predictor.clone()
    for one in (predictor, clone, clone.clone()):
        run(one, np.ones((2, 4), "float32"))
    assert len(observed.spans("predict scores")) == 3
    assert len(observed.spans("load_model scores")) == 1


def test_a_clone_outlives_its_origin(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The origin goes, and the clone runs on under its name."""
    predictor = predictor_of(paddle, classifier)
    clone = predictor.clone()
    gone = weakref.ref(predictor)
    run(predictor, np.ones((2, 4), "float32"))
    del predictor
    gc.collect()
    assert gone() is None
    (scores,) = run(clone, np.ones((3, 4), "float32"))
    assert scores.shape == (3, 2)
    assert [(span.attributes or {})["paddle.batch_size"] for span in observed.spans("predict scores")] == [2, 3]


def test_a_clone_has_handles_of_its_own(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """What is put into the one is not seen in the other."""
    predictor = predictor_of(paddle, classifier)
    clone = predictor.clone()
    feed(predictor, np.ones((2, 4), "float32"))
    feed(clone, np.ones((5, 4), "float32"))
    predictor.run()
    clone.run()
    assert [(span.attributes or {})["paddle.batch_size"] for span in observed.spans("predict scores")] == [2, 5]


def test_a_pool_is_one_load_and_its_predictors_have_its_name(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """However often a predictor is taken out."""
    pool = paddle.inference.PredictorPool(config_of(paddle, classifier), 2)
    assert len(observed.spans("load_model scores")) == 1
    for index in (0, 1, 1):
        run(item(pool, index), np.ones((2, 4), "float32"))
    run(item(pool, 0).clone(), np.ones((2, 4), "float32"))
    assert len(observed.spans("predict scores")) == 4
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 1
    del pool
    gc.collect()
    assert observed.point("paddle.model.state", paddle__model__state="unloaded").value == 1


def test_runs_of_many_threads_are_counted_exactly(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Each thread with a clone of its own gets its own results, its own parent and its own rows."""
    predictor = predictor_of(paddle, classifier)
    observed.clear_spans()
    tracer = observed.tracer_provider.get_tracer("test")
    together = threading.Barrier(THREADS)
    expected = {rows: run(predictor, np.full((rows, 4), rows, "float32"))[0] for rows in range(1, THREADS + 1)}
    observed.clear_spans()
    clones = [predictor.clone() for _ in range(THREADS)]

    def work(rows: int) -> bool:
        own = clones[rows - 1]
        together.wait(60)
        with tracer.start_as_current_span(f"request {rows}"):
            results = [run(own, np.full((rows, 4), rows, "float32"))[0] for _ in range(RUNS)]
        return all((result == expected[rows]).all() for result in results)

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(1, THREADS + 1)))
    for rows in range(1, THREADS + 1):
        children = observed.children(observed.span(f"request {rows}"))
        assert len(children) == RUNS
        assert {sizes(child) for child in children} == {rows}
    assert observed.point("paddle.prediction.duration").count == THREADS * (RUNS + 1)
    assert observed.point("paddle.prediction.duration").attributes == LABELS


def sizes(span: ReadableSpan) -> Any:
    """Return a prediction's batch size."""
    return (span.attributes or {})["paddle.batch_size"]


@pytest.fixture
def known(observed: Recorder) -> KnownPredictors:
    """What the instrumentor remembers of predictors on this provider."""
    return METERS.of(observed.meter_provider).keep(KnownPredictors, KnownPredictors)


def test_predictors_are_not_kept_alive(
    observed: Recorder, paddle: Any, classifier: Path, known: KnownPredictors
) -> None:
    """A thousand come and go: nothing of them stays, whether they have run or failed."""
    for _ in range(20):
        predictor_of(paddle, classifier)
    assert len(known) == 0
    predictor = predictor_of(paddle, classifier)
    run(predictor, np.ones((2, 4), "float32"))
    gone: list[Any] = []
    clone: Any = None
    for number in range(1000):
        clone = predictor.clone()
        gone.append(weakref.ref(clone))
        if number % 100 == 0:
            run(clone, np.ones((2, 4), "float32"))
            assert len(fetch(clone)) == 1
    del clone
    gc.collect()
    assert [one for one in gone if one() is not None] == []
    assert len(known) == 1
    again = weakref.ref(predictor)
    del predictor
    gc.collect()
    assert again() is None
    assert len(known) == 0
    assert len(observed.spans("predict scores")) == 11
