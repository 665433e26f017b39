"""Building programs while the instrumentor is on: nothing runs, so nothing is reported and nothing changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from inference.jit_programs import bits, predictions, rows, switched_on
from recording import Recorder


def _around(paddle: Any, layer: Any) -> Any:
    base: Any = paddle.nn.Layer

    class Around(base):
        """A live network that holds a loaded layer."""

        def __init__(self) -> None:
            base.__init__(self)
            self.loaded = layer

        def forward(self, x: Any) -> Any:
            return paddle.nn.functional.softmax(self.loaded(x))

    network = Around()
    network.eval()
    return network


def _specification(paddle: Any) -> list[Any]:
    return [paddle.static.InputSpec([None, 4], "float32", name="features")]


def _exported(paddle: Any, layer: Any, path: Path) -> tuple[str, list[bytes]]:
    static = paddle.jit.to_static(_around(paddle, layer), input_spec=_specification(paddle), full_graph=True)
    paddle.jit.save(static, str(path))
    again = paddle.jit.load(str(path))
    return "".join(_operators(again.program())), bits(again(rows(paddle)))


def _operators(program: Any) -> list[str]:
    operators = program.global_block().ops
    return [one.type if isinstance(getattr(one, "type", None), str) else one.name() for one in operators]


def test_a_network_with_a_loaded_layer_exports_unchanged(
    recorder: Recorder, paddle: Any, classifier: Path, tmp_path: Path
) -> None:
    """The exported program has the same operators and gives the same result, bit by bit."""
    layer = paddle.jit.load(str(classifier))
    plain = _exported(paddle, layer, tmp_path / "plain")
    with switched_on(recorder):
        seen = _exported(paddle, layer, tmp_path / "seen")
    assert seen == plain
    assert [(point.attributes["paddle.model.name"], point.count) for point in _durations(recorder)] == [("seen", 1)]


def _durations(recorder: Recorder) -> list[Any]:
    return recorder.points("paddle.prediction.duration")


def test_a_loaded_layer_is_saved_again_as_without_us(
    recorder: Recorder, paddle: Any, classifier: Path, tmp_path: Path
) -> None:
    """``paddle.jit.save`` of what ``paddle.jit.load`` gave works where it works."""
    layer = paddle.jit.load(str(classifier))

    def outcome(path: Path) -> object:
        try:
            paddle.jit.save(layer, str(path), input_spec=_specification(paddle))
        except Exception as error:  # noqa: BLE001 - whatever Paddle raises
            return type(error), str(error)
        return bits(paddle.jit.load(str(path))(rows(paddle)))

    plain = outcome(tmp_path / "plain")
    with switched_on(recorder):
        assert outcome(tmp_path / "seen") == plain


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("full_graph", [True, False])
def test_a_compiled_network_with_a_loaded_layer_works(
    recorder: Recorder, paddle: Any, classifier: Path, *, full_graph: bool
) -> None:
    """``paddle.jit.to_static`` on a live network gives what it gives, compiled as a whole or piece by piece."""
    layer = paddle.jit.load(str(classifier))

    def result(number: int) -> object:
        network = _around(paddle, layer)
        if not full_graph:
            # Code that is compiled piece by piece is compiled once, however many networks run it.
            forward: Any = cast("Any", type(network)).forward
            forward.__code__ = forward.__code__.replace(co_name=f"forward_{number}")
        compiled = paddle.jit.to_static(network, full_graph=full_graph)
        try:
            with paddle.no_grad():
                return [*bits(compiled(rows(paddle))), *bits(compiled(rows(paddle, 5)))]
        except Exception as error:  # noqa: BLE001 - some versions cannot compile it, with us as without us
            return type(error)

    with switched_on(recorder):
        seen = result(1)
    assert result(2) == seen


@pytest.mark.parametrize("decorated", [False, True])
def test_a_compiled_live_network_is_left_alone(recorder: Recorder, paddle: Any, *, decorated: bool) -> None:
    """It was never loaded from a program: it runs as it does, and is no prediction of a loaded layer."""
    paddle.seed(3)
    network = paddle.nn.Sequential(paddle.nn.Linear(4, 2))
    network.eval()
    compiled: Callable[..., Any] = paddle.jit.to_static(network, full_graph=True) if decorated else network
    plain = bits(compiled(rows(paddle)))
    with switched_on(recorder):
        assert bits(compiled(rows(paddle))) == plain
    assert predictions(recorder) == 0
