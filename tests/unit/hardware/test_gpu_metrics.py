"""The metrics that the readings of GPUs become: names, types, units, values and attributes."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Gauge, InMemoryMetricReader, Metric, Sum

from fake_nvml.driver import DRIVER_VERSION, GIB, NAME, FakeDriver, mig_uuid, uuid
from fake_nvml.scenarios import mig_and_whole
from fake_nvml.sources import eventually
from paddle_otel.conventions import gpu as gpu_conventions
from paddle_otel.hardware.nvml import KIND as GPUS
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION

SUM_OF_ALL = {"sum": True, "monotonic": False}
COUNTER = {"sum": True, "monotonic": True}
GAUGE = {"sum": False}


IDENTITY = {
    "hw.id": uuid(0),
    "hw.name": NAME,
    "hw.model": NAME,
    "hw.vendor": "NVIDIA",
    "hw.driver_version": DRIVER_VERSION,
    "hw.firmware_version": "96.00.5E.00.00",
    "hw.serial_number": "1652223000000",
}
GPU = {"hw.type": "gpu"}


@pytest.fixture
def reader(fake_nvml: FakeDriver) -> Iterator[InMemoryMetricReader]:
    """A reader of the metrics of two GPUs, this process on one of them."""
    fake_nvml.reset(2)
    fake_nvml.set(0, utilization=83, memory_utilization=37, used=20 * GIB, total=80 * GIB)
    fake_nvml.set(0, power_instant=412_345, energy=98_765_432, temperature=61, event_reasons=0x4)
    fake_nvml.set(0, own_memory=3 * GIB, own_utilization=42, nvlink_active=0x3FFF)
    fake_nvml.set_gpm(0, {2: 50.0, 5: 25.0, 10: 12.5, 11: 1.0, 12: 2.0, 13: 3.0})
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    reporting = HardwareReporting(Sampler(lambda: [GPUS.source(Settings())]), [GPUS])
    reporting.start(provider, interval=0.02)
    yield reader
    reporting.stop()
    provider.shutdown()


def _metrics(reader: InMemoryMetricReader) -> dict[str, Metric]:
    data = reader.get_metrics_data()
    if data is None:
        return {}
    ((scope,),) = (resource.scope_metrics for resource in data.resource_metrics)
    assert scope.scope.name == "paddle_otel.hardware_metrics"
    assert scope.scope.version == VERSION
    assert scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"
    return {metric.name: metric for metric in scope.metrics}


def _points(metric: Metric) -> list[Any]:
    """All points; those of counters and gauges have a value each."""
    return list(metric.data.data_points)


def _point(metric: Metric, gpu: int, **attributes: str) -> Any:
    wanted = {"hw.id": uuid(gpu), **attributes}.items()
    (point,) = (p for p in _points(metric) if wanted <= dict(p.attributes).items())
    return point


def _labelled(key: str, *values: tuple[str, float], **others: str) -> list[tuple[float, dict[str, str]]]:
    return [(value, {key: name, **others}) for name, value in values]


EXPECTED: dict[str, tuple[str, dict[str, bool], list[tuple[float, dict[str, str]]]]] = {
    "hw.gpu.utilization": (
        "1",
        GAUGE,
        _labelled(
            "hw.gpu.task",
            *(("general", 0.83), ("encoder", 0.03), ("decoder", 0.23), ("jpeg", 0.43), ("optical_flow", 0.63)),
        ),
    ),
    "paddle.gpu.memory.controller.utilization": ("1", GAUGE, [(0.37, {})]),
    "paddle.gpu.pipe.utilization": (
        "1",
        GAUGE,
        _labelled(
            "paddle.gpu.pipe",
            *(("sm", 0.5), ("tensor", 0.25), ("dram", 0.125), ("fp64", 0.01), ("fp32", 0.02), ("fp16", 0.03)),
        ),
    ),
    "hw.gpu.memory.usage": ("By", SUM_OF_ALL, [(20 * GIB, {})]),
    "hw.gpu.memory.limit": ("By", SUM_OF_ALL, [(80 * GIB, {})]),
    "hw.gpu.memory.utilization": ("1", GAUGE, [(0.25, {})]),
    "hw.gpu.io": (
        "By",
        COUNTER,
        _labelled("network.io.direction", ("receive", 60_000_000_000), ("transmit", 50_000_000_000)),
    ),
    "paddle.gpu.nvlink.io": (
        "By",
        COUNTER,
        _labelled("network.io.direction", ("receive", 8_000_000 * 1024), ("transmit", 7_000_000 * 1024)),
    ),
    "paddle.gpu.nvlink.links": (
        "{link}",
        SUM_OF_ALL,
        _labelled("paddle.gpu.link.state", ("active", 14), ("inactive", 4)),
    ),
    "hw.power": ("W", GAUGE, [(412.345, GPU)]),
    "paddle.gpu.power.limit": ("W", GAUGE, [(700.0, {})]),
    "hw.energy": ("J", COUNTER, [(98765.432, GPU)]),
    "hw.temperature": ("Cel", GAUGE, _labelled("hw.sensor_location", ("gpu", 61.0), ("memory", 60.0))),
    "hw.temperature.limit": (
        "Cel",
        GAUGE,
        [
            (95.0, {"hw.sensor_location": "gpu", "hw.limit_type": "high.critical"}),
            (89.0, {"hw.sensor_location": "gpu", "hw.limit_type": "high.degraded"}),
            (105.0, {"hw.sensor_location": "memory", "hw.limit_type": "high.degraded"}),
        ],
    ),
    "paddle.gpu.clock.frequency": (
        "Hz",
        GAUGE,
        _labelled(
            "paddle.gpu.clock.domain",
            *(("graphics", 1_700_000_000), ("sm", 1_720_000_000)),
            *(("memory", 2_600_000_000), ("video", 1_500_000_000)),
        ),
    ),
    "paddle.gpu.clock.limit": (
        "Hz",
        GAUGE,
        _labelled(
            "paddle.gpu.clock.domain",
            *(("graphics", 1_980_000_000), ("sm", 1_980_000_000)),
            *(("memory", 2_619_000_000), ("video", 1_545_000_000)),
        ),
    ),
    "paddle.gpu.throttle.time": (
        "s",
        COUNTER,
        _labelled(
            "paddle.gpu.throttle.reason",
            *(("sw_power_cap", 1.0), ("sync_boost", 3.0), ("board_limit", 4.0), ("reliability", 6.0)),
            *(("sw_thermal", 7.0), ("hw_thermal", 8.0), ("hw_power_brake", 9.0)),
        ),
    ),
    "paddle.gpu.performance_state": ("1", GAUGE, [(0, {})]),
    "paddle.gpu.pcie.link.generation": ("1", GAUGE, [(5, {})]),
    "paddle.gpu.pcie.link.width": ("1", GAUGE, [(16, {})]),
    "hw.errors": (
        "{error}",
        COUNTER,
        _labelled("error.type", ("corrected", 110), ("uncorrected", 1), ("pcie_replay", 5), **GPU),
    ),
    "hw.status": (
        "1",
        SUM_OF_ALL,
        _labelled("hw.state", ("ok", 1), ("degraded", 0), ("predicted_failure", 0), ("failed", 0), **GPU),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_metric(reader: InMemoryMetricReader, name: str) -> None:
    """As the hardware conventions and our contract have it: every series of a GPU, and no other."""
    unit, shape, points = EXPECTED[name]
    assert eventually(lambda: name in _metrics(reader))
    metric = _metrics(reader)[name]
    assert metric.unit == unit
    assert metric.description
    assert isinstance(metric.data, Sum if shape["sum"] else Gauge)
    if isinstance(metric.data, Sum):
        assert metric.data.is_monotonic is shape["monotonic"]
    of_first = [p for p in _points(metric) if p.attributes["hw.id"] == uuid(0)]
    assert len(_points(metric)) == 2 * len(of_first)
    seen = {frozenset(dict(p.attributes).items() - IDENTITY.items()): p.value for p in of_first}
    assert len(seen) == len(of_first)
    assert seen == {frozenset(extra.items()): pytest.approx(value) for value, extra in points}
    assert all(IDENTITY.items() <= dict(point.attributes).items() for point in of_first)
    assert {type(point.value) for point in of_first} == {type(value) for value, _ in points}


def test_throttling_now(reader: InMemoryMetricReader) -> None:
    """One series per reason, 1 while clocks are held down for it; idleness and displays are no reasons."""
    assert eventually(lambda: "paddle.gpu.throttle.active" in _metrics(reader))
    points = _points(_metrics(reader)["paddle.gpu.throttle.active"])
    active = {
        str(point.attributes["paddle.gpu.throttle.reason"]): point.value
        for point in points
        if point.attributes["hw.id"] == uuid(0)
    }
    assert {reason for reason, value in active.items() if value == 1} == {"sw_power_cap"}
    known = {"application_clocks", "hw_slowdown", "sync_boost", "sw_thermal", "hw_thermal", "hw_power_brake"}
    assert known <= {reason for reason, value in active.items() if value == 0}


def test_fans_are_parts_of_the_gpu(reader: InMemoryMetricReader) -> None:
    """Each has an id of its own, and the GPU's as its parent."""
    assert eventually(lambda: "hw.fan.speed_ratio" in _metrics(reader))
    metric = _metrics(reader)["hw.fan.speed_ratio"]
    assert (metric.unit, type(metric.data)) == ("1", Gauge)
    speeds = {(str(p.attributes["hw.id"]), str(p.attributes["hw.parent"])): p.value for p in _points(metric)}
    assert speeds == {
        (f"{uuid(0)}/fan0", uuid(0)): 0.3,
        (f"{uuid(0)}/fan1", uuid(0)): 0.5,
        (f"{uuid(1)}/fan0", uuid(1)): 0.31,
        (f"{uuid(1)}/fan1", uuid(1)): 0.51,
    }


def test_what_this_process_uses(reader: InMemoryMetricReader) -> None:
    """Only of the GPU on which the driver lists it."""
    assert eventually(lambda: "process.gpu.memory.usage" in _metrics(reader))
    metrics = _metrics(reader)
    (memory,) = _points(metrics["process.gpu.memory.usage"])
    (share,) = _points(metrics["process.gpu.utilization"])
    assert dict(memory.attributes) == dict(share.attributes) == IDENTITY
    assert (memory.value, share.value) == (3 * GIB, 0.42)
    assert (metrics["process.gpu.memory.usage"].unit, metrics["process.gpu.utilization"].unit) == ("By", "1")


def test_every_metric_of_the_contract_and_no_other(reader: InMemoryMetricReader) -> None:
    """Those of the kind, all but the one that needs an error of the driver, and the sampler's own."""
    known = {observed.metric.name for observed in GPUS.metrics}
    assert known >= {metric.name for metric in gpu_conventions.ALL}
    assert known == {
        *EXPECTED,
        *("paddle.gpu.throttle.active", "hw.fan.speed_ratio", "paddle.gpu.xid.last_timestamp"),
        *("process.gpu.memory.usage", "process.gpu.utilization"),
    }
    assert eventually(lambda: "paddle.gpu.pipe.utilization" in _metrics(reader))
    shown = {name for name in _metrics(reader) if not name.startswith("paddle.sampler.")}
    assert shown == known - {"paddle.gpu.xid.last_timestamp"}


def test_value_that_is_not_known_has_no_point(reader: InMemoryMetricReader, fake_nvml: FakeDriver) -> None:
    """The other GPU has one, and the other metrics have both; nothing is 0."""
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", 3, device=1)

    def seen() -> bool:
        metric = _metrics(reader).get("hw.gpu.utilization")
        tasks = [p.attributes["hw.gpu.task"] for p in _points(metric)] if metric is not None else []
        return tasks.count("general") == 1 and tasks.count("encoder") == 2

    assert eventually(seen)
    assert _point(_metrics(reader)["hw.gpu.utilization"], 0, **{"hw.gpu.task": "general"}).value == 0.83
    assert len(_points(_metrics(reader)["hw.power"])) == 2


def test_values_follow_the_device(reader: InMemoryMetricReader, fake_nvml: FakeDriver) -> None:
    """A later collection shows what the device says then."""
    assert eventually(lambda: "hw.gpu.utilization" in _metrics(reader))
    fake_nvml.set(1, power_instant=99_000, energy=2_345_000)
    assert eventually(lambda: _point(_metrics(reader)["hw.power"], 1).value == 99.0)
    assert _point(_metrics(reader)["hw.energy"], 1).value == 2_345.0


def test_attributes_are_those_the_conventions_announce(reader: InMemoryMetricReader) -> None:
    """The reference page is made from the conventions, so no point may carry anything else."""
    assert eventually(lambda: "hw.gpu.utilization" in _metrics(reader))
    metrics = _metrics(reader)
    for observed in GPUS.metrics:
        for point in _points(metrics[observed.metric.name]) if observed.metric.name in metrics else ():
            assert set(point.attributes) <= set(observed.metric.attributes)


def test_devices_that_another_process_reports_are_left_out(fake_nvml: FakeDriver) -> None:
    """Each GPU and each MIG device is held under its own UUID."""
    mig_and_whole(fake_nvml)
    source = GPUS.source(Settings(gpus="all"))
    readings = source.read() or ()
    source.close()
    part = mig_uuid(0, 9, 0)
    asked: list[str] = []

    def holds(name: str) -> bool:
        asked.append(name)
        return name in (uuid(1), part)

    reported = GPUS.reported(readings, holds)
    assert [reading.identity.uuid for reading in reported or ()] == [part, uuid(1)]
    assert asked == [reading.identity.uuid for reading in readings]


def test_only_what_belongs_to_the_process_is_reported_by_every_process() -> None:
    """Everything else by the one that holds the device."""
    of_process = {observed.metric.name for observed in GPUS.metrics if observed.of_process}
    assert of_process == {"process.gpu.memory.usage", "process.gpu.utilization"}


def test_labels_are_made_once() -> None:
    """Every collection wants the same again; others are not changed by them."""
    identity = GpuIdentity("GPU-1", None, None)
    assert identity.labels(("a", 1)) == {"hw.id": "GPU-1", "hw.vendor": "NVIDIA", "a": 1}
    assert identity.labels(("a", 1)) is identity.labels(("a", 1))
    assert identity.labels(("hw.id", "other"))["hw.id"] == "other"
    assert identity.labels() == identity.attributes == {"hw.id": "GPU-1", "hw.vendor": "NVIDIA"}
