"""The metrics that the readings of disks become: names, types, units, values and attributes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Gauge, InMemoryMetricReader, Metric, Sum

from fake_disks import FakeDisks
from fake_nvml.sources import Clock, eventually
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.disks import KIND
from paddle_otel.hardware.disks.source import DiskSource
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings

READ = {"disk.io.direction": "read"}
WRITE = {"disk.io.direction": "write"}
COUNTERS: list[tuple[str, str, dict[str, str], float]] = [
    ("system.disk.io", "By", READ, 1_000_000 * 512),
    ("system.disk.io", "By", WRITE, 4_000_000 * 512),
    ("system.disk.operations", "{operation}", READ, 5_000),
    ("system.disk.operations", "{operation}", WRITE, 7_000),
    ("system.disk.merged", "{operation}", READ, 11),
    ("system.disk.merged", "{operation}", WRITE, 13),
    ("system.disk.io_time", "s", {}, 61.25),
    ("system.disk.operation_time", "s", READ, 31.5),
    ("system.disk.operation_time", "s", WRITE, 77.007),
]
"""Of the columns below; those that are not here (discards, flushes, in flight) appear nowhere."""
THEN = "5000 11 1000000 31500 7000 13 4000000 77007 3 61250 200000 17 18 19 20 21 22"
RATES: list[tuple[str, str, dict[str, str], float]] = [
    ("paddle.disk.utilization", "1", {}, 0.4),
    ("paddle.disk.await", "s", READ, 0.0025),
    ("paddle.disk.await", "s", WRITE, 0.04),
    ("paddle.disk.queue_length", "{operation}", {}, 1.6),
]
"""Over 5 s: 400 reads in 1,000 ms, 50 writes in 2,000 ms, busy for 2,000 ms, 8,000 ms times requests."""
NOW = "5400 11 1000000 32500 7050 13 4000000 79007 9 63250 208000 999 999 999 99999 999 99999"


class Machine:
    """A machine with disks, sampled and reported."""

    def __init__(self, disks: FakeDisks, data_paths: str = "") -> None:
        self.disks = disks
        self.clock = Clock()
        self.reader = InMemoryMetricReader()
        self._provider = MeterProvider([self.reader], shutdown_on_exit=False)
        kind = DeviceKind(
            KIND.name,
            lambda settings: DiskSource(settings.disk_paths, disks.root, self.clock),
            KIND.metrics,
            KIND.reported,
        )
        self._sampler = Sampler(lambda: [kind.source(Settings(disk_paths=data_paths))])
        self._reporting = HardwareReporting(self._sampler, [kind], Claims(lambda: str(disks.root / "locks")))

    def start(self) -> None:
        """Start sampling."""
        self._reporting.start(self._provider, interval=0.02)
        self._wait_for_sample()

    def later(self, seconds: float) -> None:
        """Let this much time pass and one sample be taken after it."""
        self.clock.now += seconds
        self._wait_for_sample()

    def metrics(self) -> dict[str, Metric]:
        """Collect once; return the metrics that have points, the sampler's own left out."""
        data = self.reader.get_metrics_data()
        assert data is not None
        ((scope,),) = (resource.scope_metrics for resource in data.resource_metrics)
        assert scope.scope.name == "paddle_otel.hardware_metrics"
        return {metric.name: metric for metric in scope.metrics if not metric.name.startswith("paddle.sampler.")}

    def stop(self) -> None:
        """Stop all of it."""
        self._reporting.stop()
        self._provider.shutdown()

    def _wait_for_sample(self) -> None:
        def sampled() -> bool:
            snapshot = self._sampler.latest()
            reading = snapshot and KIND.readings(snapshot)
            return reading is not None and reading.taken == self.clock.now

        assert eventually(sampled)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with two disks, one of which has a partition."""
    disks = FakeDisks(tmp_path / "machine")
    disks.add("nvme0n1", "259:0", THEN)
    disks.add_partition("nvme0n1", "nvme0n1p1", "259:1", THEN)
    disks.add("sda", "8:0")
    machine = Machine(disks)
    machine.start()
    yield machine
    machine.stop()


def _points(metric: Metric, device: str = "nvme0n1") -> list[tuple[dict[str, Any], int | float]]:
    points: list[Any] = list(metric.data.data_points)
    return [(dict(one.attributes), one.value) for one in points if one.attributes["system.device"] == device]


@pytest.mark.parametrize(("name", "unit", "attributes", "value"), COUNTERS)
def test_counter(machine: Machine, name: str, unit: str, attributes: dict[str, str], value: float) -> None:
    """As the system conventions have it: cumulative, one series per disk and direction."""
    metric = machine.metrics()[name]
    assert metric.unit == unit
    assert metric.description
    assert isinstance(metric.data, Sum)
    assert metric.data.is_monotonic is True
    (actual,) = (v for a, v in _points(metric) if a == {"system.device": "nvme0n1", **attributes})
    assert actual == value
    assert type(actual) is type(value)


@pytest.mark.parametrize(("name", "unit", "attributes", "value"), RATES)
def test_rate(machine: Machine, name: str, unit: str, attributes: dict[str, str], value: float) -> None:
    """As iostat has it, over the time between two collections, whatever the sampler's interval is."""
    assert name not in machine.metrics()
    machine.disks.set("nvme0n1", "259:0", NOW)
    machine.later(5.0)
    metric = machine.metrics()[name]
    assert metric.unit == unit
    assert metric.description
    assert isinstance(metric.data, Gauge)
    (actual,) = (v for a, v in _points(metric) if a == {"system.device": "nvme0n1", **attributes})
    assert actual == pytest.approx(value, rel=1e-12)
    assert type(actual) is float


def test_window_has_all_samples_between_two_collections(machine: Machine) -> None:
    """A burst that only the samples between saw is not missed."""
    machine.metrics()
    machine.disks.set("nvme0n1", "259:0", NOW)
    machine.later(1.0)
    machine.later(3.0)
    machine.later(6.0)
    metrics = machine.metrics()
    assert _points(metrics["paddle.disk.utilization"]) == [({"system.device": "nvme0n1"}, pytest.approx(0.2))]
    machine.later(10.0)
    assert _points(machine.metrics()["paddle.disk.utilization"]) == [({"system.device": "nvme0n1"}, 0.0)]


def test_time_without_operations_has_no_mean(machine: Machine) -> None:
    """An idle disk has a utilization and a queue length of 0, which are true, and no await: no request took 0 s."""
    machine.metrics()
    machine.later(5.0)
    metrics = machine.metrics()
    for name in ("paddle.disk.utilization", "paddle.disk.queue_length"):
        assert _points(metrics[name]) == [({"system.device": "nvme0n1"}, 0.0)]
    assert "paddle.disk.await" not in metrics


def test_only_the_direction_that_had_operations_has_a_mean(machine: Machine) -> None:
    """Reads alone: no point for writes."""
    machine.metrics()
    machine.disks.set("nvme0n1", "259:0", THEN.replace("5000 11 1000000 31500", "5010 11 1000000 31530"))
    machine.later(5.0)
    (point,) = _points(machine.metrics()["paddle.disk.await"])
    assert point == ({"system.device": "nvme0n1", "disk.io.direction": "read"}, pytest.approx(0.003))


def test_share_ends_at_one(machine: Machine) -> None:
    """The kernel's ticks may make a disk that is never idle a little more than busy."""
    machine.metrics()
    machine.disks.set("nvme0n1", "259:0", THEN.replace("61250", "66251"))
    machine.later(5.0)
    assert _points(machine.metrics()["paddle.disk.utilization"]) == [({"system.device": "nvme0n1"}, 1.0)]


def test_disk_that_came_since_the_last_collection_has_no_rates_yet(machine: Machine) -> None:
    """Its counters are there at once; over what time they grew is not known."""
    machine.metrics()
    machine.disks.add("sdb", "8:16", NOW)
    machine.later(5.0)
    metrics = machine.metrics()
    assert len(_points(metrics["system.disk.operations"], "sdb")) == 2
    for name in ("paddle.disk.utilization", "paddle.disk.await", "paddle.disk.queue_length"):
        assert name not in metrics or _points(metrics[name], "sdb") == []
    machine.later(5.0)
    assert len(_points(machine.metrics()["paddle.disk.utilization"], "sdb")) == 1


def test_disk_that_went_has_no_series(machine: Machine) -> None:
    """Neither frozen counters nor rates; the other disk goes on."""
    machine.metrics()
    machine.disks.remove("nvme0n1")
    machine.later(5.0)
    metrics = machine.metrics()
    assert set(metrics) >= {"system.disk.io", "paddle.disk.utilization"}
    for metric in metrics.values():
        assert _points(metric) == []
    assert len(_points(metrics["system.disk.io"], "sda")) == 2


def test_each_disk_is_reported_by_one_process(machine: Machine) -> None:
    """A process shows the disks that it holds, by their numbers, which are the same in all containers of a host."""
    asked: list[str] = []

    def holds(claim: str) -> bool:
        asked.append(claim)
        return claim == "disk-8-0"

    reading = DiskSource(root=machine.disks.root, clock=machine.clock).read()
    assert reading is not None
    reported = KIND.reported(reading, holds)
    assert reported is not None
    assert asked == ["disk-259-0", "disk-8-0"]
    assert [one.disk.name for one in reported.disks] == ["sda"]
    assert reported.taken == reading.taken


def test_no_other_metric_and_no_other_attribute(machine: Machine) -> None:
    """Those of the conventions, each with at most the attributes that they announce."""
    machine.metrics()
    machine.disks.set("nvme0n1", "259:0", NOW)
    machine.later(5.0)
    metrics = machine.metrics()
    announced = {observed.metric.name: set(observed.metric.attributes) for observed in KIND.metrics}
    assert set(metrics) == set(announced)
    assert len(announced) == 8
    for name, metric in metrics.items():
        for point in metric.data.data_points:
            assert set(point.attributes or {}) <= announced[name]


def test_disk_of_the_data_is_marked(tmp_path: Path) -> None:
    """All of its series have the role, those of other disks do not."""
    disks = FakeDisks(tmp_path / "machine")
    disks.add("nvme0n1", "259:0", THEN)
    disks.add("sda", "8:0", THEN)
    disks.mount("/", "8:0", "ext4", "/dev/sda")
    data = tmp_path / "data"
    data.mkdir()
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    machine = Machine(disks, data_paths=str(data))
    machine.start()
    machine.metrics()
    disks.set("nvme0n1", "259:0", NOW)
    disks.set("sda", "8:0", NOW)
    machine.later(5.0)
    metrics = machine.metrics()
    machine.stop()
    assert len(metrics) == 8
    for metric in metrics.values():
        assert {attributes.get("paddle.disk.role") for attributes, _ in _points(metric)} == {"data"}
        assert {attributes.get("paddle.disk.role") for attributes, _ in _points(metric, "sda")} == {None}


def test_kind_takes_the_paths_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """By ``disk_paths``; the kind is one of those that are sampled."""
    made: list[str] = []
    monkeypatch.setattr("paddle_otel.hardware.disks.DiskSource", made.append)
    KIND.source(Settings(disk_paths="/data:/more"))
    assert made == ["/data:/more"]
    assert KIND in KINDS
    assert KIND.name == "disks"
