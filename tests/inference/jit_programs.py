"""Layers that the tests export and load again, and what their predictions look like."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, cast

from opentelemetry.trace import Span

from inference.programs import save
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

_TEXT: Final = ("input_ids", "attention_mask")

CLASSIFIER_SPAN: Final = {
    "paddle.model.name": "scores",
    "paddle.model.kind": "jit_layer",
    "paddle.device": "cpu",
    "paddle.prediction.input.names": ("features",),
    "paddle.prediction.input.leading_dimensions": (3,),
    "paddle.prediction.output.leading_dimensions": (3,),
    "paddle.batch_size": 3,
}
"""Attributes of the classifier's prediction for three rows."""


@contextmanager
def switched_on(recorder: Recorder) -> Generator[None, None, None]:
    """Instrument for a while."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    try:
        yield
    finally:
        instrumentor.uninstrument()


@contextmanager
def inside(flag: ContextVar[bool]) -> Generator[None, None, None]:
    """Be inside whatever a flag stands for."""
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)


@contextmanager
def request(recorder: Recorder) -> Generator[Span, None, None]:
    """Be inside a recorded span, so that every prediction is a span too."""
    with recorder.tracer_provider.get_tracer("a service").start_as_current_span("request") as span:
        yield span


def rows(paddle: Any, count: int = 3) -> Any:
    """Return a tensor of that many rows of four features."""
    return paddle.reshape(paddle.arange(4 * count, dtype="float32"), [count, 4]) / 10


def bits(result: Any) -> list[bytes]:
    """Return the exact content of what a model gave."""
    values = cast("Sequence[Any]", result) if isinstance(result, (list, tuple)) else [result]
    return [(value.numpy() if hasattr(value, "numpy") else value).tobytes() for value in values]


def save_scaling(paddle: Any, path: Path) -> None:
    """Export a network from rows of four features to the same features, each times its own weight."""
    base: Any = paddle.nn.Layer

    class Scaling(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.scale = self.create_parameter([4])

        def forward(self, features: Any) -> Any:
            return paddle.multiply(features, self.scale)

    paddle.seed(22)
    save(paddle, Scaling(), path, [("features", [None, 4], "float32")])


def save_columns(paddle: Any, path: Path, *, with_sum: bool) -> None:
    """Export a network from rows of four features to the four columns, and to their sum or the rows' sums.

    Args:
        paddle: Paddle.
        path: Where its files go, without extension.
        with_sum: Whether the second output is one number.
    """
    base: Any = paddle.nn.Layer

    class Columns(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.scale = self.create_parameter([1])
            self.axis = None if with_sum else 1

        def forward(self, x: Any) -> Any:
            scaled = paddle.multiply(x, self.scale)
            return paddle.transpose(scaled, [1, 0]), paddle.sum(scaled, axis=self.axis)

    save(paddle, Columns(), path, [("x", [None, 4], "float32")])


def save_encoder(paddle: Any, path: Path, mask: str = "int64", names: tuple[str, str] = _TEXT) -> None:
    """Export a network from token ids and their mask to one vector for each id.

    Args:
        paddle: Paddle.
        path: Where its files go, without extension.
        mask: Type of the mask.
        names: What the inputs are called.
    """
    base: Any = paddle.nn.Layer

    class Encoder(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.embedding = paddle.nn.Embedding(16, 4)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            kept = paddle.cast(paddle.unsqueeze(attention_mask, -1), "float32")
            return paddle.multiply(self.embedding(input_ids), kept)

    paddle.seed(21)
    shape: list[int | None] = [None, None]
    save(paddle, Encoder(), path, [(names[0], shape, "int64"), (names[1], shape, mask)])


def predictions(recorder: Recorder) -> int:
    """Return how many predictions were counted."""
    return sum(point.count for point in recorder.points("paddle.prediction.duration"))
