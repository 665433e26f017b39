"""How often a GPU is asked for what."""

import importlib
from typing import Any

import pytest

from fake_nvml.driver import FakeDriver
from fake_nvml.sources import Clock
from gpu_readings import read, read_one
from paddle_otel.hardware.nvml.question import Fact, Question, Schedule
from paddle_otel.hardware.nvml.source import NvmlSource

UNKNOWN = 999
EACH = (
    *("nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo_v2"),
    *("nvmlDeviceGetCurrentClocksEventReasons", "nvmlGpmSampleGet", "field:186", "field:83"),
)
TEN_SECONDS = (
    *("nvmlDeviceGetPerformanceState", "nvmlDeviceGetEncoderUtilization", "nvmlDeviceGetOfaUtilization"),
    *("nvmlDeviceGetCurrPcieLinkGeneration", "nvmlDeviceGetCurrPcieLinkWidth"),
    *("nvmlDeviceGetComputeRunningProcesses_v3", "field:197", "field:198", "field:82"),
)
THIRTY_SECONDS = (*("nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetMigMode", "field:230", "field:144", "field:193"),)
ONCE = (
    *("nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetUUID", "nvmlDeviceGetName", "nvmlDeviceGetSerial"),
    *("nvmlDeviceGetVbiosVersion", "nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetMarginTemperature"),
    *("nvmlDeviceGetNumFans", "nvmlGpmQueryDeviceSupport"),
)


def test_each_thing_has_its_period(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Over five minutes of a reading each second: everything at first, and then when it is due."""
    clock.now = 1000.0  # 20 s before the first multiple of 30 s
    for _ in range(300):
        read_one(source)
        clock.now += 1.0
    assert {name: fake_nvml.calls(name) for name in EACH} == dict.fromkeys(EACH, 300)
    assert {name: fake_nvml.calls(name) for name in TEN_SECONDS} == dict.fromkeys(TEN_SECONDS, 30)
    assert {name: fake_nvml.calls(name) for name in THIRTY_SECONDS} == dict.fromkeys(THIRTY_SECONDS, 11)
    assert {name: fake_nvml.calls(name) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert fake_nvml.calls("nvmlDeviceGetTemperatureV") == 300 + 2  # before and after the margin was read
    # Of these there are several of each GPU.
    assert fake_nvml.calls("nvmlDeviceGetClockInfo") == 4 * 30
    assert fake_nvml.calls("nvmlDeviceGetMaxClockInfo") == 4
    assert fake_nvml.calls("nvmlDeviceGetFanSpeed_v2") == 2 * 11
    assert fake_nvml.calls("nvmlDeviceGetNvLinkState") == 18 * 11


def test_devices_are_not_asked_everything_at_the_same_moment(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock
) -> None:
    """After the first reading, each of eight GPUs has its own second."""
    fake_nvml.reset(8)
    read(source)
    most_slow, most_calls = 0, 0
    for _ in range(120):
        clock.now += 1.0
        slow, calls = fake_nvml.calls("nvmlDeviceGetPerformanceState"), fake_nvml.all_calls
        read(source)
        most_slow = max(most_slow, fake_nvml.calls("nvmlDeviceGetPerformanceState") - slow)
        most_calls = max(most_calls, fake_nvml.all_calls - calls)
    assert most_slow == 1
    assert fake_nvml.calls("nvmlDeviceGetPerformanceState") == 8 * 13


def test_value_stays_until_it_is_asked_again(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """And then it is the new one; one that fails then is unknown."""
    assert read_one(source).state.performance_state == 0
    fake_nvml.set(0, performance_state=8)
    clock.now += 5.0
    assert read_one(source).state.performance_state == 0
    clock.now += 5.0
    assert read_one(source).state.performance_state == 8
    fake_nvml.inject("nvmlDeviceGetPerformanceState", UNKNOWN)
    clock.now += 10.0
    assert read_one(source).state.performance_state is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"performance_state": 15}, {"performance_state": 15}),
        ({"performance_state": 32}, {"performance_state": None}),
        ({"pcie_generation": 0xFFFFFFFF}, {"pcie_generation": None}),
        ({"pcie_width": 0}, {"pcie_width": 0}),
        ({"memory_temperature": 0xFFFFFFFF}, {"memory_temperature": None}),
    ],
)
def test_number_that_cannot_be_true(
    fake_nvml: FakeDriver, source: NvmlSource, values: dict[str, int], expected: dict[str, int | None]
) -> None:
    """It is unknown."""
    fake_nvml.set(0, **values)
    state = read_one(source).state
    assert {name: getattr(state, name) for name in expected} == expected


def test_clock_or_engine_that_cannot_be_true(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """It is left out; the others are there."""
    fake_nvml.set(0, clock_sm=0xFFFFFFFF, clock_video=0, encoder_utilization=101)
    state = read_one(source).state
    assert state.clocks == {"graphics": 1_700_000_000, "memory": 2_600_000_000, "video": 0}
    assert set(state.engines) == {"decoder", "jpeg", "optical_flow"}


def test_value_is_never_older_than_three_periods(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Whatever the interval at which the source is read, what is shown was asked within one period or now."""
    for step in (0.1, 0.7, 3.0, 9.9, 11.0, 31.0, 3600.0):
        for _ in range(40):
            fake_nvml.set(0, clock_sm=int(clock.now) % 5000)
            asked = read_one(source).state.clocks["sm"] // 1_000_000
            assert (int(clock.now) % 5000 - asked) % 5000 <= 10
            clock.now += step


def test_slow_pcie_throughput_is_never_asked(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It blocks for 20 ms; without the byte counters there is no traffic."""
    asked: list[Any] = []
    monkeypatch.setattr(importlib.import_module("pynvml"), "nvmlDeviceGetPcieThroughput", asked.append)
    fake_nvml.inject("field:197", 3)
    fake_nvml.inject("field:198", 3)
    for _ in range(50):
        reading = read_one(source)
        assert (reading.state.pcie.received, reading.state.pcie.transmitted) == (None, None)
        clock.now += 1.0
    assert asked == []
    assert fake_nvml.calls("field:197") == 1


def test_schedule_is_due_at_once_and_then_on_its_grid() -> None:
    """A late question does not move the next one."""
    schedule = Schedule(10.0, 0.25)
    assert schedule.due(100.0)
    assert [second for second in range(101, 141) if schedule.due(float(second))] == [103, 113, 123, 133]
    assert schedule.due(149.0)
    assert not schedule.due(152.0)
    assert schedule.due(153.0)


def test_schedules_of_different_phases_spread() -> None:
    """Eight of them: one each time."""
    schedules = [Schedule(8.0, index / 8) for index in range(8)]
    for schedule in schedules:
        schedule.due(1000.0)
    assert [sum(one.due(1000.0 + second) for one in schedules) for second in range(1, 17)] == [1] * 16


def test_fact_is_asked_until_it_is_known() -> None:
    """Not again then, and a new one in the next life."""
    answers = iter([None, None, 7])
    fact: Fact[int] = Fact(lambda _: next(answers))
    assert [fact.ask(object(), 0.0) for _ in range(5)] == [None, None, 7, 7, 7]


def test_question_without_a_way_is_hopeless() -> None:
    """Which is known before it is asked."""
    assert Question[int]().hopeless
    assert not Question[int](lambda _: 1).hopeless
