"""Generations, predictions and training of the real libraries, as a monitor tells them apart."""

from importlib.metadata import EntryPoint
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import stacks
from budgeted import budget, used
from library.expected import Prompts, held_by, rows_of
from paddle_otel.activity import ACTIVITY, BACKWARD, DECODE, FORWARD, IDLE, PREDICT, PREFILL
from paddle_otel.monitor import GPUMonitor, gpu_monitor
from paddle_otel.monitor.observers import GROUP, Observers
from recording import Recorder


@pytest.fixture(autouse=True)
def _declared(stack: stacks.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this distribution declares, whether or not its metadata was written anew since."""
    declared = {
        stack.library: f"paddle_otel.{stack.library}:{stack.instrumentor}",
        "training": "paddle_otel.training_activity:TrainingActivityInstrumentor",
    }
    observers = Observers(lambda: [EntryPoint(name, value, GROUP) for name, value in declared.items()])
    monkeypatch.setattr(gpu_monitor, "OBSERVERS", observers)


def done(monitor: GPUMonitor) -> set[str]:
    """Stop; return what Paddle did."""
    return set(monitor.stop().activity_seconds)


def test_a_generation_is_prefill_and_decode(llama: Any, prompts: Prompts) -> None:
    """Without any configuration, and with the very same tokens."""
    plain = rows_of(llama.generate(**prompts.both, max_new_tokens=8)[0])
    monitor = GPUMonitor(interval=60.0).start()
    assert rows_of(llama.generate(**prompts.both, max_new_tokens=8)[0]) == plain
    assert done(monitor) == {PREFILL, DECODE, IDLE}


def test_a_single_token_is_all_prefill(llama: Any, prompts: Prompts) -> None:
    """There is nothing after the first one but handing it over."""
    monitor = GPUMonitor(interval=60.0).start()
    llama.generate(**prompts.first, max_new_tokens=1)
    seconds = monitor.stop().activity_seconds
    assert seconds[PREFILL] > seconds.get(DECODE, 0.0)


def test_a_model_that_is_called_is_a_prediction_or_training(paddle: Any, llama: Any, prompts: Prompts) -> None:
    """As for the spans: in training mode with gradients it is training."""
    with GPUMonitor(interval=60.0) as predicting, paddle.no_grad():
        llama(**prompts.first)
    assert done(predicting) == {PREDICT, IDLE}
    llama.train()
    try:
        with GPUMonitor(interval=60.0) as training:
            out: Any = llama(**prompts.first)
            scores = cast("Any", out[0] if isinstance(out, tuple) else out)
            scores.sum().backward()
    finally:
        llama.eval()
        llama.clear_gradients()
    assert done(training) == {FORWARD, BACKWARD, IDLE}


def test_a_generation_that_fails_ends(llama: Any, prompts: Prompts) -> None:
    """What comes after it is idle."""
    error = KeyboardInterrupt()

    def fail(*_: Any) -> None:
        raise error

    hook = llama.register_forward_pre_hook(fail)
    with GPUMonitor(interval=60.0):
        with pytest.raises(KeyboardInterrupt) as caught:
            llama.generate(**prompts.first, max_new_tokens=2)
        assert caught.value is error
        assert ACTIVITY.current() is None
    hook.remove()


def test_every_class_is_as_it_was(untouched: dict[type, dict[str, Any]]) -> None:
    """When the monitor stops, whatever a class held it holds again."""
    with GPUMonitor(interval=60.0):
        assert any(held_by(kind) != held for kind, held in untouched.items())
    for kind, held in untouched.items():
        assert all(held_by(kind)[name] is one for name, one in held.items())


def test_the_program_switches_on_while_a_monitor_runs(
    stack: stacks.Stack, recorder: Recorder, llama: Any, prompts: Prompts
) -> None:
    """Nothing was reported to its SDK before, everything is after, and the monitor's end does not end it."""
    instrumentor = stack.new_instrumentor()
    with GPUMonitor(interval=60.0):
        llama.generate(**prompts.first, max_new_tokens=1)
        assert not recorder.spans()
        instrumentor.instrument(**recorder.providers)
        llama.generate(**prompts.first, max_new_tokens=1)
        first = len(recorder.spans())
        assert first
    llama.generate(**prompts.first, max_new_tokens=1)
    assert len(recorder.spans()) == 2 * first
    instrumentor.uninstrument()


def test_a_monitor_puts_no_budget_in_force(llama: Any, prompts: Prompts) -> None:
    """A program that observes nothing writes as much under a monitor as before."""
    with budget(3, scope="process") as name, GPUMonitor(interval=60.0):
        ids, _ = llama.generate(**prompts.first, max_new_tokens=8, eos_token_id=None)
    assert [len(row) for row in rows_of(ids)] == [8]
    assert used(name) is None


def test_the_programs_own_span_stays_current(llama: Any, prompts: Prompts) -> None:
    """What it notes on its span while the model writes arrives there."""

    class Noting:
        def put(self, _: Any) -> None:
            trace.get_current_span().add_event("put")

        def end(self) -> None:
            """Nothing is left to do."""

    tracer = TracerProvider().get_tracer("the program")
    with GPUMonitor(interval=60.0), tracer.start_as_current_span("request") as span:
        llama.generate(**prompts.first, max_new_tokens=4, eos_token_id=None, streamer=Noting())
    events: Any = span
    assert len(events.events) >= 4
