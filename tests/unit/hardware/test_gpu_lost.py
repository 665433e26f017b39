"""Devices that are lost or closed to this process, one of several."""

import dataclasses
import logging

import pytest

from fake_nvml.driver import FakeDriver, uuid
from fake_nvml.scenarios import bring_back, lose
from fake_nvml.sources import Clock
from gpu_readings import read, read_by_uuid, read_one
from paddle_otel.hardware.kind import Window
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource

NO_PERMISSION = 4
GPU_IS_LOST = 15
RESET_REQUIRED = 16
GPU_NOT_FOUND = 28
UNKNOWN = 999


def _uuids(source: NvmlSource) -> list[str]:
    """The GPUs that give values."""
    return [reading.identity.uuid for reading in read(source) if not reading.lost]


@pytest.mark.parametrize(
    "rule",
    [
        ("nvmlDeviceGetUtilizationRates", GPU_IS_LOST),
        ("nvmlDeviceGetMemoryInfo_v2", GPU_IS_LOST),
        ("nvmlDeviceGetMemoryInfo_v2", RESET_REQUIRED),
        ("nvmlDeviceGetFieldValues", RESET_REQUIRED),
        ("field:186", GPU_IS_LOST),
        ("nvmlGpmSampleGet", GPU_NOT_FOUND),
    ],
)
def test_one_lost_device_of_eight(
    fake_nvml: FakeDriver,
    source: NvmlSource,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    rule: tuple[str, int],
) -> None:
    """It has no values at all, the other seven have theirs; it is asked seldom, and is back when it answers."""
    fake_nvml.reset(8)
    others = [uuid(index) for index in range(8) if index != 3]
    assert _uuids(source) == [uuid(index) for index in range(8)]
    function, code = rule
    fake_nvml.inject(function, code, device=3)
    asked = fake_nvml.calls(function, device=3)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        for _ in range(300):
            clock.now += 1.0
            assert _uuids(source) == others
        assert 5 <= fake_nvml.calls(function, device=3) - asked <= 12
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert uuid(3) in caplog.text
        fake_nvml.heal()
        clock.now += 60.0
        assert [one.identity.uuid for one in read(source)] == [uuid(index) for index in range(8)]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert fake_nvml.calls("nvmlInitWithFlags") == 1


@pytest.mark.parametrize("code", [GPU_IS_LOST, RESET_REQUIRED, GPU_NOT_FOUND])
def test_lost_device_has_failed_and_nothing_else_is_said_of_it(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, code: int
) -> None:
    """Its status, under the name it had, is all there is; the other GPU has every metric."""
    fake_nvml.reset(2)
    healthy = read(source)
    fake_nvml.set(1, lost=code)
    first, lost = read(source)
    for _ in range(100):
        clock.now += 1.0
        first, lost = read(source)
        assert lost == GpuReading(healthy[1].identity, lost=True)
        assert (first.status, lost.status) == ("ok", "failed")
    window = Window((lost,), None, 0.0, lambda: ((lost,),))
    points = {one.metric.name: list(one.points(window)) for one in KIND.metrics}
    assert {name for name, found in points.items() if found} == {"hw.status"}
    assert {str(labels["hw.state"]): value for value, labels in points["hw.status"]} == {
        "ok": 0,
        "degraded": 0,
        "predicted_failure": 0,
        "failed": 1,
    }
    assert {labels["hw.id"] for _, labels in points["hw.status"]} == {uuid(1)}


def test_a_loss_and_a_return_are_one_line_each(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is asked in between, and by its name, not by a number."""
    fake_nvml.reset(2)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        read(source)
        lose(fake_nvml, 1)
        for _ in range(120):
            clock.now += 1.0
            read(source)
        bring_back(fake_nvml, 1)
        for _ in range(120):
            clock.now += 1.0
            read(source)
    said = [(record.levelname, uuid(1) in record.getMessage()) for record in caplog.records]
    assert said == [("WARNING", True), ("INFO", True)]


def test_only_device_is_lost_until_it_is_back(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Also through the initialisations that are tried because nothing is heard."""
    assert _uuids(source) == [uuid(0)]
    fake_nvml.set(0, lost=GPU_IS_LOST)
    for _ in range(400):
        clock.now += 1.0
        assert (read_one(source).identity.uuid, read_one(source).status) == (uuid(0), "failed")
    assert fake_nvml.calls("nvmlInitWithFlags") > 1
    assert fake_nvml.references <= 1
    fake_nvml.inject("nvmlDeviceGetCount_v2", UNKNOWN)
    for _ in range(400):
        clock.now += 1.0
        assert read_one(source).status == "failed"
    fake_nvml.heal()
    fake_nvml.set(0, lost=0)
    clock.now += 300.0
    source.read()
    clock.now += 60.0
    assert read_one(source).status == "ok"
    assert fake_nvml.references == 1


def test_device_that_never_said_who_it_is_has_no_status(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """There is nothing to report it under."""
    fake_nvml.reset(2)
    fake_nvml.set(1, lost=GPU_IS_LOST)
    assert [one.identity.uuid for one in read(source)] == [uuid(0)]


def test_device_that_only_fails_has_not_failed(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Unknown errors of everything (a container that lost its devices) say nothing about the GPU's state."""
    fake_nvml.reset(2)
    assert len(read(source)) == 2
    fake_nvml.set(1, lost=UNKNOWN)
    clock.now += 1.0
    assert [(one.identity.uuid, one.status) for one in read(source)] == [(uuid(0), "ok")]


def test_device_that_says_nothing(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked less and less, which is said once; its errors are told all the same."""
    fake_nvml.reset(2)
    read(source)
    for function in ("nvmlDeviceGetFieldValues", "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo_v2"):
        fake_nvml.inject(function, UNKNOWN, device=1)
    for function in ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"):
        fake_nvml.inject(function, UNKNOWN, device=1)
    fake_nvml.xid(1, 13)
    clock.now += 1.0
    assert [(one.identity.uuid, len(one.xids)) for one in read(source)] == [(uuid(0), 0), (uuid(1), 1)]
    identified = fake_nvml.calls("nvmlDeviceGetUUID", device=1)
    for _ in range(300):
        clock.now += 1.0
        assert _uuids(source) == [uuid(0)]
    assert 5 <= fake_nvml.calls("nvmlDeviceGetUUID", device=1) - identified <= 12
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no value could be read" in caplog.text


def test_lost_device_is_not_waited_for(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Waiting for its errors may fail for all devices; the others are heard, and so is it when it is back."""
    fake_nvml.reset(2)
    read(source)
    lose(fake_nvml, 1)
    clock.now += 1.0
    read(source)
    assert (fake_nvml.xid(0, 13), fake_nvml.xid(1, 13)) == (1, 0)
    bring_back(fake_nvml, 1)
    clock.now += 60.0
    read(source)
    assert (fake_nvml.xid(0, 13), fake_nvml.xid(1, 13)) == (1, 1)


def test_counters_go_on_when_a_device_was_reset(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Its own counters begin anew; what it counts from then on is added to what was before."""
    fake_nvml.reset(2)
    before = read(source)[1]
    lose(fake_nvml, 1)
    clock.now += 1.0
    assert read(source)[1].lost
    bring_back(fake_nvml, 1)
    fake_nvml.add(1, energy=7_000, pcie_tx_bytes=11, pcie_rx_bytes=13, nvlink_tx=17, nvlink_rx=19, pcie_replay=3)
    fake_nvml.add(1, throttled_power=500_000_000)
    clock.now += 60.0
    after = read(source)[1]
    assert not after.lost
    assert before.energy is not None
    assert after.energy == before.energy + 7.0
    assert dataclasses.astuple(after.state.pcie) == (60_001_000_013, 50_001_000_011)
    assert dataclasses.astuple(after.nvlink) == ((8_001_000 + 19) * 1024, (7_001_000 + 17) * 1024)
    assert after.health.errors["pcie_replay"] == before.health.errors["pcie_replay"] + 3
    assert after.throttle_time["sw_power_cap"] == before.throttle_time["sw_power_cap"] + 0.5


def test_device_that_is_replaced_while_lost(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes back is identified anew: nothing is reported under the name of another device, which stays lost."""
    caplog.set_level(logging.DEBUG, "paddle_otel")
    other = "GPU-11111111-1111-4111-8111-111111111111"
    assert _uuids(source) == [uuid(0)]
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", GPU_IS_LOST, times=1)
    assert _uuids(source) == []
    fake_nvml.set_text(0, uuid=other)
    fake_nvml.set(0, energy=5_000)
    clock.now += 1.0
    assert _uuids(source) == [other]
    readings = read_by_uuid(source)
    assert readings[other].energy == 5.0  # not in addition to what the other one used
    assert {name: one.status for name, one in readings.items()} == {other: "ok", uuid(0): "failed"}
    assert "gives values again" not in caplog.text


def test_driver_that_is_reloaded_with_the_lost_device(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """It is still listed but does not say who it is: the others keep their CUDA ordinals."""
    fake_nvml.reset(3)
    before = {name: one.ordinal for name, one in read_by_uuid(source).items()}
    assert before == {uuid(0): 0, uuid(1): 1, uuid(2): 2}
    fake_nvml.set(0, lost=GPU_IS_LOST)
    clock.now += 1.0
    read(source)
    fake_nvml.reload()
    read(source)
    clock.now += 60.0
    after = {name: one.ordinal for name, one in read_by_uuid(source).items()}
    assert after == {uuid(0): None, uuid(1): 1, uuid(2): 2}


def test_driver_that_is_reloaded_without_the_lost_device(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It has failed until it is heard again, and no other one that is listed in its place is said to be back."""
    caplog.set_level(logging.DEBUG, "paddle_otel")
    fake_nvml.reset(4)
    assert len(read(source)) == 4
    fake_nvml.set(1, lost=GPU_IS_LOST)
    clock.now += 1.0
    states = dict.fromkeys(map(uuid, range(4)), "ok") | {uuid(1): "failed"}
    assert {name: one.status for name, one in read_by_uuid(source).items()} == states
    fake_nvml.list_devices(0, 2, 3)
    fake_nvml.reload()
    assert [(one.identity.uuid, one.status) for one in read(source)] == [(uuid(1), "failed")]
    for _ in range(100):
        clock.now += 1.0
        assert {name: one.status for name, one in read_by_uuid(source).items()} == states
    assert "gives values again" not in caplog.text
    fake_nvml.set(1, lost=0)
    fake_nvml.list_devices(0, 1, 2, 3)
    fake_nvml.reload()
    assert [(one.identity.uuid, one.status) for one in read(source)] == [(uuid(1), "failed")]
    clock.now += 60.0
    assert {name: one.status for name, one in read_by_uuid(source).items()} == states | {uuid(1): "ok"}
    assert f"GPU {uuid(1)} gives values again" in caplog.text


@pytest.mark.parametrize("function", ["nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetUUID"])
def test_device_without_permission_hides_no_other(fake_nvml: FakeDriver, source: NvmlSource, function: str) -> None:
    """The driver counts devices that this process may not open."""
    fake_nvml.reset(3)
    fake_nvml.inject(function, NO_PERMISSION, device=1)
    assert _uuids(source) == [uuid(0), uuid(2)]
