"""The fake driver lists processes as the real one does."""

import ctypes
import os
import time
from typing import Any

import pytest

from fake_nvml.asking import code
from fake_nvml.codes import INSUFFICIENT_SIZE, NOT_FOUND
from fake_nvml.driver import GIB, NO_INSTANCE, NOT_AVAILABLE, FakeDriver, Process, ProcessUtilization, instance


def _processes(listed: list[Any]) -> list[tuple[int, int | None, int, int]]:
    return [(p.pid, p.usedGpuMemory, p.gpuInstanceId, p.computeInstanceId) for p in listed]


@pytest.mark.parametrize("version", ["", "_v2", "_v3"])
def test_processes(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any, version: str) -> None:
    """Those that compute and those that draw; memory may be unknown; none is an empty list."""
    compute, graphics = (f"nvmlDeviceGet{kind}RunningProcesses{version}" for kind in ("Compute", "Graphics"))
    assert getattr(mig_nvml, compute)(whole_gpu) == getattr(mig_nvml, graphics)(whole_gpu) == []
    fake_nvml.set_processes(1, [Process(11, 5 * GIB), Process(12, NOT_AVAILABLE)])
    fake_nvml.set_processes(1, [Process(13, 7)], graphics=True)
    assert _processes(getattr(mig_nvml, compute)(whole_gpu)) == [
        (11, 5 * GIB, NO_INSTANCE, NO_INSTANCE),
        (12, None, NO_INSTANCE, NO_INSTANCE),
    ]
    assert _processes(getattr(mig_nvml, graphics)(whole_gpu)) == [(13, 7, NO_INSTANCE, NO_INSTANCE)]
    fake_nvml.set_processes(1, [])
    assert getattr(mig_nvml, compute)(whole_gpu) == []


def test_room_for_processes(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """With too little room the driver says how much is needed and writes nothing."""
    fake_nvml.set_processes(1, [Process(pid, 1) for pid in (11, 12, 13)])
    call = mig_nvml.nvmlLib.nvmlDeviceGetComputeRunningProcesses_v3
    count, room = ctypes.c_uint(2), (mig_nvml.c_nvmlProcessInfo_v3_t * 3)()
    assert call(whole_gpu, ctypes.byref(count), room) == INSUFFICIENT_SIZE
    assert (count.value, room[0].pid) == (3, 0)
    assert call(whole_gpu, ctypes.byref(count), None) == INSUFFICIENT_SIZE
    assert call(whole_gpu, ctypes.byref(count), room) == 0
    assert (count.value, [entry.pid for entry in room]) == (3, [11, 12, 13])
    with pytest.raises(ValueError, match="no room"):
        fake_nvml.set_processes(1, [Process(1, 1)] * 65)


def test_process_that_asks(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """It is found under its own id when the device is told so."""
    fake_nvml.set_processes(1, [Process(1, 1)])
    fake_nvml.set(1, own_memory=4096, own_utilization=30)
    assert [p[:2] for p in _processes(mig_nvml.nvmlDeviceGetComputeRunningProcesses(whole_gpu))] == [
        (1, 1),
        (os.getpid(), 4096),
    ]
    (sample,) = mig_nvml.nvmlDeviceGetProcessUtilization(whole_gpu, 0)
    assert (sample.pid, sample.smUtil) == (os.getpid(), 30)
    assert abs(sample.timeStamp / 1e6 - time.time()) < 60


def test_process_utilization(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """Samples newer than the last one seen; without any, the driver finds nothing."""
    assert code(mig_nvml, "nvmlDeviceGetProcessUtilization", whole_gpu, 0) == NOT_FOUND
    samples = [ProcessUtilization(11, 1000, 50, 20, 3, 4), ProcessUtilization(12, 2000, 60)]
    fake_nvml.set_process_utilization(1, samples)
    answers = mig_nvml.nvmlDeviceGetProcessUtilization(whole_gpu, 0)
    fields = ("pid", "timeStamp", "smUtil", "memUtil", "encUtil", "decUtil")
    assert [tuple(getattr(answer, field) for field in fields) for answer in answers] == samples
    assert [answer.pid for answer in mig_nvml.nvmlDeviceGetProcessUtilization(whole_gpu, 1000)] == [12]
    assert code(mig_nvml, "nvmlDeviceGetProcessUtilization", whole_gpu, 2000) == NOT_FOUND


def test_size_of_the_process_utilization(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """Told when there is no room; "success" of nothing, where told to, is what the binding stumbles over."""
    fake_nvml.set_process_utilization(1, [ProcessUtilization(pid, 1, 1) for pid in (11, 12)])
    count, room = ctypes.c_uint(1), (mig_nvml.c_nvmlProcessUtilizationSample_t * 1)()
    last_seen = ctypes.c_ulonglong(0)
    call = mig_nvml.nvmlLib.nvmlDeviceGetProcessUtilization
    assert call(whole_gpu, room, ctypes.byref(count), last_seen) == INSUFFICIENT_SIZE
    assert count.value == 2
    fake_nvml.set_process_utilization(1, [])
    fake_nvml.set(1, process_size_succeeds=1)
    assert code(mig_nvml, "nvmlDeviceGetProcessUtilization", whole_gpu, 0) == 0


def test_processes_of_mig_devices(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any) -> None:
    """Each MIG device has its own, the GPU all of them."""
    processes = [Process(11, 1, 1, 0), Process(12, 2, 1, 1), Process(13, 3, 9, 0)]
    fake_nvml.set_processes(0, processes)
    assert _processes(mig_nvml.nvmlDeviceGetComputeRunningProcesses(mig_gpu)) == processes
    for slot, process in ((0, 0), (1, 1), (3, 2)):
        mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, slot)
        assert _processes(mig_nvml.nvmlDeviceGetComputeRunningProcesses(mig)) == [processes[process]]
    fake_nvml.set(instance(0, 3), own_memory=77)
    assert _processes(mig_nvml.nvmlDeviceGetComputeRunningProcesses(mig))[1] == (os.getpid(), 77, 9, 0)
