"""Streams that garbage collection ends while others go on."""

import asyncio
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

from global_sdk import START_UNIX_NS, Clock, clock, globally, no_sdk
from paddle_otel.operations import observe_generation, observed_generation
from recording import Recorder

__all__ = ["clock", "globally", "no_sdk"]

STREAM = """
import gc
import sys
import types
import weakref
from contextvars import ContextVar

from paddle_otel.operations import observe_generation

@observe_generation("tiny", batch_size=1, max_tokens=50, input_tokens=3)
def stream():
    for _ in range(50):
        yield 1

@observe_generation("tiny")
async def asynchronous_stream():
    for _ in range(50):
        yield 1

@types.coroutine
def pause():
    yield

@observe_generation("tiny")
async def call():
    await pause()

def begun(made):
    try:
        made.send(None)
    except StopIteration:
        pass
    return made

class Cycle:
    def __init__(self, kind):
        self.cycle = self
        if kind == "stream":
            self.dropped = begun(stream())
        elif kind == "asynchronous stream":
            self.dropped = asynchronous_stream()
            begun(self.dropped.__anext__())
        elif kind == "coroutine":
            self.dropped = begun(call())
        elif kind == "stream beside a key":
            beside[self] = begun(stream())
        else:
            weakref.finalize(self, begun(stream()).close)

beside = weakref.WeakKeyDictionary()
kind = sys.argv[1]
"""

EVERYWHERE = (
    STREAM
    + """
for number in range(5_000):
    Cycle(kind)
    garbage = [[] for _ in range(number % 31)]
    closed = stream()
    next(closed)
    closed.close()
print("done")
"""
)

IN_A_VARIABLE = (
    STREAM
    + """
mine = [ContextVar(f"mine {number}") for number in range(20)]
for variable in mine:
    variable.set(variable.name)

def collect_in_change(place, allocations):
    changes = 0

    def profile(frame, event, called):
        nonlocal changes
        if event != "c_call" or not isinstance(getattr(called, "__self__", None), ContextVar):
            return
        if called.__name__ in ("set", "reset"):
            changes += 1
            if changes > place:
                sys.setprofile(None)
                Cycle(kind)
                gc.set_threshold(max(1, gc.get_count()[0] + allocations))
                gc.enable()

    return profile

for place in range(10):
    for allocations in range(-4, 26):
        gc.disable()
        sys.setprofile(collect_in_change(place, allocations))
        closed = stream()
        next(closed)
        closed.close()
        sys.setprofile(None)
        assert [variable.get(None) for variable in mine] == [variable.name for variable in mine]
print("done")
"""
)


KINDS = ["stream", "coroutine", "stream beside a key", "stream that is closed for a request"]


def run_with_a_budget(folder: Path, program: str, kind: str, seed: int) -> tuple[int, str, str]:
    """Run a program with a budget; return its exit status and what it wrote."""
    file = folder / "budgets.yaml"
    file.write_text("budgets:\n  - {name: all, scope: process, limit: 1000000000, action: [stop, refuse]}\n")
    done = subprocess.run(
        [sys.executable, "-c", program, kind],
        env={**os.environ, "PADDLE_OTEL_BUDGETS": str(file), "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_context_of_the_program_stays_whole(tmp_path: Path) -> None:
    """Garbage is collected wherever memory is asked for."""
    assert run_with_a_budget(tmp_path, EVERYWHERE, "stream", 0) == (0, "done\n", "")


@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_whole_while_a_variable_is_set(tmp_path: Path, kind: str) -> None:
    """Which is one of those places up to Python 3.11."""
    for seed in range(3):  # variables lie together or apart, as their hashes have it
        assert run_with_a_budget(tmp_path, IN_A_VARIABLE, kind, seed) == (0, "done\n", "")


def test_it_stays_whole_without_an_event_loop(tmp_path: Path) -> None:
    """Python itself complains of asynchronous generators that no loop closes."""
    for seed in range(3):
        status, output, _ = run_with_a_budget(tmp_path, IN_A_VARIABLE, "asynchronous stream", seed)
        assert (status, output) == (0, "done\n")


def test_what_it_made_is_reported(globally: Recorder, clock: Clock) -> None:
    """It ends behind its last value, however long it lay about, and nothing of it is in the context of who collects."""

    @observe_generation("tiny", batch_size=1, input_tokens=3)
    def stream() -> Generator[int, None, None]:
        yield 1
        clock.passes(2)
        yield 1

    clock.passes(1)
    cycle: list[Any] = [stream()]
    cycle.append(cycle)
    assert [next(cycle[0]), next(cycle[0])] == [1, 1]
    del cycle
    clock.passes(40)
    with trace.get_tracer("test").start_as_current_span("of the collector") as collecting:
        gc.collect()
        assert trace.get_current_span() is collecting
    span = globally.span("text_completion tiny")
    assert span.parent is None
    assert (span.start_time, span.end_time) == (START_UNIX_NS + 10**9, START_UNIX_NS + 43 * 10**9)
    assert dict(span.attributes or {})["gen_ai.usage.output_tokens"] == 2
    assert [point.value for point in globally.points("gen_ai.server.request.duration")] == [2.0]


@pytest.mark.parametrize("ends", ["collected", "let go of", "closed"])
def test_what_it_says_in_its_clean_up_is_its_own(globally: Recorder, ends: str) -> None:
    """Also where that runs inside of another generation."""
    held: list[Any] = []
    current: list[trace.Span] = []

    @observe_generation("first", batch_size=1)
    def first() -> Generator[int, None, None]:
        try:
            yield 1
            yield 1
        finally:
            observed_generation().finish("length", output_tokens=999)
            current.append(trace.get_current_span())

    @observe_generation("second", batch_size=1)
    def second() -> Generator[int, None, None]:
        yield 1
        if ends == "closed":
            held[0].close()
        held.clear()
        gc.collect()
        yield 1

    held.append(first())
    next(held[0])
    of_the_program = held[0].gi_frame.f_locals["generator"]  # else it may be collected before the one around it
    if ends == "collected":
        cycle = [held.pop()]
        cycle.append(cycle)
        del cycle
    assert list(second()) == [1, 1]
    assert of_the_program.gi_frame is None
    spans = {model: globally.span(f"text_completion {model}") for model in ("first", "second")}
    said = {model: (span.attributes or {}) for model, span in spans.items()}
    assert said["first"]["gen_ai.response.finish_reasons"] == ("length",)
    assert [one["gen_ai.usage.output_tokens"] for one in said.values()] == [999, 2]
    assert [span.get_span_context() for span in current] == [spans["first"].get_span_context()]


def test_an_abandoned_task_is_freed(globally: Recorder) -> None:
    """As without us: what it waits for holds it, and nothing else does."""

    @observe_generation("tiny")
    async def call(answer: "asyncio.Future[str]") -> str:
        return await answer

    async def abandon() -> "weakref.ref[Any]":
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(call(answer))
        await asyncio.sleep(0)
        return weakref.ref(task)

    async def collect() -> object:
        task = await abandon()
        gc.collect()
        return task()

    assert asyncio.run(collect()) is None
    assert "gen_ai.usage.output_tokens" not in (globally.span("text_completion tiny").attributes or {})
