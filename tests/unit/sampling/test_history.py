"""The bounded memory of snapshots."""

import threading

from paddle_otel.sampling.history import History
from paddle_otel.sampling.snapshot import Snapshot


def _snapshot(second: int) -> Snapshot:
    return Snapshot(started=second * 10**9, finished=second * 10**9 + 5, wall=0, readings={}, durations={})


def test_latest_is_the_newest() -> None:
    """An empty history has none."""
    history = History()
    assert history.latest is None
    history.append(_snapshot(1))
    history.append(_snapshot(2))
    assert history.latest == _snapshot(2)


def test_oldest_goes_first() -> None:
    """Its size is bounded by the capacity."""
    history = History(capacity=3)
    for second in range(10):
        history.append(_snapshot(second))
    assert len(history) == 3
    assert history.between(0, 10**12) == (_snapshot(7), _snapshot(8), _snapshot(9))


def test_between_takes_only_what_lies_inside() -> None:
    """A snapshot that began before or ended after the interval does not belong to it."""
    history = History()
    for second in range(5):
        history.append(_snapshot(second))
    assert history.between(1 * 10**9, 3 * 10**9) == (_snapshot(1), _snapshot(2))
    assert history.between(1 * 10**9 + 1, 3 * 10**9 + 5) == (_snapshot(2), _snapshot(3))


def test_between_finds_any_interval_in_order() -> None:
    """At the beginning, in the middle, at the end, around all and around nothing."""
    history = History()
    snapshots = tuple(_snapshot(second) for second in range(10, 20))
    for snapshot in snapshots:
        history.append(snapshot)
    for first in range(8, 22):
        for last in range(first, 22):
            found = history.between(first * 10**9, last * 10**9 + 5)
            assert found == tuple(s for s in snapshots if first <= s.started / 10**9 <= last)
    assert history.between(15 * 10**9, 14 * 10**9) == ()


def test_one_that_comes_late_is_left_out() -> None:
    """A thread that was replaced may publish after its successor; time does not run backwards."""
    history = History()
    for second in (1, 3, 2, 3, 4):
        history.append(_snapshot(second))
    assert history.latest == _snapshot(4)
    assert history.between(0, 10**12) == (_snapshot(1), _snapshot(3), _snapshot(4))


def test_reading_while_it_is_written() -> None:
    """A reader in another thread never sees a change under its feet."""
    history = History(capacity=50)
    done = threading.Event()

    def write() -> None:
        for second in range(20_000):
            history.append(_snapshot(second))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        starts = [snapshot.started for snapshot in history.between(0, 10**15)]
        assert starts == sorted(starts)
    writer.join()
