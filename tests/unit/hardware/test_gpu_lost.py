"""Devices that are lost or closed to this process, one of several."""

import logging

import pytest

from fake_nvml.driver import FakeDriver, uuid
from fake_nvml.sources import Clock
from paddle_otel.hardware.nvml.source import NvmlSource

NO_PERMISSION = 4
GPU_IS_LOST = 15
RESET_REQUIRED = 16


def _uuids(source: NvmlSource) -> list[str]:
    return [reading.identity.uuid for reading in source.read() or ()]


@pytest.mark.parametrize(
    "rule",
    [
        ("nvmlDeviceGetUtilizationRates", GPU_IS_LOST),
        ("nvmlDeviceGetMemoryInfo_v2", GPU_IS_LOST),
        ("nvmlDeviceGetMemoryInfo_v2", RESET_REQUIRED),
        ("nvmlDeviceGetFieldValues", RESET_REQUIRED),
        ("field:186", GPU_IS_LOST),
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
        assert _uuids(source) == [uuid(index) for index in range(8)]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert fake_nvml.calls("nvmlInitWithFlags") == 1


def test_device_that_is_replaced_while_lost(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """What comes back is identified anew: nothing is reported under the name of another device."""
    assert _uuids(source) == [uuid(0)]
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", GPU_IS_LOST, times=1)
    assert _uuids(source) == []
    fake_nvml.set_text(0, uuid="GPU-11111111-1111-4111-8111-111111111111")
    clock.now += 1.0
    assert _uuids(source) == ["GPU-11111111-1111-4111-8111-111111111111"]


@pytest.mark.parametrize("function", ["nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetUUID"])
def test_device_without_permission_hides_no_other(fake_nvml: FakeDriver, source: NvmlSource, function: str) -> None:
    """The driver counts devices that this process may not open."""
    fake_nvml.reset(3)
    fake_nvml.inject(function, NO_PERMISSION, device=1)
    assert _uuids(source) == [uuid(0), uuid(2)]
