"""A GPU that MIG has split, as readings and as metrics."""

import dataclasses
import os

from fake_nvml.driver import GIB, FakeDriver, Mig, Process, instance, mig_uuid, uuid
from fake_nvml.scenarios import MIG_DEVICES, mig_and_whole
from fake_nvml.sources import Clock
from gpu_readings import read_by_uuid
from paddle_otel.hardware.kind import Window
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource

NO_PERMISSION = 4
FIRST, SECOND, THIRD = mig_uuid(0, 1, 0), mig_uuid(0, 1, 1), mig_uuid(0, 9, 0)


def _shown(readings: dict[str, GpuReading], name: str) -> dict[str, float]:
    now = tuple(readings.values())
    (observed,) = (one for one in KIND.metrics if one.metric.name == name)
    points = list(observed.points(Window(now, None, 0.0, lambda: (now,))))
    return {str(labels["hw.id"]): value for value, labels in points}


def test_gpu_and_its_parts(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """The GPU tells what is the whole board's; the parts tell their memory, each GPU instance's once."""
    mig_and_whole(fake_nvml)
    readings = read_by_uuid(source)
    assert set(readings) == {uuid(0), uuid(1), FIRST, THIRD}
    split = readings[uuid(0)]
    assert (split.mig, split.utilization, split.memory_controller, split.ordinal) == (True, None, None, None)
    assert (split.state.engines, split.process) == ({}, None)
    assert (split.power, split.temperature, split.energy) == (350.0, 40.0, 1000.0)
    assert (readings[uuid(1)].mig, readings[uuid(1)].utilization) == (False, 0.51)
    first, third = readings[FIRST], readings[THIRD]
    assert (first.memory_used, first.memory_total) == (5 * GIB, 20 * GIB)
    assert (third.memory_used, third.memory_total) == (3 * GIB, 10 * GIB)
    assert (first.mig, first.power, first.energy, first.utilization, first.status) == (True, None, None, None, None)


def test_identity_of_a_part(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Its own UUID and name, the GPU as its parent, and the number of its GPU instance."""
    mig_and_whole(fake_nvml)
    labels = read_by_uuid(source)[THIRD].identity.attributes
    assert dict(labels) == {
        "hw.id": THIRD,
        "hw.name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "hw.model": "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "hw.vendor": "NVIDIA",
        "hw.driver_version": "580.95.05",
        "hw.parent": uuid(0),
        "paddle.gpu.mig.instance_id": 9,
    }


def test_memory_of_a_gpu_instance_is_counted_once(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Two compute instances share it."""
    mig_and_whole(fake_nvml)
    parts = {name: reading for name, reading in read_by_uuid(source).items() if reading.identity.parent}
    assert _shown(parts, "hw.gpu.memory.usage") == {FIRST: 5 * GIB, THIRD: 3 * GIB}
    assert _shown(parts, "hw.status") == _shown(parts, "hw.power") == {}


def test_pipes_of_the_parts(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Of each GPU instance; nothing at the first reading, because a share is taken between two."""
    mig_and_whole(fake_nvml)
    fake_nvml.set_gpm(instance(0, 3), {2: 40.0, 5: 10.0})
    assert read_by_uuid(source)[THIRD].pipes == {}
    clock.now += 1.0
    pipes = read_by_uuid(source)[THIRD].pipes
    assert (pipes["sm"], pipes["tensor"]) == (0.4, 0.1)


def test_what_this_process_uses_of_a_part(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Also of one that does not report the memory of its GPU instance, so that it is there only then."""
    mig_and_whole(fake_nvml)
    fake_nvml.set(instance(0, 1), own_memory=2 * GIB)
    readings = read_by_uuid(source)
    assert _shown(readings, "process.gpu.memory.usage") == {SECOND: 2 * GIB}
    assert readings[SECOND].memory_used is None


def test_process_in_a_part_is_not_reported_of_the_whole(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """The driver lists it for both; its memory would be counted twice."""
    mig_and_whole(fake_nvml)
    fake_nvml.set_processes(0, [Process(os.getpid(), 2 * GIB, 9, 0)])
    assert _shown(read_by_uuid(source), "process.gpu.memory.usage") == {THIRD: 2 * GIB}


def test_split_gpu_that_is_lost_and_comes_back_whole(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Its parts are gone with it, and are not asked for when it is back."""
    mig_and_whole(fake_nvml)
    assert set(read_by_uuid(source)) == {uuid(0), uuid(1), FIRST, THIRD}
    fake_nvml.set(0, lost=15)
    clock.now += 1.0
    readings = read_by_uuid(source)
    assert (set(readings), readings[uuid(0)].status) == ({uuid(0), uuid(1)}, "failed")
    fake_nvml.mig(0, [])
    fake_nvml.set(0, lost=0)
    clock.now += 2.0
    readings = read_by_uuid(source)
    assert (set(readings), readings[uuid(0)].utilization, readings[uuid(0)].mig) == ({uuid(0), uuid(1)}, 0.5, False)


def test_container_that_has_only_parts(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """It may be refused everything about the GPU; its parts are read all the same."""
    mig_and_whole(fake_nvml)
    for function in ("nvmlDeviceGetMigMode", "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetFieldValues"):
        fake_nvml.inject(function, NO_PERMISSION, device=0)
    for function in ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", "nvmlDeviceGetPowerUsage"):
        fake_nvml.inject(function, NO_PERMISSION, device=0)
    for function in ("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetTotalEnergyConsumption"):
        fake_nvml.inject(function, NO_PERMISSION, device=0)
    for _ in range(40):
        assert set(read_by_uuid(source)) == {uuid(1), FIRST, THIRD}
        clock.now += 1.0


def test_split_that_changes(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Parts come and go, and a GPU that is whole again has its utilisation again."""
    fake_nvml.reset(1)
    assert set(read_by_uuid(source)) == {uuid(0)}
    fake_nvml.mig(0, MIG_DEVICES)
    clock.now += 30.0
    assert set(read_by_uuid(source)) == {uuid(0), FIRST, THIRD}
    fake_nvml.mig(0, [Mig(9, 0, 10 * GIB, 4 * GIB)])
    clock.now += 30.0
    readings = read_by_uuid(source)
    assert set(readings) == {uuid(0), THIRD}
    assert readings[THIRD].memory_used == 4 * GIB
    fake_nvml.mig(0, [])
    clock.now += 30.0
    (whole,) = read_by_uuid(source).values()
    assert (whole.mig, whole.utilization) == (False, 0.5)


def test_part_that_is_destroyed_between_two_looks(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """It has no values; the other parts and GPUs have theirs."""
    mig_and_whole(fake_nvml)
    read_by_uuid(source)
    fake_nvml.inject("nvmlDeviceGetMemoryInfo_v2", 2, device=instance(0, 3))
    fake_nvml.inject("nvmlDeviceGetMemoryInfo", 2, device=instance(0, 3))
    fake_nvml.inject("nvmlGpmMigSampleGet", 2, device=0)
    clock.now += 1.0
    readings = read_by_uuid(source)
    assert set(readings) == {uuid(0), uuid(1), FIRST}


def test_part_is_read_again_under_another_handle(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """The parts are listed anew every half minute; what is remembered of them stays."""
    mig_and_whole(fake_nvml)
    first = dataclasses.replace(read_by_uuid(source)[FIRST], pipes={})
    for _ in range(100):
        clock.now += 1.0
        assert dataclasses.replace(read_by_uuid(source)[FIRST], pipes={}) == first
    assert fake_nvml.gpm_samples <= 2 * 4
