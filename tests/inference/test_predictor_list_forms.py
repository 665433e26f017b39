"""The ways to give ``run`` its tensors, and a failing run of them; left out on Paddle 2, like all runs of lists."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from inference.jit_programs import request
from inference.programs import predictor_of, raised_by, run
from recording import Recorder

ROWS = np.arange(12, dtype="float32").reshape(3, 4)
OTHERS = np.ones((2, 4), "float32")


def _by_keyword(predictor: Any, tensor: Any) -> Any:
    return predictor.run(inputs=[tensor])


def _as_a_tuple(predictor: Any, tensor: Any) -> Any:
    return predictor.run((tensor,))


@pytest.mark.parametrize("give", [_by_keyword, _as_a_tuple])
def test_every_form_is_read(observed: Recorder, paddle: Any, classifier: Path, give: Callable[[Any, Any], Any]) -> None:
    """What is told is of the tensors that were given, not of what the predictor held before."""
    predictor = predictor_of(paddle, classifier)
    (expected,) = run(predictor, ROWS)
    run(predictor, OTHERS)
    observed.clear_spans()
    with request(observed):
        (scores,) = give(predictor, paddle.to_tensor(ROWS))
    assert scores.numpy().tobytes() == expected.tobytes()
    attributes = dict(observed.span("predict scores").attributes or {})
    assert attributes["paddle.batch_size"] == 3
    assert attributes["paddle.prediction.input.names"] == ("features",)
    assert attributes["paddle.prediction.input.leading_dimensions"] == (3,)
    assert attributes["paddle.prediction.output.leading_dimensions"] == (3,)


def test_a_failing_run_has_no_outputs(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Those that the predictor still holds are of an earlier run."""
    predictor = predictor_of(paddle, classifier)
    run(predictor, ROWS)
    observed.clear_spans()
    with request(observed):
        error = raised_by(predictor.run, [paddle.ones([2, 3])])  # rows of three features, not four
    assert type(error) is ValueError
    span = observed.span("predict scores")
    attributes = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == "ValueError"
    assert attributes["paddle.prediction.input.leading_dimensions"] == (2,)
    assert not [key for key in attributes if key.startswith("paddle.prediction.output.")]


@pytest.mark.parametrize("by_keyword", [True, False])
def test_what_the_predictor_held_before_is_not_told(
    observed: Recorder, paddle: Any, classifier: Path, by_keyword: bool
) -> None:
    """A list of too many tensors never gets into the predictor, which still holds the inputs of an earlier run."""
    predictor = predictor_of(paddle, classifier)
    run(predictor, OTHERS)
    observed.clear_spans()
    tensors = [paddle.to_tensor(ROWS), paddle.to_tensor(ROWS)]
    with request(observed):
        error = raised_by(lambda: predictor.run(inputs=tensors) if by_keyword else predictor.run(tensors))
    assert "wrong feed input size" in str(error)
    attributes = dict(observed.span("predict scores").attributes or {})
    assert attributes["paddle.prediction.input.leading_dimensions"] == (3, 3)
    assert not [key for key in attributes if key.startswith("paddle.prediction.output.")]
