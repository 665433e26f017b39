"""The predictors of the interface before Paddle 2.0, which every version still has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from inference.programs import raised_by, save_legacy_classifier
from recording import Recorder

ROWS = np.ones((3, 4), "float32")

Maker = Callable[[], Any]


@pytest.fixture(scope="module")
def old(paddle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program in the format that these predictors read."""
    assert paddle
    path = tmp_path_factory.mktemp("legacy") / "old" / "inference"
    save_legacy_classifier(path)
    return path


@pytest.fixture(autouse=True)
def _every_run_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")


@pytest.fixture
def make(paddle: Any, old: Path) -> Maker:
    """Makes a legacy predictor."""

    def new(*, for_handles: bool = False) -> Any:
        config = paddle.base.core.AnalysisConfig(str(old.with_suffix(".pdmodel")), str(old.with_suffix(".pdiparams")))
        config.disable_mkldnn()
        config.switch_use_feed_fetch_ops(not for_handles)
        return paddle.base.core.create_paddle_predictor(config)

    return new


def test_a_run_on_tensors_is_a_prediction(observed: Recorder, paddle: Any, make: Maker) -> None:
    """Named by its path, with rows and dimensions; the load is one."""
    predictor = make()
    assert type(predictor) is paddle.base.core.AnalysisPredictor
    tensor = paddle.base.core.PaddleTensor(ROWS)
    tensor.name = "features"
    (scores,) = predictor.run([tensor])
    assert scores.shape == [3, 2]
    attributes = dict(observed.span("predict old").attributes or {})
    assert attributes["paddle.batch_size"] == 3
    assert attributes["paddle.device"] == "cpu"
    assert attributes["paddle.prediction.input.names"] == ("features",)
    assert attributes["paddle.prediction.input.leading_dimensions"] == (3,)
    assert attributes["paddle.prediction.output.leading_dimensions"] == (3,)
    assert (observed.span("load_model old").attributes or {})["paddle.model.kind"] == "predictor"
    assert observed.point("paddle.prediction.duration", paddle__model__name="old").count == 1


def test_a_run_on_handles_is_a_prediction(observed: Recorder, make: Callable[..., Any]) -> None:
    """``zero_copy_run``, of a clone too, which has its origin's name."""
    predictor = make(for_handles=True)
    for rows, one in ((3, predictor), (5, predictor.clone())):
        handle = one.get_input_tensor("features")
        handle.reshape([rows, 4])
        handle.copy_from_cpu(np.ones((rows, 4), "float32"))
        assert one.zero_copy_run() is True
    spans = observed.spans("predict old")
    assert [(span.attributes or {})["paddle.batch_size"] for span in spans] == [3, 5]
    outputs = [(span.attributes or {})["paddle.prediction.output.leading_dimensions"] for span in spans]
    assert outputs == [(3,), (5,)]


def test_outputs_are_equal_with_and_without(observed: Recorder, paddle: Any, make: Maker) -> None:
    """Bit by bit."""
    predictor = make()
    tensor = paddle.base.core.PaddleTensor(ROWS)
    seen = predictor.run([tensor])[0]
    with suppress_instrumentation():
        plain = predictor.run([tensor])[0]
    assert seen.as_ndarray().tobytes() == plain.as_ndarray().tobytes()
    assert observed.point("paddle.prediction.duration").count == 1


def test_a_wrong_argument_fails_as_without_us(observed: Recorder, make: Maker) -> None:
    """The same ``TypeError``."""
    error = raised_by(make().run, 5)
    assert "incompatible function arguments" in str(error)
    assert (observed.span("predict old").attributes or {})["error.type"] == "TypeError"
