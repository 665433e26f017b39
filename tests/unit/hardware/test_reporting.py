"""Switching the reporting on and off, on one meter provider or another, and drivers that hang during an export."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.metrics import Meter, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider

from fake_nvml.driver import HANG, FakeDriver
from fake_nvml.sink import Sink
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel.conventions import hardware as hw
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware import reporting as reporting_module
from paddle_otel.hardware.kind import DeviceKind, ObservedMetric
from paddle_otel.hardware.nvml import KIND as GPUS
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.instruments import ObservableCallback, observable
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings
from recording import Recorder
from scripted_kinds import Reading, ScriptedDevices, kind_of

pytestmark = pytest.mark.usefixtures("fake_nvml")


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A meter provider."""
    sink = Sink()
    yield sink
    sink.provider.shutdown()


@pytest.fixture
def other_sink() -> Iterator[Sink]:
    """Another one."""
    sink = Sink()
    yield sink
    sink.provider.shutdown()


@pytest.fixture
def reporting() -> Iterator[HardwareReporting]:
    """The reporting of the GPUs, not started."""
    reporting = _reporting(GPUS)
    yield reporting
    reporting.stop()


def _reporting(kind: DeviceKind[Any]) -> HardwareReporting:
    return HardwareReporting(Sampler(lambda: [kind.source(Settings())], stale_after=0.5), [kind])


def test_starting_twice_reports_once(
    reporting: HardwareReporting, sink: Sink, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """One thread, each series once, and no instrument is created a second time."""
    reporting.start(recorder.meter_provider, interval=0.02)
    reporting.start(recorder.meter_provider, interval=0.02)
    assert eventually(lambda: "hw.power" in recorder.metrics())
    for name in recorder.metrics():
        series = [tuple(sorted(point.attributes.items())) for point in recorder.points(name)]
        assert len(series) == len(set(series)), name
    assert len(sampler_threads()) == 1
    assert sink.names() == []
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def test_stopping_ends_the_series_and_the_thread(
    reporting: HardwareReporting, sink: Sink, fake_nvml: FakeDriver
) -> None:
    """And shuts the driver down; stopping twice is the same."""
    reporting.start(sink.provider, interval=0.02)
    assert eventually(sink.names)
    reporting.stop()
    reporting.stop()
    assert sink.names() == []
    assert sampler_threads() == []
    assert fake_nvml.references == 0


def test_it_comes_back_on_the_same_provider(
    reporting: HardwareReporting, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each instrument is created once: callbacks cannot be removed, and a second creation drops its own silently."""
    created: list[str] = []

    def noting(meter: Meter, metric: Metric, callback: ObservableCallback) -> None:
        created.append(metric.name)
        observable(meter, metric, callback)

    monkeypatch.setattr("paddle_otel.hardware.outlet.observable", noting)
    for _ in range(3):
        reporting.start(sink.provider, interval=0.02)
        assert eventually(lambda: "hw.power" in sink.names())
        reporting.stop()
        assert sink.names() == []
    of_sampler = {"paddle.sampler.errors", "paddle.sampler.last_success"}
    assert sorted(created) == sorted({observed.metric.name for observed in GPUS.metrics} | of_sampler)


def test_a_provider_that_becomes_the_global_one(
    reporting: HardwareReporting, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its instruments: a second set of them would be silent."""
    reporting.start(sink.provider, interval=0.02)
    assert eventually(lambda: "hw.power" in sink.names())
    reporting.stop()
    monkeypatch.setattr(reporting_module, "get_meter_provider", lambda: sink.provider)
    for provider in (None, sink.provider):
        reporting.start(provider, interval=0.02)
        assert eventually(lambda: "hw.power" in sink.names())
        reporting.stop()


def test_another_provider_takes_over(reporting: HardwareReporting, sink: Sink, other_sink: Sink) -> None:
    """No device is reported twice."""
    reporting.start(sink.provider, interval=0.02)
    assert eventually(sink.names)
    reporting.start(other_sink.provider, interval=0.02)
    assert eventually(other_sink.names)
    assert sink.names() == []
    reporting.start(sink.provider, interval=0.02)
    assert eventually(sink.names)
    assert other_sink.names() == []


def test_nothing_runs_where_nobody_looks(reporting: HardwareReporting, fake_nvml: FakeDriver) -> None:
    """With the SDK disabled there is no thread and no driver call."""
    reporting.start(NoOpMeterProvider(), interval=0.02)
    assert sampler_threads() == []
    assert fake_nvml.calls("nvmlInitWithFlags") == 0


def test_nothing_runs_with_the_sdk_disabled_by_its_variable(
    reporting: HardwareReporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OTEL_SDK_DISABLED`` gives a provider whose meters do nothing."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    provider = MeterProvider(shutdown_on_exit=False)
    reporting.start(provider, interval=0.02)
    assert sampler_threads() == []
    provider.shutdown()


def test_export_goes_on_while_the_driver_hangs(reporting: HardwareReporting, sink: Sink, fake_nvml: FakeDriver) -> None:
    """A collection takes no time, other metrics arrive, the GPUs' go stale and come back."""
    requests = sink.provider.get_meter("application").create_counter("requests")
    reporting.start(sink.provider, interval=0.02)
    assert eventually(lambda: "hw.power" in sink.names())
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", HANG)
    assert eventually(lambda: fake_nvml.hanging == 1)
    requests.add(1)
    slowest = 0.0
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        before = time.monotonic()
        assert "requests" in sink.names()
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.02)
    assert sink.names() == ["requests"]
    assert slowest < 0.25
    fake_nvml.heal()
    assert eventually(lambda: "hw.power" in sink.names())


def test_one_broken_metric_costs_no_other(sink: Sink, telemetry_trouble: Any) -> None:
    """A bug in one metric is logged once and leaves the others alone."""
    telemetry_trouble.expected = True

    def broken(_: object) -> Any:
        raise ZeroDivisionError

    temperature = [observed for observed in GPUS.metrics if observed.metric is hw.TEMPERATURE]
    reporting = _reporting(DeviceKind(GPUS.name, GPUS.source, (ObservedMetric(hw.POWER, broken), *temperature)))
    reporting.start(sink.provider, interval=0.02)
    try:
        assert eventually(sink.names)
        assert set(sink.names()) == {"hw.temperature"}
    finally:
        reporting.stop()


def test_a_kind_whose_source_cannot_be_made_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """It is logged once, and the others are read."""
    telemetry_trouble.expected = True

    def broken(_: Settings) -> Any:
        raise ZeroDivisionError

    healthy = ScriptedDevices("healthy")
    kinds = [DeviceKind("broken", broken, ()), kind_of(healthy)]
    monkeypatch.setattr(reporting_module, "_kinds", kinds)
    assert reporting_module._open_sources() == [healthy]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the subject
    assert telemetry_trouble.sites == ["setting up broken: ZeroDivisionError()"]


def test_an_added_kind_is_there_from_the_next_start_on(sink: Sink) -> None:
    """On the same provider, beside those that were there."""
    first, second = ScriptedDevices("first"), ScriptedDevices("second")
    second.now = (Reading("c", 30.0),)
    kinds = [kind_of(first)]
    devices = [first]
    reporting = HardwareReporting(Sampler(lambda: devices), kinds)
    reporting.start(sink.provider, interval=0.02)
    assert eventually(lambda: sink.names() == ["hw.energy"] * 2)
    reporting.stop()
    kinds.append(kind_of(second))
    devices.append(second)
    reporting.start(sink.provider, interval=0.02)
    assert eventually(lambda: sink.names() == ["hw.energy"] * 3)
    reporting.stop()
