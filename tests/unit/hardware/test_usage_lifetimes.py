"""Operations that end twice, never, in the middle of anything or in another process."""

import gc
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from fake_nvml.samples import ENERGY, METHOD, SECOND, Usage, gpu, snapshot
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.usage import GpuUse


@pytest.fixture
def usage() -> Usage:
    """Accounts that have seen no sample."""
    return Usage()


def test_end_twice(usage: Usage) -> None:
    """The second end says nothing and counts for nothing."""
    usage.sample(1.0, gpu(0.0))
    use, other = usage.begin_at(1.0), usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0))
    assert usage.end_at(2.0, use)[ENERGY] == 50.0
    assert usage.end_at(2.0, use) == {}
    usage.sample(3.0, gpu(200.0))
    assert usage.end_at(3.0, other)[ENERGY] == 150.0


def test_operations_that_are_dropped(usage: Usage) -> None:
    """They end when they are gone: nothing is kept of them, and the others are not charged for them for ever."""
    usage.sample(1.0, gpu(0.0))
    use = usage.begin_at(1.0)
    for _ in range(1000):
        usage.begin_at(1.0)
    gc.collect()
    usage.sample(2.0, gpu(100.0))
    usage.sample(3.0, gpu(200.0))
    usage.begin_at(3.0)
    usage.sample(4.0, gpu(300.0))
    found = usage.end_at(4.0, use)
    assert found[ENERGY] == pytest.approx(300.0)


class Collecting:
    """A reading during whose use garbage is collected, as may happen at any moment."""

    def __init__(self, energy: float) -> None:
        self._reading = gpu(energy, utilization=0.5)

    def __getattr__(self, name: str) -> Any:
        if name == "utilization":  # asked for while the accounts are gone through
            gc.collect()
        return getattr(self._reading, name)


class CollectingUsage(Usage):
    """Accounts inside which garbage is collected."""

    def clock(self) -> int:
        """Collect garbage before the time is told."""
        gc.collect()
        return super().clock()


class Garbage:
    """Something in a cycle with an operation; what becomes of that when it goes is said by ``end``."""

    def __init__(self, usage: Usage, end: Callable[[Usage, GpuUse], object]) -> None:
        self._itself = self
        self._usage = usage
        self._end = end
        self._use = usage.begin_at(usage.now / SECOND)

    def __del__(self) -> None:
        self._end(self._usage, self._use)


BEGUN: list[GpuUse | None] = []
ENDS: dict[str, Callable[[Usage, GpuUse], object]] = {
    "ended": lambda _, use: use.end(),
    "dropped": lambda _, __: None,
    "others begun": lambda usage, _: BEGUN.extend(usage.begin("gpu:0") for _ in range(3)),
}


@pytest.mark.parametrize("end", ENDS)
def test_garbage_collected_inside_the_accounts(end: str) -> None:
    """Also where the lock is held: nobody waits for himself, and nothing is changed while it is being changed."""
    usage = CollectingUsage()
    usage.sample(1.0, gpu(0.0))
    told: list[dict[str, Any]] = []
    gc.collect()
    gc.freeze()  # what was there before is not looked at each time

    def serve() -> None:
        for number in range(10):
            uses = [usage.begin_at(1.0 + number) for _ in range(3)]
            Garbage(usage, ENDS[end])
            usage.begin("gpu:0")
            Garbage(usage, ENDS[end])
            usage.sample(1.5 + number, cast("GpuReading", Collecting(number + 1.0)))
            Garbage(usage, ENDS[end])
            told.extend(usage.end_at(1.9 + number, use) for use in uses)

    try:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        thread.join(60)
    finally:
        gc.unfreeze()
    assert not thread.is_alive()
    assert len(told) == 30
    assert 0.0 < sum(found.get(ENERGY, 0.0) for found in told) <= 10.0
    BEGUN.clear()
    gc.collect()
    BEGUN.clear()
    usage.sample(100.0, gpu(0.0))
    last = usage.begin_at(100.0)
    usage.sample(101.0, gpu(100.0))
    found = usage.end_at(101.0, last)
    assert (found[ENERGY], found[METHOD]) == (100.0, "exclusive")


def test_old_snapshot_is_passed_over(usage: Usage) -> None:
    """A thread that hung and comes back does not turn the accounts back."""
    usage.sample(1.0, gpu(0.0))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0))
    usage.note(snapshot(1.5, gpu(50.0)))
    usage.sample(3.0, gpu(200.0))
    assert usage.end_at(3.0, use)[ENERGY] == 200.0


@pytest.fixture
def in_forked_child() -> Callable[[Callable[[], bool]], bool]:
    """Runs a function in a forked child; returns whether it returned true."""

    def run(function: Callable[[], bool]) -> bool:
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)  # ends a child that waits for ever
            result = 1
            try:
                result = 0 if function() else 1
            finally:
                os._exit(result)
        return os.waitpid(pid, 0)[1] == 0

    return run


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child(in_forked_child: Callable[[Callable[[], bool]], bool]) -> None:
    """It begins with empty accounts and a free lock; the parent's operations are none of its."""
    held, finished = threading.Event(), threading.Event()

    class Held(Usage):
        """Accounts whose lock another thread holds: it is inside while it asks for the time."""

        def clock(self) -> int:
            if threading.current_thread().name == "holder":
                held.set()
                finished.wait(60)
            return super().clock()

    usage = Held()
    usage.sample(1.0, gpu(0.0))
    use = usage.begin_at(1.0)

    def child() -> bool:
        fresh = usage.begin_at(1.5)
        usage.sample(2.0, gpu(100.0))
        usage.sample(3.0, gpu(200.0))
        found = usage.end_at(3.0, fresh)
        return usage.end_at(3.0, use) == {} and (found[ENERGY], found[METHOD]) == (100.0, "exclusive")

    holder = threading.Thread(target=usage.begin, args=("gpu:0",), name="holder")
    holder.start()
    assert held.wait(60)
    assert in_forked_child(child)
    finished.set()
    holder.join()
    usage.sample(2.0, gpu(100.0))
    assert usage.end_at(2.0, use)[ENERGY] == 100.0
