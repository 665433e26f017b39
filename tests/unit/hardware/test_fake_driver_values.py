"""The fake driver answers with the values that a test sets, in the real driver's structures."""

import ctypes
import time
from typing import Any

import pytest

from fake_nvml import scenarios
from fake_nvml.answers import FUNCTIONS
from fake_nvml.asking import code, field_codes, fields
from fake_nvml.codes import INVALID_ARGUMENT, NOT_SUPPORTED, VERSION_MISMATCH
from fake_nvml.driver import GIB, FakeDriver

ALL_LINKS = 0xFFFFFFFF


def _answer(function: str, value: int) -> int | list[int]:
    """What ``pynvml`` makes of a value: with that of an engine comes the sampling period in microseconds."""
    return [value, 167_000] if function.endswith("Utilization") else value


@pytest.mark.parametrize("call", FUNCTIONS, ids=str)
def test_value(fake_nvml: FakeDriver, nvml: Any, call: tuple[Any, ...]) -> None:
    """Each function answers with the value of its device, and with another one once it is set."""
    function, *args = call
    key = FUNCTIONS[call]
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(3)]
    for index, handle in enumerate(handles):
        assert getattr(nvml, function)(handle, *args) == _answer(function, fake_nvml.get(index, key))
    fake_nvml.set(1, **{key: 2})
    fake_nvml.set(2, **{key: 3})
    assert [getattr(nvml, function)(handle, *args) for handle in handles[1:]] == [
        _answer(function, 2),
        _answer(function, 3),
    ]
    assert fake_nvml.calls(function, device=2) == 2


def test_eight_devices_differ(fake_nvml: FakeDriver) -> None:
    """A value of one device is not taken for that of another one by chance."""
    scenarios.eight_h100(fake_nvml)
    for key in ("utilization", "used", "power_instant", "energy", "temperature", "clock_sm", "pcie_tx_bytes", "bus"):
        assert len({fake_nvml.get(device, key) for device in range(8)}) == 8
    for key in scenarios.COUNTERS:
        assert key.startswith("ecc_uncorrected") or fake_nvml.get(3, key) > 0


def test_utilization_and_memory(fake_nvml: FakeDriver, nvml: Any) -> None:
    """The first version of the memory counts the reserved bytes as used."""
    handle = nvml.nvmlDeviceGetHandleByIndex(1)
    fake_nvml.set(1, utilization=71, memory_utilization=33, total=80 * GIB, used=20 * GIB, reserved=GIB)
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)
    assert (rates.gpu, rates.memory) == (71, 33)
    first = nvml.nvmlDeviceGetMemoryInfo(handle)
    assert (first.total, first.used, first.free) == (80 * GIB, 21 * GIB, 59 * GIB)
    second = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    assert (second.total, second.used, second.reserved, second.free) == (80 * GIB, 20 * GIB, GIB, 59 * GIB)
    assert code(nvml, "nvmlDeviceGetMemoryInfo", handle, 0x03000028) == VERSION_MISMATCH


def test_temperature_limits(fake_nvml: FakeDriver, nvml: Any) -> None:
    """The margin moves with the temperature, so that temperature + margin - offset is the same limit at any time."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    for temperature in (28, 52, 90):
        fake_nvml.set(0, temperature=temperature, tlimit=87)
        margin = nvml.nvmlDeviceGetMarginTemperature(handle)
        limits = [temperature + margin - offset for _, _, offset in fields(nvml, handle, 193, 194, 196)]
        assert limits == [95, 89, 87]
    assert margin == -3


def test_temperature_arguments(nvml: Any) -> None:
    """Other sensors and thresholds are refused, and structs of another version."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    assert code(nvml, "nvmlDeviceGetTemperatureV", handle, 1) == INVALID_ARGUMENT
    assert code(nvml, "nvmlDeviceGetTemperature", handle, 1) == INVALID_ARGUMENT
    assert code(nvml, "nvmlDeviceGetTemperatureThreshold", handle, 4) == NOT_SUPPORTED
    assert code(nvml, "nvmlDeviceGetTemperatureThreshold", handle, 8) == INVALID_ARGUMENT
    wrong = nvml.c_nvmlMarginTemperature_v1_t()
    assert nvml.nvmlLib.nvmlDeviceGetMarginTemperature(handle, ctypes.byref(wrong)) == VERSION_MISMATCH
    wrong = nvml.c_nvmlTemperature_v1_t()
    assert nvml.nvmlLib.nvmlDeviceGetTemperatureV(handle, ctypes.byref(wrong)) == VERSION_MISMATCH


@pytest.mark.parametrize("function", ["nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo"])
def test_clock_that_does_not_exist(nvml: Any, function: str) -> None:
    """There are four clocks."""
    assert code(nvml, function, nvml.nvmlDeviceGetHandleByIndex(0), 4) == INVALID_ARGUMENT


def test_measured_throughput(nvml: Any) -> None:
    """It blocks, which is why nothing should ask for it regularly."""
    before = time.monotonic()
    assert nvml.nvmlDeviceGetPcieThroughput(nvml.nvmlDeviceGetHandleByIndex(0), 1) == 2000
    assert time.monotonic() - before >= 0.02


def test_fans(fake_nvml: FakeDriver, nvml: Any) -> None:
    """There are as many as the device has."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fake_nvml.set(0, fans=4, fan2=71, fan3=104)
    assert [nvml.nvmlDeviceGetFanSpeed_v2(handle, fan) for fan in range(4)] == [30, 50, 71, 104]
    fake_nvml.set(0, fans=0)
    assert nvml.nvmlDeviceGetNumFans(handle) == 0
    assert code(nvml, "nvmlDeviceGetFanSpeed_v2", handle, 0) == INVALID_ARGUMENT


def test_errors_of_the_memory(fake_nvml: FakeDriver, nvml: Any) -> None:
    """Without ECC there is no count; remapped rows are told all at once."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    assert nvml.nvmlDeviceGetEccMode(handle) == [1, 1]
    fake_nvml.set(0, remapped_corrected=4, remapped_uncorrected=3, remap_pending=1, remap_failure=1, ecc_mode=0)
    assert nvml.nvmlDeviceGetRemappedRows(handle) == (4, 3, 1, 1)
    assert nvml.nvmlDeviceGetEccMode(handle) == [0, 1]
    assert code(nvml, "nvmlDeviceGetTotalEccErrors", handle, 0, 0) == NOT_SUPPORTED
    assert code(nvml, "nvmlDeviceGetTotalEccErrors", handle, 2, 0) == INVALID_ARGUMENT


def test_counters_that_wrap(fake_nvml: FakeDriver, nvml: Any) -> None:
    """At 32 bits, when they are that narrow."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    scenarios.almost_wrapped(fake_nvml, 0)
    assert nvml.nvmlDeviceGetPcieReplayCounter(handle) == 0xFFFFFFF0
    fake_nvml.add(0, pcie_replay=20, pcie_tx_bytes=16, bits=32)
    fake_nvml.add(0, pcie_rx_bytes=16)
    assert nvml.nvmlDeviceGetPcieReplayCounter(handle) == 4
    assert [value for _, _, value in fields(nvml, handle, 197, 198)] == [0, 1 << 32]


def test_consumer_gpu(fake_nvml: FakeDriver, nvml: Any) -> None:
    """It lacks what only GPUs of data centres have."""
    scenarios.consumer_gpu(fake_nvml, 0)
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    for function, *args in (
        ("nvmlDeviceGetTotalEccErrors", 0, 0),
        ("nvmlDeviceGetEccMode",),
        ("nvmlDeviceGetRemappedRows",),
        ("nvmlDeviceGetNvLinkState", 0),
        ("nvmlDeviceGetMigMode",),
        ("nvmlDeviceGetSerial",),
    ):
        assert code(nvml, function, handle, *args) == NOT_SUPPORTED
    codes = field_codes(nvml, handle, 82, 91, (138, ALL_LINKS), 142, 230, 83)
    assert codes == [NOT_SUPPORTED] * 5 + [0]
