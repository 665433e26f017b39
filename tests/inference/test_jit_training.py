"""Which calls of a loaded layer are predictions, and which are training."""

from pathlib import Path
from typing import Any

import pytest

from inference.jit_programs import bits, predictions, rows, save_scaling, switched_on
from recording import Recorder

# What Paddle 3 says of its own code when it makes the program of a loaded layer's gradients.
pytestmark = pytest.mark.filterwarnings("ignore:.*do not have 'place' interface:UserWarning")


@pytest.fixture(scope="module")
def trainable(paddle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a program of a single step, which Paddle trains without reading memory that it has freed.

    With values between input and output, every version from 3.0 to 3.3 crashes now and then while it makes the
    training program of a loaded layer, also without anybody's patches: it reads the names of such values.
    """
    path = tmp_path_factory.mktemp("programs") / "scaling" / "inference"
    save_scaling(paddle, path)
    return path


def _gradient(paddle: Any, layer: Any) -> list[bytes]:
    layer.clear_gradients()
    paddle.sum(layer(rows(paddle))).backward()
    gradients = [parameter.grad for parameter in layer.parameters()]
    return [b"none" if gradient is None else gradient.numpy().tobytes() for gradient in gradients]


def test_fine_tuning_is_not_a_prediction(recorder: Recorder, paddle: Any, trainable: Path) -> None:
    """In training mode with gradients switched on nothing is reported, and the gradients are the plain ones."""
    layer = paddle.jit.load(str(trainable))
    layer.train()
    plain = _gradient(paddle, layer)
    with switched_on(recorder):
        assert _gradient(paddle, layer) == plain
    assert recorder.points("paddle.prediction.duration") == []


def test_a_loaded_layer_predicts_until_it_is_told_to_train(observed: Recorder, paddle: Any, trainable: Path) -> None:
    """It comes out of ``paddle.jit.load`` in evaluation mode; gradients alone do not make a call training."""
    layer = paddle.jit.load(str(trainable))
    assert paddle.is_grad_enabled()
    layer(rows(paddle))
    layer.train()
    layer(rows(paddle))
    layer.eval()
    layer(rows(paddle))
    assert observed.point("paddle.prediction.duration").count == 2


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_without_gradients_every_call_is_a_prediction(
    observed: Recorder, paddle: Any, trainable: Path, mode: str
) -> None:
    """Nothing can be learned from such a call."""
    layer = paddle.jit.load(str(trainable))
    getattr(layer, mode)()
    with paddle.no_grad():
        layer(rows(paddle))
    assert observed.point("paddle.prediction.duration").count == 1


def test_a_gradient_through_a_frozen_layer_is_unchanged(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """A loaded layer in evaluation mode may be a part of something that learns."""
    layer = paddle.jit.load(str(classifier))

    def outcome() -> list[bytes]:
        result = layer(rows(paddle))
        return [*bits(result), str(result.stop_gradient).encode()]

    plain = outcome()
    with switched_on(recorder):
        assert outcome() == plain
    assert predictions(recorder) == 1
