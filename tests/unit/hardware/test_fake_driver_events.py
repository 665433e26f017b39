"""The fake driver tells of XID errors as the real one does."""

import ctypes
import threading
import time
from typing import Any

from fake_nvml import scenarios
from fake_nvml.asking import code
from fake_nvml.codes import GPU_IS_LOST, INSUFFICIENT_RESOURCES, INVALID_ARGUMENT, NOT_SUPPORTED, TIMEOUT
from fake_nvml.driver import NO_INSTANCE, FakeDriver
from fake_nvml.sources import eventually

XID = 0x8


def _same(one: Any, other: Any) -> bool:
    return ctypes.addressof(one.contents) == ctypes.addressof(other.contents)


def test_xid(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any, whole_gpu: Any) -> None:
    """Every set that is registered for the device hears of it, once, in order; others do not."""
    first, second, other = (mig_nvml.nvmlEventSetCreate() for _ in range(3))
    assert fake_nvml.event_sets == 3
    mig_nvml.nvmlDeviceRegisterEvents(whole_gpu, XID, first)
    mig_nvml.nvmlDeviceRegisterEvents(mig_gpu, XID, first)
    mig_nvml.nvmlDeviceRegisterEvents(whole_gpu, XID | 0x1, second)
    mig_nvml.nvmlDeviceRegisterEvents(mig_gpu, 0x1, other)
    assert fake_nvml.xid(1, 79) == 2
    assert fake_nvml.xid(0, 31, 1, 0) == 1
    event = mig_nvml.nvmlEventSetWait_v2(first, 0)
    assert _same(event.device, whole_gpu)
    assert (event.eventType, event.eventData) == (XID, 79)
    assert (event.gpuInstanceId, event.computeInstanceId) == (NO_INSTANCE, NO_INSTANCE)
    event = mig_nvml.nvmlEventSetWait_v2(first, 0)
    assert _same(event.device, mig_gpu)
    assert (event.eventData, event.gpuInstanceId, event.computeInstanceId) == (31, 1, 0)
    assert mig_nvml.nvmlEventSetWait_v2(second, 0).eventData == 79
    for event_set in (first, second, other):
        assert code(mig_nvml, "nvmlEventSetWait_v2", event_set, 0) == TIMEOUT
        mig_nvml.nvmlEventSetFree(event_set)
    assert fake_nvml.event_sets == 0
    assert fake_nvml.xid(1, 79) == 0


def test_xid_of_a_lost_device(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """The event tells which device; the device itself tells nothing."""
    events = mig_nvml.nvmlEventSetCreate()
    mig_nvml.nvmlDeviceRegisterEvents(whole_gpu, XID, events)
    scenarios.lose(fake_nvml, 1)
    event = mig_nvml.nvmlEventSetWait_v2(events, 0)
    assert event.eventData == scenarios.FELL_OFF_THE_BUS
    assert code(mig_nvml, "nvmlDeviceGetUUID", event.device) == GPU_IS_LOST
    assert code(mig_nvml, "nvmlDeviceRegisterEvents", whole_gpu, XID, events) == GPU_IS_LOST


def test_waiting_for_an_event(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """As long as told, or until it happens; no wait at all when told so."""
    events = mig_nvml.nvmlEventSetCreate()
    mig_nvml.nvmlDeviceRegisterEvents(whole_gpu, XID, events)
    before = time.monotonic()
    assert code(mig_nvml, "nvmlEventSetWait_v2", events, 50) == TIMEOUT
    assert time.monotonic() - before >= 0.05
    heard: list[int] = []
    waiting = threading.Thread(target=lambda: heard.append(mig_nvml.nvmlEventSetWait_v2(events, 60_000).eventData))
    waiting.start()
    assert eventually(lambda: fake_nvml.calls("nvmlEventSetWait_v2") == 2)
    assert mig_nvml.nvmlDeviceGetPowerUsage(whole_gpu) == 300_001
    assert heard == []
    fake_nvml.xid(1, 48)
    waiting.join(10)
    assert heard == [48]


def test_event_sets(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any, whole_gpu: Any) -> None:
    """What is no set, is freed, or is one too many; kinds of event that a device does not have."""
    events = mig_nvml.nvmlEventSetCreate()
    assert mig_nvml.nvmlDeviceGetSupportedEventTypes(whole_gpu) == 0x1F
    assert code(mig_nvml, "nvmlDeviceRegisterEvents", whole_gpu, 0x8000, events) == NOT_SUPPORTED
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 0)
    assert code(mig_nvml, "nvmlDeviceRegisterEvents", mig, XID, events) == NOT_SUPPORTED
    fake_nvml.set(1, event_types=0)
    assert code(mig_nvml, "nvmlDeviceRegisterEvents", whole_gpu, XID, events) == NOT_SUPPORTED
    mig_nvml.nvmlEventSetFree(events)
    assert code(mig_nvml, "nvmlEventSetFree", events) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlEventSetWait_v2", events, 0) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlDeviceRegisterEvents", mig_gpu, XID, events) == INVALID_ARGUMENT
    sets = [mig_nvml.nvmlEventSetCreate() for _ in range(64)]
    assert code(mig_nvml, "nvmlEventSetCreate") == INSUFFICIENT_RESOURCES
    assert not _same(sets[0], sets[1])


def test_flood_of_events(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """What does not fit is not heard of; the oldest are kept."""
    events = mig_nvml.nvmlEventSetCreate()
    mig_nvml.nvmlDeviceRegisterEvents(whole_gpu, XID, events)
    assert sum(fake_nvml.xid(1, xid) for xid in range(300)) == 256
    assert [mig_nvml.nvmlEventSetWait_v2(events, 0).eventData for _ in range(256)] == list(range(256))
    assert code(mig_nvml, "nvmlEventSetWait_v2", events, 0) == TIMEOUT
    fake_nvml.xid(1, 7)
    assert mig_nvml.nvmlEventSetWait_v2(events, 0).eventData == 7


def test_set_that_is_freed_late(fake_nvml: FakeDriver, mig_nvml: Any) -> None:
    """What a test before left behind is nothing of this one."""
    before = mig_nvml.nvmlEventSetCreate()
    fake_nvml.reset()
    mig_nvml.nvmlInit()
    events = mig_nvml.nvmlEventSetCreate()
    assert not _same(before, events)
    assert code(mig_nvml, "nvmlEventSetFree", before) == INVALID_ARGUMENT
    assert fake_nvml.event_sets == 1
