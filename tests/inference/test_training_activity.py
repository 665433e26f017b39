"""Forward and backward passes of real Paddle, as a monitor tells them apart."""

import importlib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from paddle_otel.activity import ACTIVITY, BACKWARD, FORWARD, IDLE, PREDICT
from paddle_otel.monitor import GPUMonitor, activity, gpu_monitor
from paddle_otel.monitor.observers import GROUP, Observers
from paddle_otel.training_activity import TrainingActivityInstrumentor

ENTRY = EntryPoint("training", "paddle_otel.training_activity:TrainingActivityInstrumentor", GROUP)


@pytest.fixture
def paddle() -> Any:
    """The real one."""
    return importlib.import_module("paddle")


class Doing:
    """A layer that notes what is being done while it is called."""

    def __init__(self, paddle: Any) -> None:
        self.seen: list[str | None] = []
        doing = self

        class Inner(paddle.nn.Layer):
            def forward(self, x: Any) -> Any:
                doing.seen.append(ACTIVITY.current())
                return x * 2

        self.inner = Inner()
        self.linear: Any = paddle.nn.Linear(4, 4)
        self.layer: Any = paddle.nn.Sequential(self.linear, self.inner)


@pytest.fixture
def doing(paddle: Any) -> Doing:
    """A small network."""
    return Doing(paddle)


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[GPUMonitor]:
    """A monitor that runs; there may be no driver."""
    monkeypatch.setattr(gpu_monitor, "OBSERVERS", Observers(lambda: [ENTRY]))
    with GPUMonitor(interval=60.0) as running:
        yield running


def held(paddle: Any) -> tuple[Any, ...]:
    """What is patched, as the classes and modules hold it."""
    owners: tuple[Any, ...] = (paddle.nn.Layer, paddle.Tensor, paddle.autograd)
    return tuple(owner.__dict__[name] for owner, name in zip(owners, ("__call__", "backward", "backward"), strict=True))


def activities(monitor: GPUMonitor) -> set[str]:
    """Stop; return what was done."""
    return set(monitor.stop().activity_seconds)


def gradient_hook(paddle: Any, seen: list[str | None]) -> Callable[[Any], None]:
    """Return a hook that notes what is being done."""
    assert paddle

    def hook(_: Any) -> None:
        seen.append(ACTIVITY.current())

    return hook


def test_forward_and_backward_are_told_apart(paddle: Any, doing: Doing, monitor: GPUMonitor) -> None:
    """Each while it runs, and neither between them."""
    x = paddle.ones([2, 4])
    x.stop_gradient = False
    during_backward: list[str | None] = []
    x.register_hook(gradient_hook(paddle, during_backward))
    loss = doing.layer(x).sum()
    assert ACTIVITY.current() is None
    loss.backward()
    assert ACTIVITY.current() is None
    paddle.autograd.backward([doing.layer(x).sum()])
    assert doing.seen == [FORWARD, FORWARD]
    assert during_backward == [BACKWARD, BACKWARD]
    assert activities(monitor) == {FORWARD, BACKWARD, IDLE}


def test_nothing_is_patched_without_a_monitor(paddle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the very same objects are back when it stops."""
    monkeypatch.setattr(gpu_monitor, "OBSERVERS", Observers(lambda: [ENTRY]))
    before = held(paddle)
    with GPUMonitor(interval=60.0):
        assert all(new is not old for new, old in zip(held(paddle), before, strict=True))
    assert all(new is old for new, old in zip(held(paddle), before, strict=True))


def test_results_are_the_same_to_the_bit(paddle: Any, doing: Doing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs and gradients, and their types."""
    monkeypatch.setattr(gpu_monitor, "OBSERVERS", Observers(lambda: [ENTRY]))

    def passes() -> tuple[object, ...]:
        doing.layer.clear_gradients()
        out = doing.layer(paddle.linspace(-1, 1, 8).reshape([2, 4]))
        returned = out.sum().backward()
        gradient = doing.linear.weight.grad
        kinds: tuple[Any, ...] = (out.__class__, gradient.__class__)
        return kinds, out.numpy().tobytes(), gradient.numpy().tobytes(), returned

    plain = passes()
    with GPUMonitor(interval=60.0):
        assert passes() == plain


def test_an_error_is_the_programs_and_ends_the_pass(paddle: Any, doing: Doing, monitor: GPUMonitor) -> None:
    """The same exception, and nothing goes on behind it."""
    assert monitor.running
    error = KeyboardInterrupt()

    def fail(*_: Any) -> None:
        raise error

    handle = doing.inner.register_forward_pre_hook(fail)
    with pytest.raises(KeyboardInterrupt) as caught:
        doing.layer(paddle.ones([1, 4]))
    assert caught.value is error
    assert ACTIVITY.current() is None
    handle.remove()
    with pytest.raises(TypeError):
        doing.layer()
    assert ACTIVITY.current() is None


def test_inside_a_prediction_it_is_the_prediction(paddle: Any, doing: Doing, monitor: GPUMonitor) -> None:
    """And inside what the program names, the pass counts."""
    assert monitor.running
    with activity(PREDICT):
        doing.layer(paddle.ones([1, 4]))
    with activity("train step"):
        doing.layer(paddle.ones([1, 4]))
        assert ACTIVITY.current() == "train step"
    assert doing.seen == [PREDICT, FORWARD]


def test_what_is_computed_again_in_a_backward_pass_is_part_of_it(
    paddle: Any, doing: Doing, monitor: GPUMonitor
) -> None:
    """Recomputation calls layers; memory is saved, nothing is trained twice."""
    assert monitor.running
    recompute = importlib.import_module("paddle.distributed.fleet.utils").recompute
    x = paddle.ones([1, 4])
    x.stop_gradient = False
    recompute(doing.layer, x).sum().backward()
    assert doing.seen == [FORWARD, BACKWARD]


def test_a_program_that_is_written_down_is_no_pass(paddle: Any, doing: Doing, monitor: GPUMonitor) -> None:
    """In static mode nothing is computed where a layer is called."""
    assert monitor.running
    paddle.enable_static()
    try:
        with paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
            doing.inner(paddle.static.data("x", [1, 4], "float32"))
    finally:
        paddle.disable_static()
    assert doing.seen == [None]


def test_a_translated_layer_computes_the_same(paddle: Any, monitor: GPUMonitor) -> None:
    """Paddle's tracer does not look into the wrapper."""
    layer = paddle.nn.Sequential(paddle.nn.Linear(4, 8), paddle.nn.ReLU(), paddle.nn.Linear(8, 1))
    x = paddle.linspace(-1, 1, 8).reshape([2, 4])
    plain = layer(x).numpy()
    translated = paddle.jit.to_static(layer)
    for _ in range(2):
        assert abs(translated(x).numpy() - plain).max() < 1e-6
    translated(x).sum().backward()
    assert activities(monitor) == {FORWARD, BACKWARD, IDLE}


def test_switched_off_by_the_environment(paddle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """PADDLE_OTEL_ENABLED=false patches nothing, whoever asks."""
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", "false")
    before = held(paddle)
    instrumentor = TrainingActivityInstrumentor()
    instrumentor.instrument()
    assert all(new is old for new, old in zip(held(paddle), before, strict=True))
    instrumentor.uninstrument()


def test_switched_on_without_a_monitor_it_does_nothing(paddle: Any, doing: Doing) -> None:
    """Nobody asks."""
    instrumentor = TrainingActivityInstrumentor()
    instrumentor.instrument()
    doing.layer(paddle.ones([1, 4])).sum().backward()
    instrumentor.uninstrument()
    assert doing.seen == [None]
