"""The fake driver has MIG devices as the real one does."""

import ctypes
from typing import Any

import pytest

from fake_nvml import scenarios
from fake_nvml.asking import code, field_codes
from fake_nvml.codes import GPU_IS_LOST, INVALID_ARGUMENT, NOT_FOUND, NOT_SUPPORTED, UNKNOWN
from fake_nvml.driver import GIB, NAME, FakeDriver, Mig, ProcessUtilization, instance, mig_uuid


def _same(one: Any, other: Any) -> bool:
    return ctypes.addressof(one.contents) == ctypes.addressof(other.contents)


def test_mig_devices(mig_nvml: Any, mig_gpu: Any, whole_gpu: Any) -> None:
    """Slots may be empty; each MIG device has a name, a UUID, its numbers, and its GPU."""
    assert mig_nvml.nvmlDeviceGetMigMode(mig_gpu) == [1, 1]
    assert mig_nvml.nvmlDeviceGetMaxMigDeviceCount(mig_gpu) == 7
    slots = {0: (1, 0, "1c.2g.20gb", 20, 5), 1: (1, 1, "1c.2g.20gb", 20, 5), 3: (9, 0, "1g.10gb", 10, 3)}
    for slot in range(7):
        if slot not in slots:
            assert code(mig_nvml, "nvmlDeviceGetMigDeviceHandleByIndex", mig_gpu, slot) == NOT_FOUND
            continue
        gpu_instance, compute_instance, profile, total, used = slots[slot]
        mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, slot)
        assert mig_nvml.nvmlDeviceGetGpuInstanceId(mig) == gpu_instance
        assert mig_nvml.nvmlDeviceGetComputeInstanceId(mig) == compute_instance
        assert mig_nvml.nvmlDeviceGetUUID(mig) == mig_uuid(0, gpu_instance, compute_instance)
        assert _same(mig_nvml.nvmlDeviceGetHandleByUUID(mig_uuid(0, gpu_instance, compute_instance)), mig)
        assert mig_nvml.nvmlDeviceGetName(mig) == f"{NAME} MIG {profile}"
        memory = mig_nvml.nvmlDeviceGetMemoryInfo(mig, version=mig_nvml.nvmlMemory_v2)
        assert (memory.total, memory.used, memory.free) == (total * GIB, used * GIB, (total - used) * GIB)
        assert mig_nvml.nvmlDeviceIsMigDeviceHandle(mig).value == 1
        assert _same(mig_nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig), mig_gpu)
    assert code(mig_nvml, "nvmlDeviceGetMigDeviceHandleByIndex", mig_gpu, 7) == INVALID_ARGUMENT
    assert mig_nvml.nvmlDeviceIsMigDeviceHandle(mig_gpu).value == 0
    assert code(mig_nvml, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle", whole_gpu) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlDeviceGetGpuInstanceId", whole_gpu) == NOT_SUPPORTED
    assert code(mig_nvml, "nvmlDeviceGetComputeInstanceId", whole_gpu) == NOT_SUPPORTED


def test_gpu_without_mig(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """In no MIG mode, or of a kind that has none."""
    assert mig_nvml.nvmlDeviceGetMigMode(whole_gpu) == [0, 0]
    assert mig_nvml.nvmlDeviceGetMaxMigDeviceCount(whole_gpu) == 0
    assert code(mig_nvml, "nvmlDeviceGetMigDeviceHandleByIndex", whole_gpu, 0) == NOT_SUPPORTED
    fake_nvml.set(1, mig_supported=0)
    assert code(mig_nvml, "nvmlDeviceGetMigMode", whole_gpu) == NOT_SUPPORTED


UTILIZATION = (
    ("nvmlDeviceGetUtilizationRates",),
    ("nvmlDeviceGetEncoderUtilization",),
    ("nvmlDeviceGetDecoderUtilization",),
    ("nvmlDeviceGetJpgUtilization",),
    ("nvmlDeviceGetOfaUtilization",),
    ("nvmlDeviceGetRemappedRows",),
    ("nvmlDeviceGetProcessUtilization", 0),
)
BOARD = (
    ("nvmlDeviceGetPowerUsage",),
    ("nvmlDeviceGetTotalEnergyConsumption",),
    ("nvmlDeviceGetClockInfo", 0),
    ("nvmlDeviceGetCurrentClocksEventReasons",),
    ("nvmlDeviceGetPerformanceState",),
    ("nvmlDeviceGetPcieReplayCounter",),
    ("nvmlDeviceGetTotalEccErrors", 0, 0),
    ("nvmlDeviceGetMinorNumber",),
    ("nvmlDeviceGetNvLinkState", 0),
)


@pytest.mark.parametrize("call", UTILIZATION, ids=lambda call: call[0])
def test_what_mig_mode_does_not_know(
    fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any, whole_gpu: Any, call: tuple[Any, ...]
) -> None:
    """Neither the GPU nor its MIG devices; another GPU does."""
    function, *args = call
    for device in (0, 1):
        fake_nvml.set_process_utilization(device, [ProcessUtilization(1, 1, 1)])
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 0)
    assert code(mig_nvml, function, mig_gpu, *args) == NOT_SUPPORTED
    assert code(mig_nvml, function, mig, *args) == NOT_SUPPORTED
    assert getattr(mig_nvml, function)(whole_gpu, *args) is not None


@pytest.mark.parametrize("call", BOARD, ids=lambda call: call[0])
def test_what_only_the_board_knows(mig_nvml: Any, mig_gpu: Any, call: tuple[Any, ...]) -> None:
    """A GPU in MIG mode still does, a MIG device does not."""
    function, *args = call
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 0)
    assert getattr(mig_nvml, function)(mig_gpu, *args) is not None
    assert code(mig_nvml, function, mig, *args) == NOT_SUPPORTED


def test_temperature_and_fields_of_a_mig_device(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any) -> None:
    """It has no sensor and no field; its GPU has, but does not tell of remapped rows."""
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 0)
    assert code(mig_nvml, "nvmlDeviceGetTemperatureV", mig, 0) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlDeviceGetTemperature", mig, 0) == INVALID_ARGUMENT
    assert mig_nvml.nvmlDeviceGetTemperatureV(mig_gpu, 0) == 40
    assert field_codes(mig_nvml, mig, 83, 186, 142) == [NOT_SUPPORTED] * 3
    assert field_codes(mig_nvml, mig_gpu, 83, 186, 142) == [0, 0, NOT_SUPPORTED]
    fake_nvml.set_field(instance(0, 0), 83, 5, 3)
    assert mig_nvml.nvmlDeviceGetFieldValues(mig, [83])[0].value.ullVal == 5


def test_mig_devices_that_change(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any) -> None:
    """A handle of what is no more is refused; what is made anew is another MIG device."""
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 0)
    fake_nvml.mig(0, [])
    assert mig_nvml.nvmlDeviceGetMigMode(mig_gpu) == [0, 0]
    assert code(mig_nvml, "nvmlDeviceGetUUID", mig) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlGpmMigSampleGet", mig_gpu, 1, mig_nvml.nvmlGpmSampleAlloc()) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlDeviceGetHandleByUUID", mig_uuid(0, 1, 0)) == NOT_FOUND
    assert mig_nvml.nvmlDeviceGetUtilizationRates(mig_gpu).gpu == 50
    fake_nvml.mig(0, [(5, 0, 4 * GIB, GIB, "3g.40gb"), Mig(6, 0, GIB, 0)])
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 0)
    assert mig_nvml.nvmlDeviceGetUUID(mig) == mig_uuid(0, 5, 0)
    assert mig_nvml.nvmlDeviceGetName(mig) == f"{NAME} MIG 3g.40gb"
    with pytest.raises(ValueError, match="no slot"):
        fake_nvml.mig(0, [Mig(slot, 0, GIB, 0) for slot in range(8)])


def test_trouble_of_one_mig_device(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any) -> None:
    """It is counted and broken by a number of its own; with its GPU it is lost."""
    one, other = (mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, slot) for slot in (0, 3))
    fake_nvml.inject("nvmlDeviceGetMemoryInfo_v2", UNKNOWN, device=instance(0, 3))
    fake_nvml.set(instance(0, 0), used=7)
    assert mig_nvml.nvmlDeviceGetMemoryInfo(one, version=mig_nvml.nvmlMemory_v2).used == 7
    assert code(mig_nvml, "nvmlDeviceGetMemoryInfo", other, mig_nvml.nvmlMemory_v2) == UNKNOWN
    assert fake_nvml.calls("nvmlDeviceGetMemoryInfo_v2", device=instance(0, 3)) == 1
    scenarios.lose(fake_nvml, 0)
    assert code(mig_nvml, "nvmlDeviceGetMemoryInfo", one) == GPU_IS_LOST
