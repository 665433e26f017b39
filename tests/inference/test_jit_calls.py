"""Calls of layers that ``paddle.jit.load`` gave."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from inference.jit_programs import (
    CLASSIFIER_SPAN,
    bits,
    inside,
    predictions,
    request,
    rows,
    save_columns,
    save_encoder,
    switched_on,
)
from inference.programs import raised_by
from paddle_otel.operations.prediction import inside_model_call
from recording import Recorder

IDS = [[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]]
MASK = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_a_call_is_a_span_below_a_recorded_one(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The span tells model, rows and the sizes of inputs and outputs; it is a child of the caller's."""
    layer = paddle.jit.load(str(classifier))
    with request(observed):
        layer(rows(paddle))
    span = observed.span("predict scores")
    assert span in observed.children(observed.span("request"))
    assert dict(span.attributes or {}) == CLASSIFIER_SPAN
    assert type((span.attributes or {})["paddle.batch_size"]) is int
    assert span.status.status_code is StatusCode.UNSET


def test_every_call_is_counted_and_timed(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Metrics are written whether or not a span is."""
    layer = paddle.jit.load(str(classifier))
    for count in (1, 2, 4):
        layer(rows(paddle, count))
    labels = {"paddle.model.name": "scores", "paddle.model.kind": "jit_layer"}
    duration = observed.point("paddle.prediction.duration")
    assert (dict(duration.attributes), duration.count) == (labels, 3)
    assert 0 < duration.value < 60
    batch = observed.point("paddle.prediction.batch_size")
    assert (dict(batch.attributes), batch.count, batch.value) == (labels, 3, 7)


def test_the_result_is_the_same_bit_by_bit(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """Values, type and gradient setting of a result are those of a plain call."""
    layer = paddle.jit.load(str(classifier))
    plain = layer(rows(paddle))
    with switched_on(recorder):
        seen = layer(rows(paddle))
    assert predictions(recorder) == 1
    assert bits(seen) == bits(plain)
    assert type(seen) is type(plain)
    assert seen.stop_gradient == plain.stop_gradient


def test_arrays_are_inputs_too(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A loaded layer takes NumPy arrays as it takes tensors."""
    layer = paddle.jit.load(str(classifier))
    with request(observed):
        layer(np.ones((3, 4), "float32"))
    assert dict(observed.span("predict scores").attributes or {}) == CLASSIFIER_SPAN


@pytest.mark.parametrize(("with_sum", "dimensions"), [(False, (4, 3)), (True, None)])
def test_outputs_are_told_in_their_order(
    observed: Recorder, paddle: Any, tmp_path: Path, dimensions: tuple[int, ...] | None, *, with_sum: bool
) -> None:
    """Each output's leading dimension is on the span; with an output that is a number, which has none, none is."""
    save_columns(paddle, tmp_path / "columns", with_sum=with_sum)
    layer = paddle.jit.load(str(tmp_path / "columns"))
    with request(observed):
        layer(rows(paddle))
    attributes = observed.span("predict columns").attributes or {}
    assert attributes.get("paddle.prediction.output.leading_dimensions") == dimensions
    assert attributes["paddle.batch_size"] == 3


@pytest.mark.parametrize("array", [False, True])
def test_the_mask_tells_the_tokens(observed: Recorder, paddle: Any, tmp_path: Path, *, array: bool) -> None:
    """What the mask leaves out is padding, which is no token."""
    save_encoder(paddle, tmp_path / "encoder")
    layer = paddle.jit.load(str(tmp_path / "encoder"))
    given = [np.array(values, "int64") for values in (IDS, MASK)]
    with request(observed):
        layer(*(given if array else map(paddle.to_tensor, given)))
    attributes = dict(observed.span("predict encoder").attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 8
    assert type(attributes["gen_ai.usage.input_tokens"]) is int
    assert attributes["paddle.prediction.input.names"] == ("input_ids", "attention_mask")
    point = observed.point("paddle.tokens")
    assert dict(point.attributes) == {"gen_ai.token.type": "input", "gen_ai.request.model": "encoder"}
    assert point.value == 8


@pytest.mark.parametrize(
    ("names", "kind"), [(("input_ids", "attention_mask"), "float32"), (("input_ids", "weights"), "int64")]
)
def test_without_a_mask_of_integers_tokens_are_not_known(
    observed: Recorder, paddle: Any, tmp_path: Path, names: tuple[str, str], kind: str
) -> None:
    """Numbers that are added to scores, or are called otherwise, count nothing; no count is not a count of zero."""
    save_encoder(paddle, tmp_path / "encoder", kind, names)
    layer = paddle.jit.load(str(tmp_path / "encoder"))
    with request(observed):
        layer(paddle.to_tensor(IDS), paddle.to_tensor(MASK).astype(kind))
    attributes = observed.span("predict encoder").attributes or {}
    assert attributes["paddle.batch_size"] == 2
    assert "gen_ai.usage.input_tokens" not in attributes
    assert observed.points("paddle.tokens") == []


def test_an_error_is_the_users_own(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """The exception is the one of a plain call, and its class is on span and metric."""
    layer = paddle.jit.load(str(classifier))
    wrong = paddle.ones([3, 5])
    plain = raised_by(layer, wrong)
    with switched_on(recorder), request(recorder):
        layer = paddle.jit.load(str(classifier))
        seen = raised_by(layer, wrong)
    assert type(seen) is type(plain)
    assert str(seen).splitlines()[-1] == str(plain).splitlines()[-1]
    span = recorder.span("predict scores")
    expected = {**CLASSIFIER_SPAN, "error.type": type(plain).__qualname__}
    del expected["paddle.prediction.output.leading_dimensions"]
    assert dict(span.attributes or {}) == expected
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, type(plain).__qualname__)
    assert recorder.point("paddle.prediction.duration").attributes["error.type"] == type(plain).__qualname__


def test_what_the_layer_refuses_stays_refused(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Named inputs and inputs of other types raise Paddle's own TypeError."""
    layer = paddle.jit.load(str(classifier))
    with pytest.raises(TypeError):
        layer(features=rows(paddle))
    with pytest.raises(TypeError):
        layer("text")
    errors = [(point.attributes["error.type"], point.count) for point in observed.points("paddle.prediction.duration")]
    assert errors == [("TypeError", 2)]
    assert observed.points("paddle.prediction.batch_size") == []


def test_ctrl_c_ends_the_prediction_and_goes_on(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Whatever ends a call ends its span."""
    layer = paddle.jit.load(str(classifier))

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    layer.register_forward_pre_hook(interrupt)
    with request(observed), pytest.raises(KeyboardInterrupt):
        layer(rows(paddle))
    assert (observed.span("predict scores").attributes or {})["error.type"] == "KeyboardInterrupt"


def test_a_call_inside_another_models_call_is_part_of_it(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The tokens and rows of a request are counted where it came in."""
    layer = paddle.jit.load(str(classifier))
    with inside(inside_model_call()):
        layer(rows(paddle))
    assert observed.points("paddle.prediction.duration") == []


def test_other_layers_are_not_seen(observed: Recorder, paddle: Any) -> None:
    """Only loaded layers are: a layer of a live network costs nothing and tells nothing."""
    with request(observed):
        paddle.nn.Linear(4, 2)(rows(paddle))
    assert [span.name for span in observed.spans()] == ["request"]
    assert observed.points("paddle.prediction.duration") == []


def test_a_call_of_forward_is_not_seen(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """It goes past ``__call__``, as it goes past Paddle's own hooks."""
    layer = paddle.jit.load(str(classifier))
    assert bits(layer.forward(rows(paddle))) == bits(layer(rows(paddle)))
    assert predictions(observed) == 1
