"""The fake driver has devices as the real one does: handles, identity, order, loss; and an older release."""

import ctypes
from typing import Any, Final

import pytest

from fake_nvml import scenarios
from fake_nvml.asking import code, field_codes
from fake_nvml.codes import (
    FUNCTION_NOT_FOUND,
    GPU_IS_LOST,
    INSUFFICIENT_SIZE,
    INVALID_ARGUMENT,
    NOT_FOUND,
    NOT_SUPPORTED,
    UNINITIALIZED,
)
from fake_nvml.driver import DRIVER_VERSION, GIB, MAX_DEVICES, NAME, OLD_DRIVER_VERSION, FakeDriver, uuid

ALL_LINKS = 0xFFFFFFFF


def test_identity(fake_nvml: FakeDriver, nvml: Any) -> None:
    """All that tells a device from others."""
    handle = nvml.nvmlDeviceGetHandleByIndex(1)
    assert nvml.nvmlSystemGetDriverVersion() == DRIVER_VERSION
    assert nvml.nvmlDeviceGetUUID(handle) == uuid(1)
    assert nvml.nvmlDeviceGetName(handle) == NAME
    assert nvml.nvmlDeviceGetSerial(handle) == "1652223000001"
    assert nvml.nvmlDeviceGetVbiosVersion(handle) == "96.00.5E.00.01"
    assert nvml.nvmlDeviceGetCudaComputeCapability(handle) == (9, 0)
    assert nvml.nvmlDeviceGetIndex(handle) == 1
    pci = nvml.nvmlDeviceGetPciInfo(handle)
    assert (pci.busId, pci.busIdLegacy, pci.domain, pci.bus) == ("00000000:14:00.0", "0000:14:00.0", 0, 0x14)
    fake_nvml.set_text(1, uuid="GPU-x", name="A", serial="", vbios="B")
    assert (nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)) == ("GPU-x", "A")
    assert nvml.nvmlDeviceGetVbiosVersion(handle) == "B"
    assert code(nvml, "nvmlDeviceGetSerial", handle) == NOT_SUPPORTED


def test_text_that_does_not_fit(nvml: Any) -> None:
    """The driver says so."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    buffer = ctypes.create_string_buffer(len(uuid(0)))
    assert nvml.nvmlLib.nvmlDeviceGetUUID(handle, buffer, len(uuid(0))) == INSUFFICIENT_SIZE
    buffer = ctypes.create_string_buffer(len(uuid(0)) + 1)
    assert nvml.nvmlLib.nvmlDeviceGetUUID(handle, buffer, len(uuid(0)) + 1) == 0


def test_handles(fake_nvml: FakeDriver, nvml: Any) -> None:
    """By index, whole UUID and PCI bus id in either form; all are the same device."""
    by_index = nvml.nvmlDeviceGetHandleByIndex(2)
    others = (
        nvml.nvmlDeviceGetHandleByUUID(uuid(2)),
        nvml.nvmlDeviceGetHandleByPciBusId("00000000:20:00.0"),
        nvml.nvmlDeviceGetHandleByPciBusId("0000:20:00.0"),
    )
    for handle in others:
        assert ctypes.addressof(handle.contents) == ctypes.addressof(by_index.contents)
    assert code(nvml, "nvmlDeviceGetHandleByIndex", 3) == INVALID_ARGUMENT
    assert code(nvml, "nvmlDeviceGetHandleByUUID", uuid(2)[:-1]) == NOT_FOUND
    assert code(nvml, "nvmlDeviceGetHandleByUUID", uuid(3)) == NOT_FOUND
    assert code(nvml, "nvmlDeviceGetHandleByPciBusId", "0000:21:00.0") == NOT_FOUND
    assert code(nvml, "nvmlDeviceGetHandleByPciBusId", "rubbish") == INVALID_ARGUMENT
    assert fake_nvml.calls("nvmlDeviceGetHandleByUUID", device=2) == 1


def test_what_is_no_handle(nvml: Any) -> None:
    """Nothing, or an address within a device."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    within = ctypes.c_void_p(ctypes.addressof(handle.contents) + 8)
    for wrong in (ctypes.c_void_p(None), within, ctypes.c_void_p(4096)):
        assert nvml.nvmlLib.nvmlDeviceGetPowerUsage(wrong, ctypes.byref(ctypes.c_uint())) == INVALID_ARGUMENT


def test_order_of_the_devices(fake_nvml: FakeDriver, nvml: Any) -> None:
    """It may change when the driver is loaded anew, and devices may be missing."""
    scenarios.reload_driver(fake_nvml, 2, 0)
    assert code(nvml, "nvmlDeviceGetCount") == UNINITIALIZED
    nvml.nvmlInit()
    assert nvml.nvmlDeviceGetCount() == 2
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(2)]
    assert [nvml.nvmlDeviceGetUUID(handle) for handle in handles] == [uuid(2), uuid(0)]
    assert [nvml.nvmlDeviceGetIndex(handle) for handle in handles] == [0, 1]
    assert code(nvml, "nvmlDeviceGetHandleByUUID", uuid(1)) == NOT_FOUND
    assert nvml.nvmlDeviceGetTotalEnergyConsumption(handles[0]) == 0
    for wrong in (range(17), (16,), (-1,)):
        with pytest.raises(ValueError, match="no such list"):
            fake_nvml.list_devices(*wrong)


def test_sixteen_devices(fake_nvml: FakeDriver, nvml: Any) -> None:
    """More than that there cannot be."""
    fake_nvml.reset(20)
    nvml.nvmlInit()
    assert nvml.nvmlDeviceGetCount() == MAX_DEVICES
    for index in range(MAX_DEVICES):
        assert nvml.nvmlDeviceGetPowerUsage(nvml.nvmlDeviceGetHandleByIndex(index)) == 300_000 + index
    buses = {nvml.nvmlDeviceGetPciInfo(nvml.nvmlDeviceGetHandleByIndex(index)).bus for index in range(MAX_DEVICES)}
    assert len(buses) == MAX_DEVICES


def test_initialisations_are_counted(fake_nvml: FakeDriver, nvml: Any) -> None:
    """A shutdown undoes one; before the first and after the last nothing works."""
    nvml.nvmlInit()
    assert fake_nvml.references == 2
    nvml.nvmlShutdown()
    assert nvml.nvmlDeviceGetCount() == 3
    nvml.nvmlShutdown()
    assert fake_nvml.references == 0
    assert code(nvml, "nvmlDeviceGetCount") == UNINITIALIZED
    assert code(nvml, "nvmlShutdown") == UNINITIALIZED


def test_lost_device(fake_nvml: FakeDriver, nvml: Any) -> None:
    """It answers nothing, the others everything; brought back, it counts anew."""
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(3)]
    scenarios.lose(fake_nvml, 1)
    assert nvml.nvmlDeviceGetCount() == 3
    for function in ("nvmlDeviceGetUUID", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetComputeRunningProcesses"):
        assert code(nvml, function, handles[1]) == GPU_IS_LOST
    assert code(nvml, "nvmlDeviceGetFieldValues", handles[1], [83]) == GPU_IS_LOST
    assert code(nvml, "nvmlDeviceGetHandleByIndex", 1) == GPU_IS_LOST
    assert code(nvml, "nvmlDeviceGetHandleByUUID", uuid(1)) == GPU_IS_LOST
    assert nvml.nvmlDeviceGetPowerUsage(handles[2]) == 300_002
    scenarios.bring_back(fake_nvml, 1)
    assert nvml.nvmlDeviceGetTotalEnergyConsumption(handles[1]) == 0
    assert nvml.nvmlDeviceGetUUID(handles[1]) == uuid(1)


NEWER: Final = (
    ("nvmlDeviceGetMemoryInfo", 0x02000028),
    ("nvmlDeviceGetTemperatureV", 0),
    ("nvmlDeviceGetMarginTemperature",),
    ("nvmlDeviceGetCurrentClocksEventReasons",),
    ("nvmlDeviceGetSupportedClocksEventReasons",),
    ("nvmlDeviceGetJpgUtilization",),
    ("nvmlDeviceGetOfaUtilization",),
    ("nvmlDeviceGetComputeRunningProcesses_v3",),
    ("nvmlDeviceGetGraphicsRunningProcesses_v3",),
    ("nvmlGpmQueryDeviceSupport",),
)


@pytest.mark.parametrize("call", NEWER, ids=lambda call: call[0])
def test_function_that_an_old_driver_lacks(old_nvml: Any, call: tuple[Any, ...]) -> None:
    """The binding finds no such function."""
    function, *args = call
    handle = old_nvml.nvmlDeviceGetHandleByIndex(0)
    assert code(old_nvml, function, handle, *args) == FUNCTION_NOT_FOUND


def test_old_driver(old_fake_nvml: FakeDriver, old_nvml: Any) -> None:
    """What it has works; newer fields are not supported or unknown to it."""
    handle = old_nvml.nvmlDeviceGetHandleByIndex(0)
    assert old_nvml.nvmlSystemGetDriverVersion() == OLD_DRIVER_VERSION
    assert old_nvml.nvmlDeviceGetTemperature(handle, 0) == 40
    assert old_nvml.nvmlDeviceGetMemoryInfo(handle).total == 80 * GIB
    old_fake_nvml.set(0, event_reasons=0x60)
    assert old_nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle) == 0x60
    assert old_nvml.nvmlDeviceGetRemappedRows(handle) == (2, 1, 0, 0)
    assert code(old_nvml, "nvmlGpmSampleAlloc") == FUNCTION_NOT_FOUND
    codes = field_codes(old_nvml, handle, 74, 82, 83, 142, (138, ALL_LINKS), 146)
    assert codes == [0, 0, NOT_SUPPORTED, 0, 0, NOT_SUPPORTED]
    newer = field_codes(old_nvml, handle, 186, 193, 197, 230, 251, 269)
    assert newer == [INVALID_ARGUMENT] * 6
