"""The four kinds through the SDK: names, units, instruments and attributes as the conventions have them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Gauge, InMemoryMetricReader, Metric, Sum

from fake_machine import GIB, FakeMachine
from fake_nvml.sources import eventually
from paddle_otel.conventions import host as names
from paddle_otel.hardware import container, host, pressure, process
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.container.source import ContainerSource
from paddle_otel.hardware.host.source import HostSource
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.hardware.pressure.source import PressureSource
from paddle_otel.hardware.process.source import ProcessSource
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler

FOUR: tuple[DeviceKind[Any], ...] = (host.KIND, container.KIND, pressure.KIND, process.KIND)

Start = Callable[[Claims | None], InMemoryMetricReader]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts reporting a machine that has a limited container."""
    machine = FakeMachine(tmp_path)
    files = {
        "memory_max": str(GIB),
        "memory_current": "5",
        "memory_stat": "inactive_file 1",
        "cpu_max": "150000 100000",
    }
    stat = "user_usec 4500000\nsystem_usec 2500000\nthrottled_usec 1250000"
    average = "some avg10=7.00 total=1\nfull avg10=3.50 total=0"
    machine.cgroup("", **files, cpu_stat=stat, cpu_pressure=average, memory_pressure=average, io_pressure=average)
    root = machine.root
    started: list[HardwareReporting] = []

    def reader(claims: Claims | None = None) -> InMemoryMetricReader:
        reader = InMemoryMetricReader()
        sampler = Sampler(lambda: [HostSource(), ContainerSource(root), PressureSource(root), ProcessSource(root)])
        reporting = HardwareReporting(sampler, FOUR, claims)
        reporting.start(MeterProvider([reader], shutdown_on_exit=False), interval=0.02)
        started.append(reporting)
        return reader

    yield reader
    for reporting in started:
        reporting.stop()


def _metrics(reader: InMemoryMetricReader) -> dict[str, Metric]:
    data = reader.get_metrics_data()
    found = (
        [metric for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]
        if data
        else []
    )
    return {metric.name: metric for metric in found if not metric.name.startswith("paddle.sampler.")}


def test_every_metric_of_the_conventions(start: Start) -> None:
    """With its unit, its instrument, and attributes that the conventions announce; shares at the second collection."""
    reader = start(None)
    assert eventually(
        lambda: "system.cpu.utilization" in _metrics(reader) and "process.cpu.utilization" in _metrics(reader)
    )
    metrics = _metrics(reader)
    no_swap = {"system.paging.utilization"} if Path("/proc/swaps").read_text().count("\n") < 2 else set[str]()
    assert set(metrics) == {metric.name for metric in names.ALL} - no_swap
    for metric in names.ALL:
        exported = metrics.get(metric.name)
        if exported is None:
            continue
        assert exported.unit == metric.unit
        assert exported.description == metric.description
        assert isinstance(exported.data, Gauge if metric.kind == "observable_gauge" else Sum)
        if isinstance(exported.data, Sum):
            assert exported.data.is_monotonic is (metric.kind == "observable_counter")
        for point in exported.data.data_points:
            assert set(point.attributes or {}) == set(metric.attributes)


def test_what_another_process_reports_is_not_reported(start: Start) -> None:
    """But this process is, with its shares of CPU time."""

    class NoClaims(Claims):
        def claim(self, name: str) -> bool:
            assert name.startswith(("host", "cgroup-"))
            return False

    reader = start(NoClaims())
    assert eventually(lambda: "process.cpu.utilization" in _metrics(reader))
    assert {name.split(".")[0] for name in _metrics(reader)} == {"process"}
    assert len(_metrics(reader)) == 5


def test_all_four_are_sampled() -> None:
    """By default, beside the others."""
    assert [kind.name for kind in FOUR] == ["host", "container", "pressure", "process"]
    assert all(kind in KINDS for kind in FOUR)
