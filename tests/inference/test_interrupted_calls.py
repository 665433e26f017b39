"""Ctrl-C while Paddle loads or runs: it belongs to the program, and what it cut short is told as failed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from inference.jit_programs import request, rows, switched_on
from inference.programs import config_of, feed, predictor_of
from inference.static_programs import features, static_mode
from observed import raising
from paddle_otel.operations.model_load import inside_model_load
from paddle_otel.operations.prediction import inside_model_call
from recording import Recorder


def interrupted(recorder: Recorder, name: str, duration: str, call: Callable[[], object], error: BaseException) -> None:
    """Make a call that raises this below a recorded span; check what comes out of it and what is told of it."""
    with request(recorder), pytest.raises(KeyboardInterrupt) as caught:
        call()
    assert caught.value is error
    assert inside_model_load().get() is False
    assert inside_model_call().get() is False
    span = recorder.span(name)
    assert span in recorder.children(recorder.span("request"))
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "KeyboardInterrupt"
    point = recorder.point(duration, error__type="KeyboardInterrupt")
    assert (point.count, point.attributes["paddle.model.name"]) == (1, "scores")


def test_a_run_of_a_predictor(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed prediction of its model, without what an earlier run gave."""
    error = KeyboardInterrupt()
    with switched_on(recorder):
        predictor = predictor_of(paddle, classifier)
    feed(predictor, np.ones((2, 4), "float32"))
    predictor.run()
    monkeypatch.setattr(paddle.inference.Predictor, "run", raising(error))
    with switched_on(recorder):
        interrupted(recorder, "predict scores", "paddle.prediction.duration", lambda: predictor.run(), error)  # noqa: PLW0108 - looked up when called
    attributes = dict(recorder.span("predict scores").attributes or {})
    assert not [key for key in attributes if key.startswith("paddle.prediction.output.")]


def test_a_run_of_an_executor(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed prediction of its model."""
    error = KeyboardInterrupt()
    with static_mode(paddle) as executor:
        with switched_on(recorder):
            program, _, fetches = paddle.static.load_inference_model(str(classifier), executor)
        monkeypatch.setattr(paddle.static.Executor, "run", raising(error))

        def run() -> object:
            return executor.run(program, feed={"features": features()}, fetch_list=fetches)

        with switched_on(recorder):
            interrupted(recorder, "predict scores", "paddle.prediction.duration", run, error)


def test_a_call_of_a_loaded_layer(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A failed prediction of its model."""
    error = KeyboardInterrupt()
    layer = paddle.jit.load(str(classifier))
    layer.register_forward_pre_hook(raising(error))
    interrupted(observed, "predict scores", "paddle.prediction.duration", lambda: layer(rows(paddle)), error)


def test_making_a_predictor(recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed load of its model; the next load is one of its own."""
    error = KeyboardInterrupt()
    config = config_of(paddle, classifier)
    with monkeypatch.context() as broken:
        broken.setattr(paddle.inference, "create_predictor", raising(error))
        with switched_on(recorder):
            _interrupted_load(recorder, lambda: paddle.inference.create_predictor(config), error)
    with switched_on(recorder):
        predictor_of(paddle, classifier)
    _loaded_afterwards(recorder)


def test_loading_a_layer(recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed load of its model; the next load is one of its own."""
    error = KeyboardInterrupt()
    with monkeypatch.context() as broken:
        broken.setattr(paddle.jit, "load", raising(error))
        with switched_on(recorder):
            _interrupted_load(recorder, lambda: paddle.jit.load(str(classifier)), error)
    with switched_on(recorder):
        paddle.jit.load(str(classifier))
    _loaded_afterwards(recorder)


def test_loading_an_inference_program(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed load of its model; the next load is one of its own."""
    error = KeyboardInterrupt()
    with static_mode(paddle) as executor:

        def load() -> object:
            return paddle.static.load_inference_model(str(classifier), executor)

        with monkeypatch.context() as broken:
            broken.setattr(paddle.static, "load_inference_model", raising(error))
            with switched_on(recorder):
                _interrupted_load(recorder, load, error)
        with switched_on(recorder):
            load()
    _loaded_afterwards(recorder)


def _interrupted_load(recorder: Recorder, load: Callable[[], object], error: BaseException) -> None:
    interrupted(recorder, "load_model scores", "paddle.model.load.duration", load, error)
    assert recorder.point("paddle.model.state", paddle__model__state="failed").value == 1
    assert recorder.point("paddle.model.state", paddle__model__state="loading").value == 0


def _loaded_afterwards(recorder: Recorder) -> None:
    failed, loaded = recorder.spans("load_model scores")
    assert failed.status.status_code is StatusCode.ERROR
    assert loaded.status.status_code is StatusCode.UNSET
    points = recorder.points("paddle.model.load.duration")
    assert [(point.attributes.get("error.type"), point.count) for point in points] == [
        ("KeyboardInterrupt", 1),
        (None, 1),
    ]
