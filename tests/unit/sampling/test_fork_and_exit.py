"""Forked children and the end of the program."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from fake_nvml.driver import program_environment
from fake_nvml.sources import ScriptedSource, eventually
from paddle_otel.sampling.sampler import Sampler

PROGRAM = """
import sys, threading, time
from fake_nvml.driver import program_environment
from fake_nvml.sources import ScriptedSource, eventually
from paddle_otel.sampling.sampler import Sampler

source = ScriptedSource()
sampler = Sampler(lambda: [source])
sampler.start("test", interval=0.01)
assert eventually(sampler.latest)
{then}
print("end", flush=True)
"""


def _in_child(check: Callable[[], bool]) -> int:
    """Fork; the child's exit status is 0 when the check is true."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_samples_by_itself_from_its_first_question_on() -> None:
    """With a thread and a source of its own; the parent's snapshot is not shown as the child's."""
    made: list[ScriptedSource] = []

    def make() -> list[ScriptedSource]:
        made.append(ScriptedSource())
        made[-1].reads = 1000 * len(made)
        return [made[-1]]

    sampler = Sampler(make)
    sampler.start("test", interval=0.01)
    try:
        assert eventually(sampler.latest)

        def check() -> bool:
            no_thread = threading.active_count() == 1
            own = eventually(sampler.latest) and getattr(sampler.latest(), "readings", {})["scripted"] > 2000
            return no_thread and own and len(made) == 2

        assert _in_child(check) == 0
        assert sampler.latest() is not None
        assert len(made) == 1
    finally:
        sampler.stop("test")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_of_a_parent_whose_driver_hangs() -> None:
    """Whatever lock or call the parent's thread is in, the child is free of it."""
    sources: list[ScriptedSource] = []

    def make() -> list[ScriptedSource]:
        source = ScriptedSource()
        if not sources:
            source.hang()
        sources.append(source)
        return [source]

    sampler = Sampler(make)
    sampler.start("test", interval=0.01)
    assert eventually(lambda: sources[0].inside)
    try:
        with sampler._lock:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - held at the moment of the fork
            status = _in_child(lambda: eventually(sampler.latest))
        assert status == 0
    finally:
        sources[0].answer()
        sampler.stop("test")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forks_cost_nothing() -> None:
    """A child that never asks for a metric starts no thread and reads no device."""
    source = ScriptedSource()
    sampler = Sampler(lambda: [source])
    sampler.start("test", interval=3600.0)
    assert eventually(lambda: source.reads == 1)
    try:
        for _ in range(50):
            assert _in_child(lambda: threading.active_count() == 1 and source.reads == 1) == 0
    finally:
        sampler.stop("test")


def _run(then: str) -> tuple[float, "subprocess.CompletedProcess[str]"]:
    """Run a program with a sampler; returns the seconds from its last statement to its end, and its result."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(then=then)],
        env=program_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "end\n"
        before = time.monotonic()
        out = process.stdout.read()  # not communicate(), which loses what readline() has buffered
        process.wait()
        elapsed = time.monotonic() - before
        err = process.stderr.read()
    return elapsed, subprocess.CompletedProcess([], process.returncode, out, err)


def _exits_in_time(then: str) -> bool:
    """Whether the program ends less than 100 ms later than the same program without a sampler.

    A busy machine can only make a measurement longer, so one of several is enough.
    """
    for _ in range(8):
        without, _ = _run('sampler.stop("test")')
        elapsed, result = _run(then)
        assert (result.returncode, result.stderr) == (0, "")
        if elapsed - without < 0.1:
            return True
    return False


def test_exit_is_not_delayed_by_a_running_sampler() -> None:
    """By less than 100 ms, and nothing is printed."""
    assert _exits_in_time("")


def test_exit_is_not_delayed_by_a_driver_that_hangs() -> None:
    """By less than 100 ms, while the thread is inside the driver."""
    assert _exits_in_time("source.hang(); assert eventually(lambda: source.inside)")


def test_sources_stay_open_at_exit() -> None:
    """Shutting a driver library down beside a thread inside it crashes the program, so nobody closes at exit."""
    _, result = _run("source.close = lambda: print('closed', flush=True)")
    assert "closed" not in result.stdout
