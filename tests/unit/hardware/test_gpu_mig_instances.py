"""The parts into which MIG splits a GPU."""

from collections.abc import Iterator

import pytest

from fake_nvml.driver import GIB, NAME, FakeDriver, instance, mig_uuid
from paddle_otel.hardware.nvml.binding import Binding, NvmlError
from paddle_otel.hardware.nvml.mig import instances, is_enabled

MODE, COUNT, HANDLE = "nvmlDeviceGetMigMode", "nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex"
GPU_INSTANCE, COMPUTE_INSTANCE = "nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId"

DRIVER = "nvmlDeviceGetCount_v2"  # answers as long as the driver is there

SMALL = (10 * GIB, GIB, "1g.10gb")
TWO_PARTS = [(7, 0, *SMALL), (8, 0, *SMALL)]


@pytest.fixture
def binding(fake_nvml: FakeDriver) -> Iterator[Binding]:  # noqa: ARG001 - the driver is in place first
    """NVML on the fake driver, initialised."""
    binding = Binding.load()
    binding.call("nvmlInit")
    yield binding
    binding.call_or_none("nvmlShutdown")


def _handle(binding: Binding, index: int = 0) -> object:
    return binding.call("nvmlDeviceGetHandleByIndex", index)


def test_parts_of_a_gpu(fake_nvml: FakeDriver, binding: Binding) -> None:
    """Each with what it is and where it belongs; empty slots are no parts."""
    fake_nvml.mig(0, [(1, 0, 40 * GIB, GIB, "3g.40gb"), None, (9, 0, *SMALL)])
    first, second = instances(binding, _handle(binding))
    assert (first.uuid, first.name) == (mig_uuid(0, 1, 0), f"{NAME} MIG 3g.40gb")
    assert (first.gpu_instance_id, first.compute_instance_id, first.first) == (1, 0, True)
    assert (second.uuid, second.name) == (mig_uuid(0, 9, 0), f"{NAME} MIG 1g.10gb")
    assert (second.gpu_instance_id, second.compute_instance_id, second.first) == (9, 0, True)
    assert [binding.call("nvmlDeviceGetMemoryInfo", one.handle).total for one in (first, second)] == [
        40 * GIB,
        10 * GIB,
    ]


def test_memory_of_a_gpu_instance_is_reported_by_one_of_its_parts(fake_nvml: FakeDriver, binding: Binding) -> None:
    """By the one with the lowest number, in whatever order they come."""
    fake_nvml.mig(0, [(1, 2, *SMALL), (2, 0, *SMALL), (1, 1, *SMALL), (1, 3, *SMALL), (2, 1, *SMALL)])
    parts = instances(binding, _handle(binding))
    assert [(part.gpu_instance_id, part.compute_instance_id) for part in parts if part.first] == [(2, 0), (1, 1)]
    assert len(parts) == 5


@pytest.mark.parametrize("supported", [0, 1])
def test_gpu_that_is_not_split(fake_nvml: FakeDriver, binding: Binding, supported: int) -> None:
    """It has no parts, whether or not it could have."""
    fake_nvml.set(0, mig_supported=supported)
    assert instances(binding, _handle(binding)) == ()
    assert is_enabled(binding, _handle(binding)) is (False if supported else None)
    assert fake_nvml.calls(HANDLE) == 0


def test_split_gpu_without_parts(fake_nvml: FakeDriver, binding: Binding) -> None:
    """MIG mode is on, and nothing was made of the GPU yet."""
    fake_nvml.set(0, mig_mode=1)
    assert is_enabled(binding, _handle(binding)) is True
    assert instances(binding, _handle(binding)) == ()


def test_mode_that_will_change(fake_nvml: FakeDriver, binding: Binding) -> None:
    """What counts is the mode now, not the one after the next reset."""
    fake_nvml.set(0, mig_pending_mode=1)
    assert is_enabled(binding, _handle(binding)) is False


def test_only_its_own_gpus_parts(fake_nvml: FakeDriver, binding: Binding) -> None:
    """Beside other GPUs."""
    fake_nvml.reset(3)
    binding.call("nvmlInit")
    fake_nvml.mig(1, TWO_PARTS)
    counts = [len(instances(binding, _handle(binding, index))) for index in range(3)]
    assert counts == [0, 2, 0]


def test_seven_parts(fake_nvml: FakeDriver, binding: Binding) -> None:
    """As many as a GPU can have."""
    fake_nvml.mig(0, [(number, 0, *SMALL) for number in range(7)])
    assert [part.gpu_instance_id for part in instances(binding, _handle(binding))] == [*range(7)]


@pytest.mark.parametrize("code", [3, 4, 13, 999])
def test_container_that_may_not_ask_the_gpu(fake_nvml: FakeDriver, binding: Binding, code: int) -> None:
    """Its parts are found all the same."""
    fake_nvml.mig(0, TWO_PARTS)
    fake_nvml.inject(MODE, code)
    assert is_enabled(binding, _handle(binding)) is None
    assert len(instances(binding, _handle(binding))) == 2


@pytest.mark.parametrize("code", [2, 3, 4, 6, 13, 999])
def test_refused_count(fake_nvml: FakeDriver, binding: Binding, code: int) -> None:
    """Then no part is known."""
    fake_nvml.mig(0, TWO_PARTS)
    fake_nvml.inject(COUNT, code)
    assert instances(binding, _handle(binding)) == ()


@pytest.mark.parametrize("code", [2, 3, 4, 6, 10, 999])
@pytest.mark.parametrize("function", [HANDLE, "nvmlDeviceGetUUID"])
def test_refused_part(fake_nvml: FakeDriver, binding: Binding, function: str, code: int) -> None:
    """The others are listed."""
    fake_nvml.mig(0, TWO_PARTS)
    fake_nvml.inject(function, code, times=1)
    parts = instances(binding, _handle(binding))
    assert [(part.gpu_instance_id, part.first) for part in parts] == [(8, True)]


def test_part_without_a_name(fake_nvml: FakeDriver, binding: Binding) -> None:
    """It has its UUID."""
    fake_nvml.mig(0, TWO_PARTS)
    fake_nvml.inject("nvmlDeviceGetName", 999, device=instance(0, 0))
    assert [part.name for part in instances(binding, _handle(binding))] == [None, f"{NAME} MIG 1g.10gb"]


@pytest.mark.parametrize("function", [GPU_INSTANCE, COMPUTE_INSTANCE])
def test_part_that_does_not_say_where_it_belongs(fake_nvml: FakeDriver, binding: Binding, function: str) -> None:
    """Its memory may be another one's, too, so it is not the one that reports it."""
    fake_nvml.mig(0, TWO_PARTS)
    fake_nvml.inject(function, 999, device=instance(0, 0))
    assert [part.first for part in instances(binding, _handle(binding))] == [False, True]


@pytest.mark.parametrize("count", [65, 2**32 - 1])
def test_number_of_slots_that_cannot_be_true(
    fake_nvml: FakeDriver, binding: Binding, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not counted up to."""

    def most(_: object) -> int:
        return count

    monkeypatch.setattr("pynvml.nvmlDeviceGetMaxMigDeviceCount", most)
    fake_nvml.mig(0, TWO_PARTS)
    assert instances(binding, _handle(binding)) == ()
    assert fake_nvml.calls(HANDLE) == 0


@pytest.mark.parametrize("code", [1, 9, 15, 16, 18, 28])
@pytest.mark.parametrize(
    "function",
    [MODE, COUNT, HANDLE, "nvmlDeviceGetUUID", "nvmlDeviceGetName", GPU_INSTANCE, COMPUTE_INSTANCE],
)
def test_lost_device_and_driver_that_is_gone(fake_nvml: FakeDriver, binding: Binding, function: str, code: int) -> None:
    """Whoever reads the GPU has to know."""
    handle = _handle(binding)
    fake_nvml.mig(0, TWO_PARTS)
    fake_nvml.inject(function, code)
    fake_nvml.inject(DRIVER, code)
    with pytest.raises(NvmlError) as raised:
        instances(binding, handle)
    assert raised.value.code == code
