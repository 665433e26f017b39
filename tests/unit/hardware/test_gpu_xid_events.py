"""XID errors as readings, events and a metric."""

import time
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber

from fake_nvml.driver import NAME, FakeDriver, uuid
from fake_nvml.scenarios import FELL_OFF_THE_BUS, bring_back, lose
from fake_nvml.sources import Clock
from gpu_readings import read, read_by_uuid, read_one
from paddle_otel.hardware.kind import Event, Window
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.hardware.nvml.xid import Xid
from paddle_otel.hardware.nvml.xid_log import MOST_CODES, MOST_GPUS, MOST_WAITING, XidLog

SECOND = 1_000_000_000


def _events(*readings: GpuReading) -> list[Event]:
    return list(KIND.events(readings))


def _last_seen(*readings: GpuReading) -> dict[tuple[Any, Any], float]:
    (observed,) = (one for one in KIND.metrics if one.metric.name == "paddle.gpu.xid.last_timestamp")
    points = observed.points(Window(readings, None, 0.0, lambda: (readings,)))
    return {(labels["hw.id"], labels["paddle.gpu.xid"]): value for value, labels in points}


def test_error_is_an_event_once(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """With what is known about it; the readings after it have none."""
    fake_nvml.reset(2)
    assert _events(*read(source)) == []
    assert fake_nvml.xid(1, 48) == 1
    before = time.time_ns()
    (event,) = _events(*read(source))
    assert before <= event.timestamp <= time.time_ns()
    assert (event.name, event.severity) == ("paddle.gpu.xid", SeverityNumber.ERROR)
    attributes = dict(event.attributes)
    assert attributes.pop("paddle.gpu.xid.meaning")
    assert attributes.pop("paddle.gpu.xid.action")
    assert attributes == {
        "hw.id": uuid(1),
        "hw.name": NAME,
        "paddle.gpu.xid": 48,
        "paddle.gpu.xid.class": "hardware",
    }
    clock.now += 1.0
    assert _events(*read(source)) == []


def test_error_that_is_not_in_the_table(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """It is an event all the same, without a class or a meaning."""
    read(source)
    fake_nvml.xid(0, 4711)
    (event,) = _events(*read(source))
    assert dict(event.attributes) == {"hw.id": uuid(0), "hw.name": NAME, "paddle.gpu.xid": 4711}


def test_time_of_the_last_error_stays(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """One series per GPU and number, as long as the program runs; a repeated error moves the time."""
    fake_nvml.reset(2)
    read(source)
    fake_nvml.xid(0, 13)
    fake_nvml.xid(0, 31)
    fake_nvml.xid(1, 13)
    first = _last_seen(*read(source))
    assert set(first) == {(uuid(0), 13), (uuid(0), 31), (uuid(1), 13)}
    assert all(type(value) is float for value in first.values())
    clock.now += 3600.0
    assert _last_seen(*read(source)) == first
    fake_nvml.xid(1, 13)
    later = _last_seen(*read(source))
    assert later[uuid(1), 13] > first[uuid(1), 13]
    assert later[uuid(0), 13] == first[uuid(0), 13]


def test_gpu_that_falls_off_the_bus(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Its last error is told with its failure, and remembered when it is back."""
    fake_nvml.reset(2)
    read(source)
    lose(fake_nvml, 1)
    lost = read_by_uuid(source)[uuid(1)]
    assert (lost.status, [xid.code for xid in lost.xids]) == ("failed", [FELL_OFF_THE_BUS])
    assert set(_last_seen(lost)) == {(uuid(1), FELL_OFF_THE_BUS)}
    assert [event.attributes["paddle.gpu.xid"] for event in _events(lost)] == [FELL_OFF_THE_BUS]
    bring_back(fake_nvml, 1)
    clock.now += 60.0
    back = read_by_uuid(source)[uuid(1)]
    assert (back.status, back.xids, set(back.xid_times)) == ("ok", (), {FELL_OFF_THE_BUS})
    fake_nvml.xid(1, 13)
    assert [xid.code for xid in read_by_uuid(source)[uuid(1)].xids] == [13]


def test_errors_are_remembered_when_the_driver_is_reloaded(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock
) -> None:
    """And new ones are noticed."""
    read(source)
    fake_nvml.xid(0, 31)
    assert set(read_one(source).xid_times) == {31}
    fake_nvml.reload()
    source.read()
    clock.now += 60.0
    assert set(read_one(source).xid_times) == {31}
    fake_nvml.xid(0, 13)
    assert set(read_one(source).xid_times) == {31, 13}


@pytest.mark.parametrize("function", ["nvmlEventSetCreate", "nvmlDeviceRegisterEvents", "nvmlEventSetWait_v2"])
@pytest.mark.parametrize("code", [2, 3, 4, 15, 999])
def test_events_that_fail_cost_nothing_else(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, function: str, code: int
) -> None:
    """All values are there."""
    fake_nvml.inject(function, code)
    for _ in range(100):
        reading = read_one(source)
        assert (reading.utilization, reading.power, reading.status) == (0.5, 350.0, "ok")
        clock.now += 1.0


def test_number_of_remembered_errors_is_bounded() -> None:
    """The one that is longest ago goes."""
    log = XidLog()
    for code in range(MOST_CODES + 8):
        log.note([Xid("GPU-1", code, code * SECOND)])
        log.note([Xid("GPU-1", 0, (code + 1) * SECOND)])
    times = log.times("GPU-1")
    assert len(times) == MOST_CODES
    assert 0 in times
    assert 1 not in times
    assert len(log.take("GPU-1")) == MOST_WAITING
    assert log.take("GPU-1") == ()


def test_number_of_remembered_gpus_is_bounded() -> None:
    """Also of those that never have a reading."""
    log = XidLog()
    for number in range(MOST_GPUS + 1):
        log.note([Xid(f"GPU-{number}", 13, SECOND)])
    assert (log.times("GPU-0"), log.take("GPU-0")) == ({}, ())
    assert log.times("GPU-1") == {13: 1.0}


def test_times_that_were_handed_out_do_not_change() -> None:
    """They are in readings of the past."""
    log = XidLog()
    log.note([Xid("GPU-1", 13, SECOND)])
    before = log.times("GPU-1")
    log.note([Xid("GPU-1", 13, 2 * SECOND), Xid("GPU-1", 14, SECOND)])
    assert before == {13: 1.0}
    assert log.times("GPU-1") == {13: 2.0, 14: 1.0}
