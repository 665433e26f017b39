"""What Paddle does now, as it is counted for those who watch."""

import gc
import threading
import time
from collections.abc import Callable
from typing import ClassVar

import pytest

from forked import in_child
from paddle_otel import activity
from paddle_otel.activity import ACTIVITY, BACKWARD, DECODE, FORWARD, IDLE, OTHER, PREDICT, PREFILL, ActivityRecord


class Watcher:
    """Somebody who wants to know."""


class Counted(ActivityRecord):
    """A record on a clock that the test moves, watched from 0."""

    def __init__(self) -> None:
        self.now = 0
        super().__init__(lambda: self.now)
        self.watcher = Watcher()
        self.watch(self.watcher)

    def passes(self, time: int) -> None:
        """Let time pass."""
        self.now += time


@pytest.fixture
def record() -> Counted:
    """A record that somebody watches."""
    return Counted()


def in_thread(*steps: object) -> None:
    """Call functions in a thread of their own, one after the other."""

    def run() -> None:
        for step in steps:
            assert callable(step)
            step()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_time_without_anything_is_idle(record: Counted) -> None:
    """All time belongs to something."""
    record.passes(7)
    assert record.totals() == {IDLE: 7}


def test_a_generation_is_prefill_and_then_decode(record: Counted) -> None:
    """Each from its beginning to its end."""
    record.passes(1)
    record.begin(PREFILL)
    record.passes(10)
    record.change(PREFILL, DECODE)
    record.passes(100)
    record.end(DECODE)
    record.passes(1000)
    assert record.totals() == {IDLE: 1001, PREFILL: 10, DECODE: 100}


def test_threads_share_the_time_in_equal_parts(record: Counted) -> None:
    """Two that decode count twice as much as one that reads a prompt; nothing is counted twice or lost."""
    record.begin(PREFILL)
    held = [threading.Event(), threading.Event()]
    begun = [threading.Event(), threading.Event()]

    def decode(place: int) -> None:
        record.begin(DECODE)
        begun[place].set()
        held[place].wait(20)
        record.end(DECODE)

    threads = [threading.Thread(target=decode, args=(place,)) for place in (0, 1)]
    for place, thread in enumerate(threads):
        thread.start()
        assert begun[place].wait(20)
    record.passes(10)  # not to be divided by three: the rest is somebody's too
    totals = record.totals()
    assert totals[IDLE] == 0
    assert sum(totals.values()) == 10
    assert (totals[PREFILL], totals[DECODE]) == (4, 6)
    for place, thread in enumerate(threads):
        held[place].set()
        thread.join(20)
    record.passes(5)
    record.end(PREFILL)
    assert record.totals() == {IDLE: 0, PREFILL: 9, DECODE: 6}


def test_of_what_is_inside_another_the_inner_one_counts(record: Counted) -> None:
    """And the outer one goes on behind it."""
    record.begin(FORWARD)
    record.passes(1)
    record.begin(PREDICT)
    assert record.current() == PREDICT
    record.passes(10)
    record.end(PREDICT)
    assert record.current() == FORWARD
    record.passes(100)
    record.end(FORWARD)
    assert record.current() is None
    assert record.totals() == {IDLE: 0, FORWARD: 101, PREDICT: 10}


def test_what_is_doing_is_told_by_thread(record: Counted) -> None:
    """Another thread does nothing."""
    record.begin(FORWARD)
    seen: list[str | None] = []
    in_thread(lambda: seen.append(record.current()))
    assert seen == [None]


def test_what_was_begun_may_end_in_another_thread(record: Counted) -> None:
    """As a generator does that is handed over; what the other thread does itself is not touched."""
    record.begin(DECODE)
    record.passes(3)
    here = threading.get_ident()
    in_thread(lambda: record.begin(PREDICT), lambda: record.end(DECODE, here), lambda: record.passes(5))
    assert record.totals() == {IDLE: 0, DECODE: 3, PREDICT: 5}


def test_the_end_of_what_began_unwatched_ends_nothing_of_another_thread(record: Counted) -> None:
    """It was never noted; the other thread decodes on."""
    record.begin(DECODE)
    in_thread(lambda: record.end(DECODE))
    record.passes(4)
    assert record.totals() == {IDLE: 0, DECODE: 4}


def test_an_end_prefers_its_own_thread(record: Counted) -> None:
    """Two threads decode; the one that ends is the one that says so."""
    record.begin(DECODE)
    in_thread(lambda: record.begin(DECODE), lambda: record.end(DECODE))
    assert record.current() == DECODE


def test_what_began_before_anybody_watched_is_passed_over() -> None:
    """Its end ends nothing, and its change begins nothing that might never end."""
    record = ActivityRecord(lambda: 0)
    watcher = Watcher()
    record.begin(PREFILL)
    assert record.current() is None
    record.watch(watcher)
    record.end(PREDICT)
    record.change(PREFILL, DECODE)
    assert record.current() is None


def test_who_watches_anew_knows_nothing_of_before(record: Counted) -> None:
    """What did not end while somebody watched is not there for ever."""
    record.begin(FORWARD)
    record.passes(5)
    record.unwatch(record.watcher)
    assert not record.is_watched
    record.end(FORWARD)
    record.passes(1000)
    record.watch(record.watcher)
    assert record.current() is None
    record.passes(2)
    assert record.totals() == {IDLE: 2}


def test_several_watch(record: Counted) -> None:
    """The last one ends it, and asking twice is as asking once."""
    second = Watcher()
    record.watch(second)
    record.watch(second)
    record.unwatch(record.watcher)
    assert record.is_watched
    record.passes(4)
    assert record.totals()[IDLE] == 4
    record.unwatch(second)
    assert not record.is_watched


def test_a_watcher_that_is_gone_watches_no_more(record: Counted) -> None:
    """Noticed at the next thing that happens."""
    record.watcher = Watcher()
    gc.collect()
    record.begin(FORWARD)
    assert not record.is_watched


def test_nothing_is_done_for_nobody() -> None:
    """Not even the clock is asked."""
    asked: list[int] = []
    record = ActivityRecord(lambda: len(asked.append(0) or asked))
    record.begin(FORWARD)
    record.change(FORWARD, BACKWARD)
    record.end(BACKWARD)
    assert asked == []


def test_names_without_end_are_one(record: Counted) -> None:
    """A program that makes up names takes no more memory; what it began under one ends under it."""
    for number in range(1000):
        record.begin(f"step {number}")
        record.passes(1)
        record.end(f"step {number}")
    totals = record.totals()
    assert len(totals) == activity.MOST_KINDS + 1
    assert totals["step 0"] == 1
    assert sum(totals.values()) == 1000
    assert totals[OTHER] == 1000 - (activity.MOST_KINDS - 1)
    assert record.current() is None


class Interrupting(str):
    """A name whose use lets something else happen in its middle, as collecting garbage does."""

    __slots__ = ()
    happens: ClassVar[list[Callable[[], object]]] = []
    """The first one at the next use, and so on."""

    def __hash__(self) -> int:
        """Let it happen."""
        if self.happens:
            self.happens.pop(0)()
        return super().__hash__()


def test_what_garbage_collection_ends_in_the_middle_of_a_step(record: Counted) -> None:
    """Is noted after that step, and no time is lost by it."""
    kind = Interrupting("kind")
    record.begin(kind)
    record.passes(10)

    def something_else() -> None:
        record.passes(5)
        record.begin(FORWARD)

    # After the sum was read and before it is written.
    Interrupting.happens[:] = [lambda: None, something_else]
    assert record.totals() == {IDLE: 0, "kind": 15, FORWARD: 0}
    record.passes(1)
    assert record.totals() == {IDLE: 0, "kind": 15, FORWARD: 1}


def test_many_threads_lose_no_time() -> None:
    """The parts add up to the time that passed, however they come and go."""
    record = ActivityRecord()
    watcher = Watcher()
    record.watch(watcher)
    begun = time.monotonic_ns()
    before = sum(record.totals().values())
    from_here = time.monotonic_ns()

    left: list[str | None] = []

    def work() -> None:
        for _ in range(300):
            record.begin(PREFILL)
            record.change(PREFILL, DECODE)
            record.end(DECODE)
        left.append(record.current())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    to_here = time.monotonic_ns()
    totals = record.totals()
    ended = time.monotonic_ns()
    assert set(totals) == {IDLE, PREFILL, DECODE}
    assert to_here - from_here <= sum(totals.values()) - before <= ended - begun
    assert left == [None] * 8


def test_a_forked_child_is_not_watched() -> None:
    """Nor does it wait for a lock of its parent, or know what that was doing."""
    watcher = Watcher()
    ACTIVITY.watch(watcher)
    ACTIVITY.begin(FORWARD)
    held = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with ACTIVITY._lock:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as a thread does for a moment
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    try:
        assert (
            in_child(
                lambda: (
                    not ACTIVITY.is_watched
                    and ACTIVITY.current() is None
                    and not ACTIVITY.watch(watcher)
                    and sum(ACTIVITY.totals().values()) >= 0
                )
            )
            == 0
        )
    finally:
        done.set()
        thread.join(20)
    assert ACTIVITY.current() == FORWARD
    ACTIVITY.end(FORWARD)
    ACTIVITY.unwatch(watcher)
    assert not ACTIVITY.is_watched
