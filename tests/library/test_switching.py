"""Switching on and off, any number of times, and leaving the process as it was."""

from typing import Any

import pytest
import wrapt
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import stacks
from library.expected import Prompts, attributes_of, generation, generations, held_by, rows_of
from recording import Recorder


def changed(untouched: dict[type, dict[str, Any]]) -> list[str]:
    """Return the classes that do not hold the very objects that they held at first, and nothing else."""
    now = {kind: held_by(kind) for kind in untouched}
    return [
        kind.__name__
        for kind, before in untouched.items()
        if now[kind].keys() != before.keys() or any(now[kind][name] is not held for name, held in before.items())
    ]


def test_every_class_is_as_it_was(
    stack: stacks.Stack, recorder: Recorder, untouched: dict[type, dict[str, Any]]
) -> None:
    """Whatever a class held before it was patched it holds again, the very objects; nothing was added."""
    instrumentor = stack.new_instrumentor()
    for _ in range(3):
        instrumentor.instrument(**recorder.providers)
        assert len(changed(untouched)) == len(untouched)
        instrumentor.uninstrument()
        assert changed(untouched) == []


def test_on_and_off_and_on(stack: stacks.Stack, recorder: Recorder, llama: Any, prompts: Prompts) -> None:
    """Each time it is on a generation is one span, each time it is off none; metrics go on where they were."""
    instrumentor = stack.new_instrumentor()
    for turn in range(1, 6):
        instrumentor.instrument(**recorder.providers)
        llama.generate(**prompts.first, max_new_tokens=1)
        assert len(generations(recorder)) == turn
        assert recorder.point("paddle.tokens", gen_ai__token__type="input").value == 5 * turn
        instrumentor.uninstrument()
        llama.generate(**prompts.first, max_new_tokens=1)
        assert len(generations(recorder)) == turn
    assert recorder.points("paddle.tokens") == []


def test_switched_on_twice_is_on_once(observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """A second ``instrument()`` does not count anything twice."""
    stack.new_instrumentor().instrument(**observed.providers)
    llama.generate(**prompts.first, max_new_tokens=1)
    assert generation(observed)
    assert observed.point("gen_ai.client.operation.duration").count == 1


def test_another_provider_takes_over(stack: stacks.Stack, recorder: Recorder, llama: Any, prompts: Prompts) -> None:
    """Switched off and on with another SDK, the new one gets everything."""
    first, second = Recorder(), recorder
    for current in (first, second):
        instrumentor = stack.new_instrumentor()
        instrumentor.instrument(**current.providers)
        llama.generate(**prompts.first, max_new_tokens=1)
        instrumentor.uninstrument()
    assert [len(generations(each)) for each in (first, second)] == [1, 1]
    assert second.point("gen_ai.client.operation.duration").count == 1


def test_a_method_that_was_kept_falls_through(
    stack: stacks.Stack, recorder: Recorder, llama: Any, prompts: Prompts
) -> None:
    """A bound method taken while it was on works when it is off, unobserved."""
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    kept = llama.generate
    instrumentor.uninstrument()
    options = {**prompts.first, "max_new_tokens": 3}
    assert rows_of(kept(**options)[0]) == rows_of(llama.generate(**options)[0])
    assert recorder.spans() == []


def test_somebody_elses_wrapper_stays(
    stack: stacks.Stack, recorder: Recorder, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapper that was put on top of ours is not taken out with it; ours is silent below it."""
    mixin: Any = stack.module("generation.utils").GenerationMixin
    monkeypatch.setattr(mixin, "generate", held_by(mixin)["generate"])  # put back at the end of the test
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    calls: list[int] = []

    def theirs(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        calls.append(1)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(stack.module("generation.utils"), "GenerationMixin.generate", theirs)
    on_top = held_by(mixin)["generate"]
    llama.generate(**prompts.first, max_new_tokens=1)
    instrumentor.uninstrument()
    assert held_by(mixin)["generate"] is on_top
    llama.generate(**prompts.first, max_new_tokens=1)
    assert len(calls) == 2
    assert len(generations(recorder)) == 1


def test_suppressed_generations_are_not_seen(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Where the caller suppressed instrumentation there is no span and no metric, and the result is the same."""
    options = {**prompts.both, "max_new_tokens": 3}
    with suppress_instrumentation():
        suppressed = rows_of(llama.generate(**options)[0])
    assert observed.spans() == []
    assert observed.points("gen_ai.client.operation.duration") == []
    assert suppressed == rows_of(llama.generate(**options)[0])


def test_a_trace_that_is_sampled_out_is_still_measured(stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """No spans, all metrics."""
    recorder = Recorder(sampler=ALWAYS_OFF)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    llama.generate(**prompts.both, max_new_tokens=3, eos_token_id=None)
    assert recorder.spans() == []
    assert recorder.point("gen_ai.server.time_per_output_token").count == 1
    assert recorder.point("gen_ai.client.token.usage", gen_ai__token__type="output").value == 6
    instrumentor.uninstrument()


def test_without_an_sdk_nothing_is_done(
    stack: stacks.Stack, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    """As long as no SDK is configured not even the caller's arguments are looked at."""
    monkeypatch.setattr("paddle_otel.pretrained.generate_patches.GenerateArguments", None)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument()
    options = {**prompts.first, "max_new_tokens": 2}
    with_us = rows_of(llama.generate(**options)[0])
    instrumentor.uninstrument()
    assert with_us == rows_of(llama.generate(**options)[0])
    assert recorder.spans() == []


def test_switched_off_by_the_environment(
    stack: stacks.Stack, llama: Any, prompts: Prompts, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PADDLE_OTEL_ENABLED=false`` patches nothing."""
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", "false")
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    llama.generate(**prompts.first, max_new_tokens=1)
    instrumentor.uninstrument()
    assert recorder.spans() == []


def test_a_generation_may_be_a_client_span(
    stack: stacks.Stack, llama: Any, prompts: Prompts, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PADDLE_OTEL_GENERATION_SPAN_KIND=client``, for back ends that list only those."""
    monkeypatch.setenv("PADDLE_OTEL_GENERATION_SPAN_KIND", "client")
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    llama.generate(**prompts.first, max_new_tokens=1)
    instrumentor.uninstrument()
    assert generation(recorder).kind.name == "CLIENT"
    assert "gen_ai.operation.name" in attributes_of(generation(recorder))
