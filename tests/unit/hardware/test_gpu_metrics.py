"""The metrics that the readings of GPUs become: names, types, units, values and attributes."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Gauge, InMemoryMetricReader, Metric, Sum

from fake_nvml.driver import DRIVER_VERSION, GIB, NAME, FakeDriver, uuid
from fake_nvml.sources import eventually
from paddle_otel.hardware.nvml import KIND as GPUS
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION

SUM_OF_ALL = {"sum": True, "monotonic": False}
COUNTER = {"sum": True, "monotonic": True}
GAUGE = {"sum": False}


@pytest.fixture
def reader(fake_nvml: FakeDriver) -> Iterator[InMemoryMetricReader]:
    """A reader of the metrics of two GPUs."""
    fake_nvml.reset(2)
    fake_nvml.set(0, utilization=83, used=20 * GIB, total=80 * GIB)
    fake_nvml.set(0, power_instant=412_345, energy=98_765_432, temperature=61)
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


def _point(metric: Metric, gpu: int) -> Any:
    (point,) = (p for p in metric.data.data_points if (p.attributes or {})["hw.id"] == uuid(gpu))
    return point


@pytest.mark.parametrize(
    ("name", "unit", "shape", "value", "attributes"),
    [
        ("hw.gpu.utilization", "1", GAUGE, 0.83, {"hw.gpu.task": "general"}),
        ("hw.gpu.memory.usage", "By", SUM_OF_ALL, 20 * GIB, {}),
        ("hw.gpu.memory.limit", "By", SUM_OF_ALL, 80 * GIB, {}),
        ("hw.gpu.memory.utilization", "1", GAUGE, 0.25, {}),
        ("hw.power", "W", GAUGE, 412.345, {"hw.type": "gpu"}),
        ("hw.energy", "J", COUNTER, 98765.432, {"hw.type": "gpu"}),
        ("hw.temperature", "Cel", GAUGE, 61.0, {"hw.sensor_location": "gpu"}),
    ],
)
def test_metric(
    reader: InMemoryMetricReader,
    name: str,
    unit: str,
    shape: dict[str, bool],
    value: float,
    attributes: dict[str, str],
) -> None:
    """As the hardware conventions and our contract have it, one series per GPU."""
    assert eventually(lambda: "hw.gpu.utilization" in _metrics(reader))
    metric = _metrics(reader)[name]
    assert metric.unit == unit
    assert metric.description
    assert isinstance(metric.data, Sum if shape["sum"] else Gauge)
    if isinstance(metric.data, Sum):
        assert metric.data.is_monotonic is shape["monotonic"]
    assert len(metric.data.data_points) == 2
    point = _point(metric, 0)
    assert point.value == pytest.approx(value)
    assert type(point.value) is type(value)
    assert dict(point.attributes) == {
        "hw.id": uuid(0),
        "hw.name": NAME,
        "hw.model": NAME,
        "hw.vendor": "NVIDIA",
        "hw.driver_version": DRIVER_VERSION,
        **attributes,
    }


def test_no_other_metric(reader: InMemoryMetricReader) -> None:
    """Those of the kind, and the sampler's own."""
    assert eventually(lambda: "hw.gpu.utilization" in _metrics(reader))
    known = {observed.metric.name for observed in GPUS.metrics}
    assert {name for name in _metrics(reader) if not name.startswith("paddle.sampler.")} == known


def test_value_that_is_not_known_has_no_point(reader: InMemoryMetricReader, fake_nvml: FakeDriver) -> None:
    """The other GPU has one, and the other metrics have both; nothing is 0."""
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", 3, device=1)

    def seen() -> bool:
        metric = _metrics(reader).get("hw.gpu.utilization")
        return metric is not None and len(metric.data.data_points) == 1

    assert eventually(seen)
    assert _point(_metrics(reader)["hw.gpu.utilization"], 0).value == 0.83
    assert len(_metrics(reader)["hw.power"].data.data_points) == 2


def test_values_follow_the_device(reader: InMemoryMetricReader, fake_nvml: FakeDriver) -> None:
    """A later collection shows what the device says then."""
    assert eventually(lambda: "hw.gpu.utilization" in _metrics(reader))
    fake_nvml.set(1, power_instant=99_000, energy=123_456_000)
    assert eventually(lambda: _point(_metrics(reader)["hw.power"], 1).value == 99.0)
    assert _point(_metrics(reader)["hw.energy"], 1).value == 123_456.0


def test_attributes_are_those_the_conventions_announce(reader: InMemoryMetricReader) -> None:
    """The reference page is made from the conventions, so no point may carry anything else."""
    assert eventually(lambda: "hw.gpu.utilization" in _metrics(reader))
    metrics = _metrics(reader)
    for observed in GPUS.metrics:
        for point in metrics[observed.metric.name].data.data_points:
            assert set(point.attributes or {}) <= set(observed.metric.attributes)
