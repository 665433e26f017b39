"""Runs of predictors on lists of tensors, which crash in Paddle 2 without anybody's patches and are not tried there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.programs import config_of, predictor_of, raised_by, run
from recording import Recorder

ROWS = np.arange(12, dtype="float32").reshape(3, 4)


def test_a_list_of_tensors_is_read(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The list form gives the same outputs as the program, and its shapes are those of the given tensors."""
    predictor = predictor_of(paddle, classifier)
    (expected,) = run(predictor, ROWS)
    observed.clear_spans()
    with observed.tracer_provider.get_tracer("test").start_as_current_span("request"):
        result: Any = predictor.run([paddle.to_tensor(ROWS)])
    assert len(result) == 1
    assert type(result[0]) is paddle.Tensor
    assert (result[0].numpy() == expected).all()
    assert type(result) is list
    attributes = dict(observed.span("predict scores").attributes or {})
    assert attributes["paddle.batch_size"] == 3
    assert attributes["paddle.prediction.input.names"] == ("features",)
    assert attributes["paddle.prediction.output.leading_dimensions"] == (3,)


@pytest.mark.parametrize("argument", [5, "text", None])
def test_a_wrong_argument_fails_as_without_us(
    observed: Recorder, paddle: Any, classifier: Path, argument: object
) -> None:
    """What is no list of tensors raises the same error and is a failed prediction."""
    predictor = predictor_of(paddle, classifier)
    error = raised_by(predictor.run, argument)
    assert type(error) is TypeError
    assert "incompatible function arguments" in str(error)
    point = observed.point("paddle.prediction.duration", error__type="TypeError")
    assert point.count == 1
    assert observed.points("paddle.prediction.batch_size") == []


def test_a_list_that_does_not_fit_has_no_names(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The error is Paddle's own; the tensors are not matched to names, which they are too many for."""
    predictor = predictor_of(paddle, classifier)
    with observed.tracer_provider.get_tracer("test").start_as_current_span("request"):
        error = raised_by(predictor.run, [paddle.ones([3, 4]), paddle.ones([3, 4])])
    assert "wrong feed input size" in str(error)
    attributes = dict(observed.span("predict scores").attributes or {})
    assert attributes["paddle.prediction.input.leading_dimensions"] == (3, 3)
    assert "paddle.prediction.input.names" not in attributes


def test_tensors_that_carry_names_are_not_matched_by_position(
    observed: Recorder, paddle: Any, classifier: Path
) -> None:
    """With ``switch_specify_input_names`` the order of the list says nothing."""
    config = config_of(paddle, classifier)
    config.switch_specify_input_names(True)
    predictor = paddle.inference.create_predictor(config)
    rows = paddle.ones([3, 4])
    rows.name = "features"
    with observed.tracer_provider.get_tracer("test").start_as_current_span("request"):
        predictor.run([rows])
    attributes = dict(observed.span("predict scores").attributes or {})
    assert attributes["paddle.batch_size"] == 3
    assert "paddle.prediction.input.names" not in attributes
