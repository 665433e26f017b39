"""Streams that garbage collection ends while others go on."""

import gc
import os
import subprocess
import sys
from collections.abc import Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

from global_sdk import START_UNIX_NS, Clock, clock, globally, no_sdk
from paddle_otel.operations import observe_generation
from recording import Recorder

__all__ = ["clock", "globally", "no_sdk"]

STREAM = """
import gc
import sys
from contextvars import ContextVar

from paddle_otel.operations import observe_generation

@observe_generation("tiny", batch_size=1, max_tokens=50, input_tokens=3)
def stream():
    for _ in range(50):
        yield 1

class Cycle:
    def __init__(self):
        self.cycle, self.dropped = self, stream()
        next(self.dropped)
"""

EVERYWHERE = (
    STREAM
    + """
for number in range(5_000):
    Cycle()
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
                Cycle()
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


@pytest.mark.parametrize("program", [EVERYWHERE, IN_A_VARIABLE], ids=["everywhere", "while a variable is set"])
def test_the_context_of_the_program_stays_whole(tmp_path: Path, program: str) -> None:
    """Garbage is collected wherever memory is asked for, up to Python 3.11 also while a context variable is set."""
    file = tmp_path / "budgets.yaml"
    file.write_text("budgets:\n  - {name: all, scope: process, limit: 1000000000, action: [stop, refuse]}\n")
    for seed in range(3):  # variables lie together or apart, as their hashes have it
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PADDLE_OTEL_BUDGETS": str(file), "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_what_it_made_is_reported(globally: Recorder, clock: Clock) -> None:
    """It ends behind its last value, however long it lay about; its clean-up is what it is without us."""
    variable: ContextVar[str] = ContextVar("of the program", default="before")
    current: list[trace.Span] = []

    @observe_generation("tiny", batch_size=1, input_tokens=3)
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
            clock.passes(2)
            yield 1
        finally:
            current.append(trace.get_current_span())
            variable.set("behind")

    clock.passes(1)
    cycle: list[Any] = [stream()]
    cycle.append(cycle)
    assert [next(cycle[0]), next(cycle[0])] == [1, 1]
    del cycle
    clock.passes(40)
    with trace.get_tracer("test").start_as_current_span("of the collector") as collecting:
        gc.collect()
        assert trace.get_current_span() is collecting
    assert current == [collecting]
    assert variable.get() == "behind"
    span = globally.span("text_completion tiny")
    assert span.parent is None
    assert (span.start_time, span.end_time) == (START_UNIX_NS + 10**9, START_UNIX_NS + 43 * 10**9)
    assert dict(span.attributes or {})["gen_ai.usage.output_tokens"] == 2
    assert [point.value for point in globally.points("gen_ai.server.request.duration")] == [2.0]
