"""Why clocks are held down, and for how long."""

import pytest

from fake_nvml.driver import DRIVER_VERSION, FakeDriver
from fake_nvml.sources import Clock
from gpu_readings import read_one
from paddle_otel.hardware.monotonic import Counters
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.hardware.nvml.throttling import ThrottleTime, time_fields

NOT_SUPPORTED = 3
UNKNOWN = 999
ALL_REASONS = {
    "application_clocks": 0x2,
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal": 0x20,
    "hw_thermal": 0x40,
    "hw_power_brake": 0x80,
}
SECONDS = {
    "sw_power_cap": 1.0,
    "sync_boost": 3.0,
    "board_limit": 4.0,
    "reliability": 6.0,
    "sw_thermal": 7.0,
    "hw_thermal": 8.0,
    "hw_power_brake": 9.0,
}


@pytest.mark.parametrize(("reason", "bit"), ALL_REASONS.items())
def test_reason(fake_nvml: FakeDriver, source: NvmlSource, reason: str, bit: int) -> None:
    """One bit, one reason."""
    fake_nvml.set(0, event_reasons=bit)
    active = read_one(source).throttle_active
    assert {name for name, value in active.items() if value == 1} == {reason}
    assert set(active.values()) <= {0, 1}
    assert set(active) >= set(ALL_REASONS)


@pytest.mark.parametrize("mask", [0, 0x1, 0x100, 0x101])
def test_idleness_and_displays_hold_nothing_down(fake_nvml: FakeDriver, source: NvmlSource, mask: int) -> None:
    """Their bits are no reasons."""
    fake_nvml.set(0, event_reasons=mask)
    assert set(read_one(source).throttle_active.values()) == {0}


def test_reasons_follow_the_device(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """At every reading; several at a time; absent when the device does not say."""
    for mask in (0x0, 0x24, 0x0, 0xC0):
        fake_nvml.set(0, event_reasons=mask)
        active = read_one(source).throttle_active
        assert sum(ALL_REASONS[name] for name, value in active.items() if value) == mask
    fake_nvml.inject("nvmlDeviceGetCurrentClocksEventReasons", UNKNOWN)
    assert read_one(source).throttle_active == {}
    fake_nvml.heal()
    clock.now += 60.0
    assert read_one(source).throttle_active["hw_thermal"] == 1


def test_older_name_of_the_call(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Drivers before 535."""
    fake_nvml.inject("nvmlDeviceGetCurrentClocksEventReasons", NOT_SUPPORTED)
    fake_nvml.set(0, event_reasons=0x40)
    assert read_one(source).throttle_active["hw_thermal"] == 1


@pytest.mark.parametrize("version", [DRIVER_VERSION, "580.82.07", "581.1", "610.57", "570.86.15", "580.65.06"])
def test_time(fake_nvml: FakeDriver, source: NvmlSource, version: str) -> None:
    """In seconds, from the fields that the driver has under its numbers."""
    fake_nvml.set_driver_version(version)
    assert read_one(source).throttle_time == SECONDS


@pytest.mark.parametrize("version", ["", "unknown", "580", "5x.82", None])
def test_time_of_a_driver_of_unknown_version(version: str | None) -> None:
    """Numbers that may mean something else are not asked for."""
    assert time_fields(version) == {
        74: "sw_power_cap",
        75: "thermal",
        76: "sync_boost",
        77: "board_limit",
        79: "reliability",
    }


@pytest.mark.usefixtures("fake_nvml")
def test_time_of_low_utilization_is_none(source: NvmlSource) -> None:
    """Clocks that are low because there is little to do are not held down."""
    assert 5.0 not in read_one(source).throttle_time.values()
    assert 78 not in time_fields(DRIVER_VERSION)


def test_thermal_time_is_not_told_twice(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """The sum is shown only by drivers that do not know the parts."""
    fake_nvml.inject("field:269", NOT_SUPPORTED)
    fake_nvml.inject("field:270", NOT_SUPPORTED)
    seconds = read_one(source).throttle_time
    assert seconds == {
        **{name: value for name, value in SECONDS.items() if name not in ("sw_thermal", "hw_thermal")},
        "thermal": 2.0,
    }


def test_time_grows(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Of the reason that is at work, and of no other; what does not change is the same object in each reading."""
    first = read_one(source).throttle_time
    clock.now += 1.0
    assert read_one(source).throttle_time is first
    fake_nvml.add(0, throttled_sw_thermal=250_000_000)
    clock.now += 1.0
    assert read_one(source).throttle_time == {**SECONDS, "sw_thermal": 7.25}
    assert first == SECONDS


def test_thermal_time_is_not_shown_for_a_moment(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """When the parts fail once; the sum would be a series that comes and goes."""
    read_one(source)
    fake_nvml.inject("field:269", UNKNOWN)
    fake_nvml.inject("field:270", UNKNOWN)
    clock.now += 1.0
    assert set(read_one(source).throttle_time) == set(SECONDS) - {"sw_thermal", "hw_thermal"}


def test_time_goes_on_after_an_update_of_the_driver(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """The fields have other numbers then, and count from 0."""
    fake_nvml.set_driver_version("570.86.15")
    assert read_one(source).throttle_time == SECONDS
    fake_nvml.reload()
    source.read()
    fake_nvml.set_driver_version(DRIVER_VERSION)
    fake_nvml.set(0, throttled_sw_thermal=500_000_000)
    clock.now += 60.0
    assert read_one(source).throttle_time == {**SECONDS, "sw_thermal": 7.5}


def test_time_that_cannot_be_true() -> None:
    """Left out."""
    times = ThrottleTime({74: "sw_power_cap", 76: "sync_boost"}, Counters())
    assert times.of({74: 0xFFFFFFFFFFFFFFFF, 76: float("nan")}) == {}
    assert times.of({74: 10**9, 76: -1}) == {"sw_power_cap": 1.0}
    assert times.of({}) == {}
