"""Which GPUs are asked, and which are left alone."""

import os

import pytest

from fake_nvml.driver import MAX_DEVICES, FakeDriver, instance, mig_uuid, uuid
from fake_nvml.scenarios import mig_and_whole
from fake_nvml.sources import Clock
from gpu_readings import read, read_by_uuid
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.settings import Settings

IDENTITY = {
    "nvmlDeviceGetHandleByIndex_v2",
    "nvmlDeviceGetUUID",
    "nvmlDeviceGetName",
    "nvmlDeviceGetSerial",
    "nvmlDeviceGetVbiosVersion",
    "nvmlDeviceGetPciInfo_v3",
    "nvmlDeviceGetMigMode",
}


def _source(clock: Clock, gpus: str = "visible", **environ: str) -> NvmlSource:
    return NvmlSource(clock, settings=Settings(gpus=gpus), environ=environ)


def _ordinals(source: NvmlSource) -> dict[str, int | None]:
    return {name: reading.ordinal for name, reading in read_by_uuid(source).items()}


@pytest.mark.parametrize(
    ("gpus", "environ", "expected"),
    [
        ("visible", {}, {0: 0, 1: 1, 2: 2, 3: 3}),
        ("visible", {"CUDA_VISIBLE_DEVICES": "2,0"}, {0: 1, 2: 0}),
        ("visible", {"CUDA_VISIBLE_DEVICES": uuid(3)}, {3: 0}),
        ("visible", {"CUDA_VISIBLE_DEVICES": ""}, {}),
        ("visible", {"CUDA_VISIBLE_DEVICES": "-1"}, {}),
        ("all", {"CUDA_VISIBLE_DEVICES": "2,0"}, {0: 1, 1: None, 2: 0, 3: None}),
        ("1,3", {}, {1: 1, 3: 3}),
        (f"{uuid(2)}", {"CUDA_VISIBLE_DEVICES": "3,2"}, {2: 1}),
    ],
)
def test_choice(
    fake_nvml: FakeDriver, clock: Clock, gpus: str, environ: dict[str, str], expected: dict[int, int | None]
) -> None:
    """By the setting, and by what CUDA sees; each GPU knows its CUDA ordinal."""
    fake_nvml.reset(4)
    assert _ordinals(_source(clock, gpus, **environ)) == {uuid(index): place for index, place in expected.items()}


def test_others_are_asked_who_they_are_and_nothing_else(fake_nvml: FakeDriver, clock: Clock) -> None:
    """Which wakes no GPU and takes nobody's time."""
    fake_nvml.reset(2)
    source = _source(clock, "1")
    for _ in range(120):
        assert [reading.identity.uuid for reading in read(source)] == [uuid(1)]
        clock.now += 1.0
    functions = [name for name in dir(__import__("pynvml")) if name.startswith("nvmlDeviceGet")]
    exported = {*functions, *IDENTITY, "nvmlDeviceGetMemoryInfo_v2", "nvmlGpmSampleGet", "nvmlDeviceRegisterEvents"}
    asked = {name for name in exported if fake_nvml.calls(name, device=0)}
    assert asked == IDENTITY
    assert fake_nvml.calls("nvmlDeviceGetUUID", device=0) == 1


def test_nothing_chosen_is_no_trouble(fake_nvml: FakeDriver, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A program without GPUs is quiet, and NVML is not initialised again and again because of the silence."""
    fake_nvml.reset(2)
    source = _source(clock, CUDA_VISIBLE_DEVICES="")
    with caplog.at_level("INFO", "paddle_otel"):
        for _ in range(300):
            assert read(source) == ()
            clock.now += 1.0
    assert fake_nvml.calls("nvmlInitWithFlags") == 1
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_gpu_that_was_silent_and_is_not_chosen(fake_nvml: FakeDriver, clock: Clock) -> None:
    """Nothing is expected of it once it is known who it is."""
    fake_nvml.reset(2)
    fake_nvml.inject("nvmlDeviceGetUUID", 999, device=1, times=1)
    source = _source(clock, CUDA_VISIBLE_DEVICES="")
    assert source.read() is None
    for _ in range(300):
        clock.now += 1.0
        assert read(source) == ()
    assert source.errors == 1
    assert fake_nvml.calls("nvmlInitWithFlags") == 1


def test_environment_that_the_program_sets_later(
    fake_nvml: FakeDriver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs set CUDA_VISIBLE_DEVICES before they import Paddle, which is after the sampler was started."""
    fake_nvml.reset(3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    source = NvmlSource(clock, environ=os.environ)
    assert _ordinals(source) == {uuid(0): 0, uuid(1): 1, uuid(2): 2}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    clock.now += 10.0
    assert _ordinals(source) == {uuid(1): 0}


def test_used_gpus(fake_nvml: FakeDriver, clock: Clock) -> None:
    """Those on which this process computes, as soon as it does; they stay when it has finished."""
    fake_nvml.reset(3)
    source = _source(clock, "used")
    assert read(source) == ()
    fake_nvml.set(2, own_memory=1 << 30)
    clock.now += 5.0
    assert read(source) == ()
    clock.now += 5.0
    assert [reading.identity.uuid for reading in read(source)] == [uuid(2)]
    fake_nvml.set(2, own_memory=-1)
    clock.now += 60.0
    assert [reading.identity.uuid for reading in read(source)] == [uuid(2)]
    assert fake_nvml.calls("nvmlDeviceGetUtilizationRates", device=0) == 0


def test_used_gpus_when_the_list_of_processes_fails(fake_nvml: FakeDriver, clock: Clock) -> None:
    """It cannot be told, so none is chosen, and nothing is raised."""
    fake_nvml.reset(2)
    for code in (3, 15, 999):
        fake_nvml.inject("nvmlDeviceGetComputeRunningProcesses_v3", code)
        fake_nvml.inject("nvmlDeviceGetComputeRunningProcesses_v2", code)
        assert read(_source(clock, "used")) == ()
        fake_nvml.heal()


def test_choice_is_made_anew_with_the_driver(fake_nvml: FakeDriver, clock: Clock) -> None:
    """The list may be another one then."""
    fake_nvml.reset(3)
    source = _source(clock, "0")
    assert set(read_by_uuid(source)) == {uuid(0)}
    fake_nvml.reload()
    fake_nvml.list_devices(2, 1, 0)
    assert source.read() is None
    clock.now += 60.0
    assert set(read_by_uuid(source)) == {uuid(2)}


def test_gpu_that_opens_late_is_chosen(fake_nvml: FakeDriver, clock: Clock) -> None:
    """A device whose permission comes later is found, and gets the ordinal that CUDA would give it."""
    fake_nvml.reset(2)
    fake_nvml.inject("nvmlDeviceGetHandleByIndex_v2", 4, device=0)
    source = _source(clock)
    assert set(read_by_uuid(source)) == {uuid(1)}
    fake_nvml.heal()
    clock.now += 60.0
    assert _ordinals(source) == {uuid(0): 0, uuid(1): 1}


def test_one_part_of_a_split_gpu(fake_nvml: FakeDriver, clock: Clock) -> None:
    """Only the part is reported; the GPU it is a part of and the other parts are not asked for values."""
    mig_and_whole(fake_nvml)
    part = mig_uuid(0, 9, 0)
    source = _source(clock, CUDA_VISIBLE_DEVICES=part)
    for _ in range(3):
        readings = read_by_uuid(source)
        assert {name: (one.ordinal, one.memory_used) for name, one in readings.items()} == {part: (0, 3 << 30)}
        clock.now += 31.0
    assert fake_nvml.calls("nvmlDeviceGetUtilizationRates") == 0
    assert fake_nvml.calls("nvmlDeviceGetMemoryInfo_v2", device=0) == 0
    assert fake_nvml.calls("nvmlDeviceGetMemoryInfo_v2", device=instance(0, 0)) == 0
    assert instance(0, 0) >= MAX_DEVICES
