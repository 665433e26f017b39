"""Executors and the programs that they run in the tests."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np

STATIC_SPAN: Final = {
    "paddle.model.name": "scores",
    "paddle.model.kind": "static_program",
    "paddle.device": "cpu",
    "paddle.prediction.input.names": ("features",),
    "paddle.prediction.input.leading_dimensions": (3,),
    "paddle.prediction.output.leading_dimensions": (3,),
    "paddle.batch_size": 3,
}
"""Attributes of the classifier's prediction for three rows; the names of its outputs are not in every format."""


@contextmanager
def static_mode(paddle: Any) -> Generator[Any, None, None]:
    """Be in static mode for a while, with an executor and variables of its own."""
    paddle.enable_static()
    try:
        with paddle.static.scope_guard(paddle.static.Scope()):
            yield paddle.static.Executor(paddle.CPUPlace())
    finally:
        paddle.disable_static()


def features(count: int = 3) -> Any:
    """Return that many rows of four features."""
    return np.arange(4 * count, dtype="float32").reshape(count, 4) / 10


class Built(NamedTuple):
    """Programs that a test has built itself.

    Attributes:
        forward: Gives predictions.
        training: One like it, with a loss, gradients and an optimizer.
        startup: Gives the parameters of both their first values.
        scores: What ``forward`` gives.
        loss: What ``training`` gives.
    """

    forward: Any
    training: Any
    startup: Any
    scores: Any
    loss: Any


def build(paddle: Any, optimizer: str = "Adam") -> Built:
    """Build a forward program and a program that trains it."""
    static = paddle.static
    forward, training, startup = static.Program(), static.Program(), static.Program()
    with static.program_guard(forward, startup):
        scores = static.nn.fc(static.data("features", [None, 4], "float32"), 2)
    with static.program_guard(training, startup):
        loss = paddle.mean(static.nn.fc(static.data("features", [None, 4], "float32"), 2))
        getattr(paddle.optimizer, optimizer)(learning_rate=0.01).minimize(loss)
    return Built(forward, training, startup, scores, loss)
