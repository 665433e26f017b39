"""Windows between collections: which readings a metric sees, for how long, and of which devices."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock, call

import pytest

from claimant import Claimant
from paddle_otel.conventions import hardware as hw
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import ObservedMetric, Point, Window
from paddle_otel.hardware.showing import Showing, Windows
from paddle_otel.sampling.history import History
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.snapshot import Snapshot
from scripted_kinds import Reading, Readings, ScriptedDevices, kind_of, power, snapshot


class Seen:
    """Shows a metric, and keeps the windows that its points were read off."""

    def __init__(self, claims: Claims, *, of_process: bool = False) -> None:
        self.history = History(capacity=10)
        self.windows: list[Window[Readings]] = []
        self.kind = kind_of(ScriptedDevices())
        self.made = Windows(self.kind, claims, cast("Sampler", self.history))
        observed = ObservedMetric(hw.POWER, self._look, of_process=of_process)
        self.showing = Showing("scripted", self.made, observed)

    def _look(self, window: Window[Readings]) -> Iterable[Point]:
        self.windows.append(window)
        return power(window)

    def sample(self, second: float, *joules: float | None) -> Snapshot:
        """Take a snapshot of devices a, b …; those with ``None`` are not there."""
        readings = tuple(Reading(name, one) for name, one in zip("abc", joules, strict=False) if one is not None)
        taken = snapshot(second, readings)
        self.history.append(taken)
        return taken

    def values(self, taken: Snapshot) -> dict[str, float]:
        """Collect; return the watts by device."""
        return {str((o.attributes or {})["hw.id"]): o.value for o in self.showing.observations(taken)}


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[Claims]:
    """The claims of this process."""
    claims = Claims(lambda: str(tmp_path))
    yield claims
    claims.release()


@pytest.fixture
def seen(claims: Claims) -> Seen:
    """A metric of a kind that nothing has been shown of."""
    return Seen(claims)


def test_first_collection_has_no_before(seen: Seen) -> None:
    """So it has no rates."""
    assert seen.values(seen.sample(1, 10.0)) == {}
    (window,) = seen.windows
    assert (window.now, window.before, window.seconds) == ((Reading("a", 10.0),), None, 0.0)
    assert window.samples() == ((Reading("a", 10.0),),)


def test_window_reaches_back_to_the_collection_before(seen: Seen) -> None:
    """Over all samples in between, so that no burst is missed; the collected one is the last of them."""
    seen.values(seen.sample(1, 100.0))
    seen.sample(2, 130.0)
    seen.sample(3, 700.0)
    assert seen.values(seen.sample(5, 900.0)) == {"a": 200.0}
    window = seen.windows[-1]
    assert window.before == (Reading("a", 100.0),)
    assert window.seconds == 4.0
    assert [reading.joules for (reading,) in window.samples()] == [130.0, 700.0, 900.0]


def test_next_window_begins_where_this_one_ended(seen: Seen) -> None:
    """Windows follow each other without gap and overlap."""
    for second, joules in ((1, 0.0), (2, 10.0), (4, 30.0), (8, 110.0)):
        seen.values(seen.sample(second, joules))
    assert [(window.before and window.before[0].joules, window.now[0].joules) for window in seen.windows] == [
        (None, 0.0),
        (0.0, 10.0),
        (10.0, 30.0),
        (30.0, 110.0),
    ]
    assert sum(window.seconds for window in seen.windows) == 7.0


def test_second_reader_right_after_the_first_sees_the_same(seen: Seen) -> None:
    """As long as no sample was taken in between; rates do not become 0 or infinite."""
    seen.values(seen.sample(1, 100.0))
    taken = seen.sample(3, 300.0)
    assert [seen.values(taken) for _ in range(3)] == [{"a": 100.0}] * 3
    assert seen.values(seen.sample(4, 350.0)) == {"a": 50.0}


def test_two_readers_with_different_periods(seen: Seen) -> None:
    """Share the windows: each value is true for the time since the last collection by either."""
    both: list[dict[str, float]] = []
    for second in range(1, 13):
        taken = seen.sample(second, float(second * second))
        if second % 2 == 0:
            both.append(seen.values(taken))
        if second % 6 == 0:
            both.append(seen.values(taken))
    assert both == [{}, *({"a": float(2 * s - 2)} for s in (4, 6, 6, 8, 10, 12, 12))]


def test_snapshot_that_changes_in_the_middle_of_a_collection(claims: Claims) -> None:
    """Each metric has contiguous windows of its own, and matches its own two ends."""
    seen = Seen(claims)
    late: list[Window[Readings]] = []

    def look(window: Window[Readings]) -> Iterable[Point]:
        late.append(window)
        return power(window)

    other = Showing("scripted", seen.made, ObservedMetric(hw.ENERGY, look))
    for second in (1, 10, 20):
        seen.showing.observations(seen.sample(second, second * 10.0))
        other.observations(seen.sample(second + 1, second * 10.0 + 7))
    early = [(w.before[0].joules if w.before else None, w.now[0].joules, w.seconds) for w in seen.windows]
    assert early == [(None, 10.0, 0.0), (10.0, 100.0, 9.0), (100.0, 200.0, 10.0)]
    assert [(w.before[0].joules if w.before else None, w.now[0].joules, w.seconds) for w in late] == [
        (None, 17.0, 0.0),
        (17.0, 107.0, 9.0),
        (107.0, 207.0, 10.0),
    ]


def test_all_metrics_of_a_collection_share_a_window(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are claimed once per collection, not once per metric."""
    seen = Seen(claims)
    asked = Mock(wraps=claims.claim)
    monkeypatch.setattr(claims, "claim", asked)
    showings = [Showing("scripted", seen.made, ObservedMetric(hw.POWER, power)) for _ in range(20)]
    for second in (1, 2, 3):
        taken = seen.sample(second, 1.0, 2.0)
        for showing in showings:
            showing.observations(taken)
    assert asked.mock_calls == [call("a"), call("b")] * 3


def test_samples_are_looked_up_once(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only if a metric asks."""
    looks = Mock(wraps=seen.history.between)
    monkeypatch.setattr(seen.history, "between", looks)
    seen.values(seen.sample(1, 1.0))
    seen.values(seen.sample(2, 2.0))
    assert looks.call_count == 0
    assert seen.windows[-1].samples() is seen.windows[-1].samples()
    assert looks.call_count == 1


def test_samples_that_the_history_does_not_have_any_more(seen: Seen) -> None:
    """What is kept is given; the reading that is shown always."""
    seen.values(seen.sample(1, 0.0))
    for second in range(2, 40):
        seen.sample(second, float(second))
    seen.values(seen.sample(40, 40.0))
    assert [reading.joules for (reading,) in seen.windows[-1].samples()] == [float(second) for second in range(31, 41)]
    taken = snapshot(50, (Reading("a", 50.0),))
    seen.values(taken)
    assert seen.windows[-1].samples() == ((Reading("a", 50.0),),)


def test_readings_that_were_missing_in_between(seen: Seen) -> None:
    """A driver that did not answer for a while: no rate over readings that are not there, and none of 0."""
    seen.values(seen.sample(1, 10.0))
    hole = snapshot(2, None)
    seen.history.append(hole)
    assert seen.values(hole) == {}
    assert len(seen.windows) == 1
    assert seen.values(seen.sample(3, 30.0)) == {}
    assert (seen.windows[-1].before, seen.windows[-1].seconds) == (None, 0.0)
    assert seen.values(seen.sample(4, 60.0)) == {"a": 30.0}


def test_a_device_that_appears(seen: Seen) -> None:
    """Has a rate from its second collection on; the others are not disturbed."""
    seen.values(seen.sample(1, 10.0))
    assert seen.values(seen.sample(2, 20.0, 500.0)) == {"a": 10.0}
    assert seen.values(seen.sample(3, 40.0, 503.0)) == {"a": 20.0, "b": 3.0}
    assert seen.values(seen.sample(4, None, 504.0)) == {"b": 1.0}


def test_only_devices_of_this_process(claims: Claims, tmp_path: Path) -> None:
    """What another process reports is left out of now, but not of before: at a takeover there is a rate at once."""
    seen = Seen(claims)
    with Claimant(tmp_path) as other:
        assert other.claims("b")
        seen.values(seen.sample(1, 10.0, 20.0))
        assert seen.values(seen.sample(2, 11.0, 25.0)) == {"a": 1.0}
        assert seen.windows[-1].now == (Reading("a", 11.0),)
        assert seen.windows[-1].before == (Reading("a", 10.0), Reading("b", 20.0))
        other.kill()
        assert seen.values(seen.sample(3, 13.0, 32.0)) == {"a": 2.0, "b": 7.0}


def test_metrics_of_the_process_show_all_devices(claims: Claims, tmp_path: Path) -> None:
    """They are not claimed either."""
    seen = Seen(claims, of_process=True)
    with Claimant(tmp_path) as other:
        assert other.claims("b")
        seen.values(seen.sample(1, 10.0, 20.0))
        assert seen.values(seen.sample(2, 11.0, 25.0)) == {"a": 1.0, "b": 5.0}
        assert other.claims("a")


def test_a_device_that_was_given_back_is_not_shown_again(seen: Seen, claims: Claims, tmp_path: Path) -> None:
    """Not even by a second collection of the same snapshot."""
    seen.values(seen.sample(1, 10.0))
    taken = seen.sample(2, 20.0)
    assert seen.values(taken) == {"a": 10.0}
    claims.release()
    with Claimant(tmp_path) as other:
        assert other.claims("a")
        assert seen.values(taken) == {}


def test_forgetting_begins_anew(seen: Seen) -> None:
    """After a restart nothing is told of the time in which nobody looked."""
    seen.values(seen.sample(1, 10.0))
    seen.values(seen.sample(2, 20.0))
    seen.showing.forget()
    assert seen.values(seen.sample(100, 5000.0)) == {}
    assert seen.windows[-1].before is None
    assert seen.values(seen.sample(101, 5001.0)) == {"a": 1.0}


@pytest.mark.parametrize("where", ["points", "the middle of points", "reported"])
def test_a_bug_costs_this_metric_only(claims: Claims, where: str, telemetry_trouble: Any) -> None:
    """No points, no half of them, no exception, and the line names metric and kind."""
    telemetry_trouble.expected = True
    seen = Seen(claims)

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    def half(_: object) -> Iterable[Point]:
        yield 1.0, {}
        raise ZeroDivisionError

    kind = seen.kind
    if where == "reported":
        object.__setattr__(kind, "reported", broken)
    points = {"points": broken, "the middle of points": half, "reported": power}[where]
    showing = Showing("scripted", seen.made, ObservedMetric(hw.POWER, points))
    assert showing.observations(seen.sample(1, 1.0)) == []
    assert telemetry_trouble.sites == ["reporting hw.power of scripted: ZeroDivisionError()"]
