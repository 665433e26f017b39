"""The instruments on a meter provider: created once, several kinds behind one metric, and what a fork leaves."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_nvml.sources import eventually
from paddle_otel.conventions import hardware as hw
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import DeviceKind, ObservedMetric, Point, Window
from paddle_otel.hardware.outlet import Outlet
from paddle_otel.sampling.sampler import Sampler
from recording import Recorder
from scripted_kinds import Reading, Readings, ScriptedDevices, energy, kind_of, power

ENERGY = ObservedMetric(hw.ENERGY, energy)
POWER = ObservedMetric(hw.POWER, power)


class Scene:
    """GPUs and disks behind one outlet, sampled fast."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.recorder = recorder
        self.gpus, self.disks = ScriptedDevices("gpus"), ScriptedDevices("disks")
        self.gpus.now, self.disks.now = (Reading("gpu", 1.0),), (Reading("disk", 2.5),)
        self.sampler = Sampler(lambda: [self.gpus, self.disks])
        self.claims = Claims(lambda: str(folder))
        meter = recorder.meter_provider.get_meter("a.test")
        self.outlet = Outlet(meter, self.sampler, self.claims)

    def show(self, *kinds: DeviceKind[Readings]) -> None:
        """Show kinds, and wait for the first sample."""
        self.outlet.show(kinds)
        self.sampler.start("test", 0.01)
        assert eventually(self.sampler.latest)

    def values(self, name: str) -> dict[str, float]:
        """Collect; return a metric's values by device."""
        return {str(point.attributes["hw.id"]): point.value for point in self.recorder.points(name)}


@pytest.fixture
def scene(recorder: Recorder, tmp_path: Path) -> Iterator[Scene]:
    """Nothing shown yet."""
    scene = Scene(recorder, tmp_path)
    yield scene
    scene.sampler.stop("test")
    scene.claims.release()


def _broken(_: Window[Readings]) -> Iterable[Point]:
    raise ZeroDivisionError


def test_two_kinds_behind_one_metric(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """One instrument has the points of both."""
    scene.show(kind_of(scene.gpus, ENERGY), kind_of(scene.disks, ENERGY))
    assert scene.values("hw.energy") == {"gpu": 1.0, "disk": 2.5}
    assert caplog.text == ""


@pytest.mark.parametrize("first", [True, False])
def test_a_bug_in_one_kind_costs_the_other_nothing(scene: Scene, first: bool, telemetry_trouble: Any) -> None:
    """Of the same metric, whichever is read first; the line tells which one it was."""
    telemetry_trouble.expected = True
    kinds = [kind_of(scene.gpus, ObservedMetric(hw.ENERGY, _broken)), kind_of(scene.disks, ENERGY)]
    scene.show(*(kinds if first else reversed(kinds)))
    for _ in range(3):
        assert scene.values("hw.energy") == {"disk": 2.5}
    assert set(telemetry_trouble.sites) == {"reporting hw.energy of gpus: ZeroDivisionError()"}


def test_bugs_in_both_kinds_are_both_said(
    scene: Scene, telemetry_trouble: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Each once, however often it is collected."""
    telemetry_trouble.expected = True
    broken = ObservedMetric(hw.ENERGY, _broken)
    scene.show(kind_of(scene.gpus, broken), kind_of(scene.disks, broken))
    for _ in range(3):
        assert scene.values("hw.energy") == {}
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        "Telemetry failed while reporting hw.energy of gpus",
        "Telemetry failed while reporting hw.energy of disks",
    ]


def test_one_kind_without_readings(scene: Scene) -> None:
    """The other is shown."""
    scene.gpus.now = None
    scene.show(kind_of(scene.gpus, ENERGY), kind_of(scene.disks, ENERGY))
    assert scene.values("hw.energy") == {"disk": 2.5}


def test_hidden_until_it_is_shown(scene: Scene) -> None:
    """Neither before nor after, also while samples are taken for somebody else; nothing is claimed meanwhile."""
    scene.sampler.start("test", 0.01)
    assert eventually(scene.sampler.latest)
    assert scene.recorder.metrics() == {}
    scene.show(kind_of(scene.disks, ENERGY))
    assert scene.values("hw.energy") == {"disk": 2.5}
    scene.outlet.hide()
    scene.claims.release()
    assert scene.recorder.metrics() == {}
    assert not scene.claims.holds("disk")


def test_a_kind_that_is_added_later(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Is shown from the next start on, also behind a metric that exists; the first one is not shown twice."""
    disks, gpus = kind_of(scene.disks, ENERGY), kind_of(scene.gpus, ENERGY, POWER)
    scene.show(disks)
    assert scene.values("hw.energy") == {"disk": 2.5}
    scene.show(disks, gpus)
    assert scene.values("hw.energy") == {"gpu": 1.0, "disk": 2.5}
    assert eventually(lambda: scene.values("hw.power") == {"gpu": 0.0})
    assert caplog.text == ""


def test_no_rate_over_the_time_in_which_it_was_hidden(scene: Scene) -> None:
    """The first collection after a restart shows counters and no rates."""
    scene.show(kind_of(scene.disks, ENERGY, POWER))
    assert eventually(lambda: scene.values("hw.power") == {"disk": 0.0})
    scene.outlet.hide()
    scene.disks.now = (Reading("disk", 1e9),)
    assert eventually(lambda: _joules(scene) == 1e9)
    scene.show(kind_of(scene.disks, ENERGY, POWER))
    metrics = scene.recorder.metrics()
    assert "hw.energy" in metrics
    assert "hw.power" not in metrics


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_no_rate_between_a_parent_and_its_child(scene: Scene) -> None:
    """What the parent showed last is no beginning of a window of the child: its processes' figures are not its own."""
    scene.show(kind_of(scene.disks, ENERGY, POWER))
    assert eventually(lambda: "hw.power" in scene.recorder.metrics())
    scene.claims.release()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            scene.disks.now = (Reading("disk", 1e9),)
            appeared = eventually(lambda: "hw.energy" in scene.recorder.metrics())
            status = 0 if appeared and scene.values("hw.power") in ({}, {"disk": 0.0}) else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _joules(scene: Scene) -> float:
    latest = scene.sampler.latest()
    readings: Any = latest.readings["disks"] if latest else ()
    return readings[0].joules
