"""Starting, stopping and reading the sampler."""

import contextvars
import dataclasses
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from fake_nvml.sources import ScriptedSource, eventually, sampler_threads
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.snapshot import Snapshot


@pytest.fixture
def source() -> ScriptedSource:
    """A healthy source."""
    return ScriptedSource()


@pytest.fixture
def sampler(source: ScriptedSource) -> Iterator[Sampler]:
    """A sampler of it that is stopped at the end."""
    sampler = Sampler(lambda: [source], stale_after=0.3)
    yield sampler
    source.answer()
    for owner in ("a", "b"):
        sampler.stop(owner)


def _latest(sampler: Sampler) -> int | None:
    snapshot = sampler.latest()
    return None if snapshot is None else cast("int", snapshot.readings["scripted"])


def test_nothing_runs_before_it_is_started(sampler: Sampler, source: ScriptedSource) -> None:
    """Neither making a sampler nor asking it starts a thread or reads a device."""
    assert sampler.latest() is None
    assert not sampler.running
    assert sampler_threads() == []
    assert source.reads == 0


def test_latest_is_what_was_read_last(sampler: Sampler) -> None:
    """The snapshot moves on without anybody asking for it."""
    sampler.start("a", interval=0.02)
    assert eventually(lambda: (_latest(sampler) or 0) >= 3)


def test_snapshot_tells_when_it_was_taken(sampler: Sampler) -> None:
    """On both clocks, in nanoseconds, and it cannot be changed."""
    before, wall_before = time.monotonic_ns(), time.time_ns()
    sampler.start("a", interval=10.0)
    assert eventually(sampler.latest)
    snapshot = sampler.latest()
    assert snapshot is not None
    assert before <= snapshot.started <= snapshot.finished <= time.monotonic_ns()
    assert wall_before <= snapshot.wall <= time.time_ns()
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.wall = 0  # pyright: ignore[reportAttributeAccessIssue] - what the test is about
    with pytest.raises(TypeError):
        snapshot.readings["scripted"] = 0  # pyright: ignore[reportIndexIssue] - what the test is about


def test_there_is_one_thread_however_often_it_is_started(sampler: Sampler) -> None:
    """Also with several owners; it is a daemon, so it never keeps a program alive."""
    for owner in ("a", "a", "b"):
        sampler.start(owner, interval=0.02)
    assert [thread.daemon for thread in sampler_threads()] == [True]


def test_last_owner_ends_the_thread_and_closes_the_devices(sampler: Sampler, source: ScriptedSource) -> None:
    """Stopping twice, or without having started, changes nothing."""
    sampler.start("a", interval=0.02)
    sampler.start("b", interval=0.02)
    sampler.stop("a")
    sampler.stop("a")
    assert sampler.running
    assert len(sampler_threads()) == 1
    sampler.stop("b")
    assert sampler_threads() == []
    assert source.closes == 1
    assert sampler.latest() is None


def test_shortest_interval_of_all_owners_holds(sampler: Sampler, source: ScriptedSource) -> None:
    """From when its owner starts, also in the middle of a long pause, until its owner stops."""
    sampler.start("b", interval=60.0)
    assert eventually(lambda: source.reads == 1)
    sampler.start("a", interval=0.02)
    assert eventually(lambda: source.reads > 5)
    sampler.stop("a")
    time.sleep(0.1)
    reads = source.reads
    time.sleep(0.2)
    assert source.reads == reads


def test_changing_the_interval_causes_no_burst(sampler: Sampler, source: ScriptedSource) -> None:
    """However often owners come and go, the devices are read once per interval."""
    sampler.start("a", interval=60.0)
    assert eventually(lambda: source.reads == 1)
    for _ in range(200):
        sampler.start("b", interval=30.0)
        sampler.stop("b")
        time.sleep(0.001)
    time.sleep(0.1)
    assert source.reads == 1
    assert len(sampler_threads()) == 1


def test_tenth_of_a_second_is_bounded(sampler: Sampler, source: ScriptedSource) -> None:
    """No more than ten reads a second, and never more kept than the capacity."""
    sampler = Sampler(lambda: [source], capacity=5)
    began = time.monotonic()
    sampler.start("a", interval=0.1)
    assert eventually(lambda: source.reads >= 11)
    elapsed = time.monotonic() - began
    sampler.stop("a")
    assert source.reads <= elapsed / 0.1 + 2


def test_a_source_that_is_added_is_read_from_the_next_start_on(source: ScriptedSource, telemetry_trouble: Any) -> None:
    """The others stay the same objects, with what they have counted."""
    telemetry_trouble.expected = True
    sources = [source]
    source.error = OSError()
    sampler = Sampler(lambda: sources)
    sampler.start("a", interval=60.0)
    assert eventually(lambda: source.reads == 1)
    sampler.stop("a")
    sources.append(ScriptedSource("added"))
    sampler.start("a", interval=60.0)
    assert eventually(lambda: sources[1].reads == 1)
    assert [(slot.name, slot.errors) for slot in sampler.sources] == [("scripted", 2), ("added", 0)]
    sampler.stop("a")


def test_listeners_are_told_each_snapshot_once(sampler: Sampler) -> None:
    """In order, however often they subscribed; also one that subscribes later."""
    first: list[Snapshot] = []
    second: list[Snapshot] = []
    sampler.subscribe(first.append)
    sampler.subscribe(first.append)
    sampler.start("a", interval=0.01)
    assert eventually(lambda: len(first) >= 2)
    sampler.subscribe(second.append)
    assert eventually(lambda: len(second) >= 2)
    sampler.stop("a")
    assert [snapshot.readings["scripted"] for snapshot in first] == list(range(1, len(first) + 1))
    assert second == first[-len(second) :]


def test_a_listener_that_fails_stops_no_other(sampler: Sampler, telemetry_trouble: Any) -> None:
    """Nor the sampling; it is told again next time."""
    telemetry_trouble.expected = True
    told: list[Snapshot] = []
    calls: list[Snapshot] = []

    def fail(snapshot: Snapshot) -> None:
        calls.append(snapshot)
        raise ZeroDivisionError

    sampler.subscribe(fail)
    sampler.subscribe(told.append)
    sampler.start("a", interval=0.01)
    assert eventually(lambda: len(told) > 3)
    assert len(calls) >= 3
    assert set(telemetry_trouble.sites) == {"handing on what the hardware said: ZeroDivisionError()"}


def test_a_listener_that_hangs_stops_no_other(sampler: Sampler, caplog: pytest.LogCaptureFixture) -> None:
    """Nor the sampling: one thread is left with it, and it is not told again before it returns."""
    told: list[Snapshot] = []
    hanging: list[Snapshot] = []
    may_return = threading.Event()

    def hang(snapshot: Snapshot) -> None:
        hanging.append(snapshot)
        may_return.wait(60)

    sampler.subscribe(hang)
    sampler.subscribe(told.append)
    sampler.start("a", interval=0.01)
    assert eventually(lambda: hanging)
    assert eventually(lambda: sampler.latest() and len(told) > 20)
    assert len(hanging) == 1
    assert len(sampler_threads()) == 2
    may_return.set()
    assert eventually(lambda: len(hanging) > 3)
    assert eventually(lambda: len(sampler_threads()) == 1)
    assert len(caplog.records) == 1


def test_it_can_be_started_again(sampler: Sampler, source: ScriptedSource) -> None:
    """Any number of times; an old snapshot does not come back."""
    for _ in range(5):
        sampler.start("a", interval=0.02)
        assert eventually(sampler.latest)
        sampler.stop("a")
        assert sampler.latest() is None
    assert source.closes == 5
    assert sampler_threads() == []
    source.hang()
    sampler.start("a", interval=0.02)
    assert sampler.latest() is None


def test_between_gives_the_snapshots_of_an_interval(sampler: Sampler) -> None:
    """For what happened during an operation."""
    start = time.monotonic_ns()
    sampler.start("a", interval=0.01)
    assert eventually(lambda: (_latest(sampler) or 0) >= 4)
    end = time.monotonic_ns()
    values = [snapshot.readings["scripted"] for snapshot in sampler.between(start, end)]
    assert values[:4] == [1, 2, 3, 4]
    assert sampler.between(0, start) == ()


def test_a_source_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture, telemetry_trouble: Any) -> None:
    """It is absent from the snapshot, is asked again, and its trouble is logged once."""
    telemetry_trouble.expected = True
    bad, good = ScriptedSource("bad"), ScriptedSource("good")
    bad.error = RuntimeError("broken")
    sampler = Sampler(lambda: [bad, good])
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        sampler.start("a", interval=0.01)
        assert eventually(lambda: good.reads > 5)
        snapshot = sampler.latest()
        assert snapshot is not None
        assert list(snapshot.readings) == ["good"]
        bad.error = None
        assert eventually(lambda: "bad" in getattr(sampler.latest(), "readings", {}))
        sampler.stop("a")
    assert [record.message.split(" (")[0] for record in caplog.records] == ["Telemetry failed while reading bad"]


def test_thread_keeps_nothing_of_the_request_that_started_it(
    sampler: Sampler, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock threading instrumentation hands the current span on to each new thread; this one outlives it."""
    variable = contextvars.ContextVar[str]("span")
    seen: list[str | None] = []
    run = threading.Thread.run

    def handing_on(thread: threading.Thread) -> None:
        variable.set("request")
        run(thread)

    monkeypatch.setattr(threading.Thread, "run", handing_on)
    monkeypatch.setattr(source, "close", lambda: seen.append(variable.get(None)))
    sampler.start("a", interval=0.02)
    assert eventually(sampler.latest)
    sampler.stop("a")
    assert seen == [None]


def test_thread_that_cannot_start_is_tried_again(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch, source: ScriptedSource, telemetry_trouble: Any
) -> None:
    """A limit on threads costs the series, not the program; they come when a thread can start."""
    telemetry_trouble.expected = True

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        sampler.start("a", interval=0.02)
        assert sampler.latest() is None
    assert source.reads == 0
    assert eventually(sampler.latest)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_died_is_replaced(sampler: Sampler, source: ScriptedSource) -> None:
    """Even what the error boundary lets through does not end sampling for good."""
    source.error = SystemExit()
    sampler.start("a", interval=0.02)
    assert eventually(lambda: sampler_threads() == [])
    source.error = None
    assert eventually(sampler.latest)


def test_a_pass_that_fails_as_a_whole_is_followed_by_the_next(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """Where there is no memory left for a moment, the thread lives on."""
    telemetry_trouble.expected = True
    missing = threading.Event()

    def no_memory(**_: Any) -> Snapshot:
        missing.set()
        raise MemoryError

    sampler.start("a", interval=0.02)
    assert eventually(sampler.latest)
    with monkeypatch.context() as patched:
        patched.setattr("paddle_otel.sampling.worker.Snapshot", no_memory)
        assert missing.wait(10)
    seen = _latest(sampler) or 0
    assert eventually(lambda: (_latest(sampler) or 0) > seen + 1)
