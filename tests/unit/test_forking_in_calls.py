"""A fork while another thread is inside a driver: the driver's own locks are free in the child if that is possible."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fake_nvml.driver import program_environment
from fake_nvml.sources import ScriptedSource, eventually
from forked import in_child
from paddle_otel import forking
from paddle_otel.forking import call_undisturbed
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.worker import Slot

# Newer Pythons warn of what is tested here: a fork while other threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


class Driver(ScriptedSource):
    """Holds a lock of its own while it is asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.lock = threading.Lock()

    def read(self) -> int:
        """Take as long as it was told."""
        with self.lock:
            time.sleep(self.seconds)
            return super().read()

    def close(self) -> None:
        """Take as long as a read."""
        with self.lock:
            time.sleep(self.seconds)
            super().close()

    def is_free(self) -> bool:
        """Whether the program's own call would return."""
        return not self.lock.locked()


def _fork_seconds() -> float:
    """Fork a child that ends at once; return what the fork took."""
    before = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(0)
    seconds = time.monotonic() - before
    os.waitpid(child, 0)
    return seconds


def _crossing() -> Any:
    return forking._crossing  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - what is left in it is the subject


def _is_idle() -> bool:
    crossing = _crossing()
    return not crossing._calls and not crossing._forks  # noqa: SLF001 - nothing may be left in it


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each test no call and no fork is noted any more."""
    yield
    assert eventually(_is_idle)


def _inside(function: Callable[[], object]) -> threading.Thread:
    """Make a call on another thread, and return as soon as it has begun."""
    begun = threading.Event()
    thread = threading.Thread(target=call_undisturbed, args=(lambda: begun.set() or function(),))
    thread.start()
    begun.wait()
    return thread


def test_forks_while_a_driver_is_read_without_pause() -> None:
    """None of the children finds the driver's lock taken."""
    driver = Driver(0.002)
    sampler = Sampler(lambda: [driver])
    sampler.start("test", interval=0.0001)
    try:
        assert eventually(sampler.latest)
        assert [in_child(driver.is_free) for _ in range(100)] == [0] * 100
        reads = driver.reads
        assert eventually(lambda: driver.reads > reads)
    finally:
        sampler.stop("test")


def test_forks_by_many_threads_while_a_driver_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forks, and however many at a time; sampling goes on."""
    monkeypatch.setattr(forking, "LONGEST_CALL", 10.0)  # a busy machine stretches calls past the usual patience
    driver = Driver(0.002)
    sampler = Sampler(lambda: [driver])
    sampler.start("test", interval=0.0001)
    answers: list[int] = []

    def fork() -> None:
        answers.extend(in_child(driver.is_free) for _ in range(20))

    threads = [threading.Thread(target=fork) for _ in range(8)]
    try:
        assert eventually(sampler.latest)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [0] * 160
        reads = driver.reads
        assert eventually(lambda: driver.reads > reads)
    finally:
        sampler.stop("test")


def test_a_fork_while_a_driver_is_closed() -> None:
    """Shutting a driver down takes its locks, too."""
    driver = Driver(0.0)
    slot = Slot(driver)
    slot.read()
    driver.seconds = 0.02
    closing = threading.Thread(target=slot.close)
    closing.start()
    assert eventually(driver.lock.locked)
    assert in_child(driver.is_free) == 0
    closing.join()
    assert driver.closes == 1


def test_a_fork_waits_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a call that has just begun as long as is said, for one that has lasted longer not at all."""
    monkeypatch.setattr(forking, "LONGEST_CALL", 1.0)
    release = threading.Event()
    call = _inside(lambda: release.wait(60))
    first = _fork_seconds()
    later = min(_fork_seconds() for _ in range(3))
    release.set()
    call.join()
    assert 0.5 < first < 10.0
    assert later < 0.5


def test_the_child_of_a_program_whose_driver_hangs_can_call_and_fork() -> None:
    """It has neither the call nor the fork of its parent."""
    release = threading.Event()
    call = _inside(lambda: release.wait(60))
    assert in_child(lambda: call_undisturbed(lambda: in_child(lambda: True)) == 0) == 0
    release.set()
    call.join()


def test_a_lock_of_another_thread_does_not_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that just begins or ends a call at the moment of the fork is not there in the child."""
    held, release = threading.Event(), threading.Event()

    def nothing(_: object) -> None:
        """Neither wait nor note anything."""

    def hold(monitor: Any) -> None:
        with monitor:
            held.set()
            release.wait(60)

    monitor = _crossing()._changed  # noqa: SLF001 - held at the moment of the fork
    holder = threading.Thread(target=hold, args=(monitor,))
    holder.start()
    held.wait()
    with monkeypatch.context() as patch:  # as if the thread took it after this project's hook
        patch.setattr(forking.Crossing, "begin_fork", nothing)
        patch.setattr(forking.Crossing, "end_fork", nothing)
        status = in_child(lambda: call_undisturbed(lambda: True))
    release.set()
    holder.join()
    assert status == 0


def test_a_fork_inside_a_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the sampler's own thread: it does not wait for itself, and both processes can make further calls."""
    monkeypatch.setattr(forking, "LONGEST_CALL", 30.0)
    before = time.monotonic()
    child = call_undisturbed(os.fork)
    if child == 0:
        code = 1
        try:
            code = 0 if call_undisturbed(lambda: _fork_seconds() < 20) and _is_idle() else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert time.monotonic() - before < 20


def test_a_call_waits_for_a_fork_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is over, of another thread only, and not for ever if that takes long."""
    crossing = _crossing()
    crossing.begin_fork()
    crossing.begin_fork()  # a hook of the fork forks
    began: list[float] = []
    waiting = threading.Thread(target=lambda: call_undisturbed(lambda: began.append(time.monotonic())))
    waiting.start()
    call_undisturbed(lambda: None)  # its own thread goes on
    crossing.end_fork()
    time.sleep(0.1)
    assert began == []
    over = time.monotonic()
    crossing.end_fork()
    waiting.join()
    assert began[0] >= over
    monkeypatch.setattr(forking, "LONGEST_DELAY", 0.05)
    crossing.begin_fork()
    impatient = threading.Thread(target=lambda: call_undisturbed(lambda: began.append(time.monotonic())))
    impatient.start()
    impatient.join(20)
    assert len(began) == 2
    crossing.end_fork()
    crossing.end_fork()  # of a child that a hook forked: its begin is unknown


HOOK = """
depth = threading.local()

def fork_too():
    if getattr(depth, "inside", False):
        return
    depth.inside = True
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    depth.inside = False

os.register_at_fork(before=fork_too)
"""

PROGRAM = """
import os, threading
{before}
from fake_nvml.sources import ScriptedSource, eventually
from paddle_otel.sampling.sampler import Sampler
{after}
source = ScriptedSource()
sampler = Sampler(lambda: [source])
sampler.start("test", 0.001)
assert eventually(sampler.latest)
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if eventually(sampler.latest) else 1)
    assert os.waitpid(pid, 0)[1] == 0
reads = source.reads
assert eventually(lambda: source.reads > reads + 5)
"""


@pytest.mark.parametrize(("before", "after"), [(HOOK, ""), ("", HOOK)])
def test_a_hook_that_forks(before: str, after: str) -> None:
    """Registered before and after this project's own hook: no process waits for itself."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM.format(before=before, after=after)],
        env=program_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
