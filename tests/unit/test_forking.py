"""After a fork the child counts for itself and waits for no lock that somebody held in the parent."""

import gc
import importlib
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forked import in_child
from paddle_otel import forking
from paddle_otel.forking import call_in_forked_child, import_undisturbed
from paddle_otel.operations.model_load import ModelStates

# Newer Pythons warn of what is tested here: a fork while other threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


class Counter:
    """Something that is made anew in a child."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self._name = name
        self._calls = calls

    def reset(self) -> None:
        """Note that it was called."""
        self._calls.append(self._name)
        if self._name == "broken":
            raise RuntimeError("the user's prompt")


@pytest.fixture
def calls() -> list[str]:
    """Names of what was reset."""
    return []


def test_living_objects_are_reset_in_the_child_only(calls: list[str]) -> None:
    """Each living object once, in the order they asked; dead ones not at all; the parent not."""
    first, second = Counter("first", calls), Counter("second", calls)
    gone: Counter | None = Counter("gone", calls)
    for counter in (first, gone, second):
        assert counter is not None
        call_in_forked_child(counter.reset)
    del counter
    gone = None
    gc.collect()
    assert in_child(lambda: calls == ["first", "second"]) == 0
    assert calls == []
    assert gone is None
    assert first is not second


def test_one_that_fails_stops_no_other(calls: list[str], telemetry_trouble: Any) -> None:
    """An exception in one reset neither reaches the child nor keeps the next from being reset."""
    telemetry_trouble.expected = True
    kept = [Counter("broken", calls), Counter("after", calls)]
    for counter in kept:
        call_in_forked_child(counter.reset)
    assert in_child(lambda: calls == ["broken", "after"]) == 0


def test_it_keeps_nothing_alive(calls: list[str]) -> None:
    """References of objects that are gone are dropped, so instrumenting again and again does not grow."""
    before = len(forking._resets)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - growth is the subject
    for _ in range(100):
        call_in_forked_child(Counter("gone", calls).reset)
    assert len(forking._resets) <= before + 1  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - growth is the subject


@pytest.fixture
def slow_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a module whose import takes a while."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield "slow_to_import"
    sys.modules.pop("slow_to_import", None)


def _importing(name: str) -> threading.Thread:
    """Import a module on another thread, and return as soon as it has begun."""
    thread = threading.Thread(target=import_undisturbed, args=(name,))
    thread.start()
    while name not in sys.modules:
        time.sleep(0.001)
    return thread


def test_a_fork_in_the_middle_of_an_import(slow_module: str) -> None:
    """Waits for it; the child can import the module, which without that hangs for ever."""
    importing = _importing(slow_module)
    assert in_child(lambda: importlib.import_module(slow_module)) == 0
    importing.join()


def test_forks_by_several_threads_in_the_middle_of_an_import(slow_module: str) -> None:
    """Each waits; none waits for another one's child."""
    importing = _importing(slow_module)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(in_child(lambda: importlib.import_module(slow_module))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in (*threads, importing):
        thread.join()
    assert answers == [0] * 8


def test_a_fork_does_not_wait_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an import does; and later forks and imports go on as usual."""
    monkeypatch.setattr(forking, "LONGEST_DELAY", 0.05)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with forking._importing:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - an import that never ends
            held.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    before = time.monotonic()
    assert in_child(lambda: import_undisturbed("colorsys")) == 0
    assert time.monotonic() - before < 5
    release.set()
    holder.join()
    assert import_undisturbed("colorsys")
    assert in_child(lambda: import_undisturbed("colorsys")) == 0


def test_an_import_may_itself_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread does not wait for itself."""
    monkeypatch.setattr(forking, "LONGEST_DELAY", 60.0)  # far longer than a fork takes on a busy machine
    (tmp_path / "forks.py").write_text(
        "import os\npid = os.fork()\nif pid == 0:\n    os._exit(0)\nstatus = os.waitpid(pid, 0)[1]\n", encoding="utf-8"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = time.monotonic()
    module: Any = import_undisturbed("forks")
    assert module.status == 0
    assert time.monotonic() - before < forking.LONGEST_DELAY / 2
    assert in_child(lambda: True) == 0
    del sys.modules["forks"]


def test_a_module_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises as the import statement does, and holds up no fork of another thread."""
    monkeypatch.setattr(forking, "LONGEST_DELAY", 60.0)  # far longer than a fork takes on a busy machine
    with pytest.raises(ModuleNotFoundError):
        import_undisturbed("no_such_module_anywhere")
    answers: list[int] = []
    forker = threading.Thread(target=lambda: answers.append(in_child(lambda: True)))
    forker.start()
    forker.join(forking.LONGEST_DELAY / 2)
    assert answers == [0]


def test_the_states_of_models_do_not_hang_in_the_child() -> None:
    """A fork while another thread collects the states leaves no lock behind that nobody will release."""
    states = ModelStates()
    states.move(("predictor", "m"), None, "ready")
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with states._lock:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as a collection holds it
            locked.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    try:
        assert in_child(lambda: [o.value for o in states.observe()] == [0, 1, 0, 0]) == 0
    finally:
        release.set()
        holder.join()


FORKING_SERVICE = """
import os, threading
from observed import Generations, telemetry_on
from recording import Recorder
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.prompts import Prompt, PromptLedger
from paddle_otel.operations.tokenizer_call import Timer, TokenizerCalls

recorder = Recorder()
telemetry = telemetry_on(recorder)
generations, calls, ledger = Generations(telemetry), TokenizerCalls(telemetry), PromptLedger()

def work(steps):
    generation = generations.start(single_sequence=True, cache_bytes_per_token=10, prompt_columns=1)
    for _ in range(steps):
        generation.step()
    calls.record("T", "encode", Timer(), steps)
    return generation

def values(name):
    return sorted(point.value for point in recorder.points(name))

response = GenerationResponse(5, (3,), ("stop",))
work(3).finish(lambda: response)
in_flight = work(2)
ledger.remember_templated_text("a")
held, release = threading.Semaphore(0), threading.Event()

def hold(lock):  # as other threads would at the moment of the fork
    with lock:
        held.release()
        release.wait(50)

holders = [threading.Thread(target=hold, args=(lock,)) for lock in (generations.metrics._lock, ledger._lock)]
for holder in holders:
    holder.start()
    held.acquire()
pid = os.fork()
if pid == 0:
    print("child before", values("paddle.tokens"), values("paddle.request.active"), values("paddle.kv_cache.size"),
          values("paddle.tokenizer.tokens"), flush=True)
    ledger.remember_templated_text("b")
    print("child knows", ledger.is_templated_text("a"), ledger.is_templated_text("b"), flush=True)
    generations.metrics.record  # the parent's histograms are the SDK's matter
    work(4).finish(lambda: response)
    print("child after", values("paddle.tokens"), values("paddle.request.active"),
          values("paddle.tokenizer.tokens"), flush=True)
    os._exit(0)
print("parent saw", os.waitpid(pid, 0)[1], flush=True)
release.set()
for holder in holders:
    holder.join()
in_flight.finish(lambda: response)
print("parent after", values("paddle.tokens"), values("paddle.request.active"), values("paddle.tokenizer.tokens"))
"""


def test_a_service_that_forks(tmp_path: Any) -> None:
    """The child reports neither the parent's tokens nor its requests nor its queued values; the parent loses none."""
    script = tmp_path / "service.py"
    script.write_text(textwrap.dedent(FORKING_SERVICE), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "child before [] [] [] []",
        "child knows False True",
        # 5 read and 4 written since the fork; the histogram's sum is 4.
        "child after [4, 5] [0] [4]",
        "parent saw 0",
        "parent after [6, 10] [0] [5]",
    ]
