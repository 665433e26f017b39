"""Any error of any call, on one of eight devices, at any moment: it costs what it concerns and nothing else."""

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from fake_nvml.driver import FakeDriver, uuid
from fake_nvml.sources import Clock
from gpu_readings import read_by_uuid
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource

BROKEN = 1
DEVICES = 3  # what holds for eight holds for three, and there are thousands of combinations
CODES = (*range(1, 31), 999)
SECONDS = 45
ABOUT_THE_DRIVER = {"nvmlInitWithFlags", "nvmlShutdown", "nvmlDeviceGetCount_v2", "nvmlErrorString"}
FIELDS = ("field:5", "field:74", "field:82", "field:83", "field:91", "field:138", "field:144", "field:186", "field:194")
METRICS = ("gpm:2", "gpm:13")


@pytest.fixture
def functions(fake_nvml: FakeDriver, fake_nvml_library: Path) -> list[str]:
    """Every function of the driver that is called while all is well."""
    listing = subprocess.run(["nm", "-D", "--defined-only", str(fake_nvml_library)], capture_output=True, check=True)
    exported = set(re.findall(r" T (nvml\w+)", listing.stdout.decode())) - ABOUT_THE_DRIVER
    clock = Clock()
    source = NvmlSource(clock)
    for _ in range(2):
        read_by_uuid(source)
        clock.now += 1.0
    source.close()
    called = sorted(name for name in exported if fake_nvml.calls(name))
    assert len(called) > 35
    return [*called, *FIELDS, *METRICS]


def _steady(readings: dict[str, GpuReading]) -> dict[str, GpuReading]:
    return {name: dataclasses.replace(one, ordinal=None) for name, one in readings.items() if name != uuid(BROKEN)}


@pytest.mark.parametrize("code", CODES)
def test_error_on_one_device(fake_nvml: FakeDriver, functions: list[str], code: int) -> None:
    """From the first reading on."""
    for broken in functions:
        fake_nvml.reset(DEVICES)
        clock = Clock()
        source = NvmlSource(clock)
        fake_nvml.inject(broken, code, device=BROKEN)
        for _ in range(2):
            readings = _steady(read_by_uuid(source))
            assert set(readings) == {uuid(0), uuid(2)}, broken
            assert all(one.status == "ok" and one.utilization for one in readings.values()), broken
            clock.now += 31.0
        _close(fake_nvml, source, broken)


@pytest.mark.parametrize("code", CODES)
def test_error_on_one_device_later_and_for_a_while(fake_nvml: FakeDriver, functions: list[str], code: int) -> None:
    """The other devices do not change at all, and when it is over the device is whole, or lacks that one value."""
    for broken in functions:
        fake_nvml.reset(DEVICES)
        clock = Clock()
        source = NvmlSource(clock)
        read_by_uuid(source)
        clock.now += 1.0
        before = _steady(read_by_uuid(source))
        fake_nvml.inject(broken, code, device=BROKEN)
        for _ in range(2):
            clock.now += 31.0
            assert _steady(read_by_uuid(source)) == before, broken
        fake_nvml.heal()
        clock.now += 60.0
        after = read_by_uuid(source)
        assert set(after) == {uuid(index) for index in range(DEVICES)}, broken
        assert not after[uuid(BROKEN)].lost, broken
        _close(fake_nvml, source, broken)


def _close(driver: FakeDriver, source: NvmlSource, broken: str) -> None:
    assert driver.calls("nvmlInitWithFlags") == 1, broken
    driver.heal()
    source.close()
    assert (driver.references, driver.event_sets, driver.gpm_samples) == (0, 0, 0), broken


def test_everything_fails_on_one_device(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Every code in turn; the other seven are there each second, and in the end so is the eighth."""
    fake_nvml.reset(8)
    read_by_uuid(source)
    for code in CODES:
        fake_nvml.set(BROKEN, lost=code)
        for _ in range(3):
            clock.now += 1.0
            assert {name for name in read_by_uuid(source) if name != uuid(BROKEN)} == {
                uuid(index) for index in range(8) if index != BROKEN
            }
    fake_nvml.set(BROKEN, lost=0)
    clock.now += 60.0
    assert len(read_by_uuid(source)) == 8
    assert fake_nvml.calls("nvmlInitWithFlags") == 1


def test_sixteen_devices(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Each with its own values."""
    fake_nvml.reset(16)
    for _ in range(SECONDS):
        readings = read_by_uuid(source)
        assert [readings[uuid(index)].utilization for index in range(16)] == [(50 + index) / 100 for index in range(16)]
        assert [readings[uuid(index)].state.clocks["sm"] for index in range(16)] == [
            (1720 + index) * 1_000_000 for index in range(16)
        ]
        clock.now += 1.0
