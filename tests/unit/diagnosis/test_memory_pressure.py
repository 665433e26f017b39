"""Memory that is about to run out, of all kinds of memory: each value by hand."""

import itertools
from typing import Any, cast

import pytest

from fake_nvml.samples import UUID, gpu
from memory_scene import Allocator, MemoryScene
from paddle_otel.diagnosis.address_space import AddressSpace
from paddle_otel.diagnosis.memory_pressure import MOST_MEMORIES, MemoryPressure
from paddle_otel.hardware.container.reading import ContainerReading
from paddle_otel.hardware.host.reading import HostReading, Memory
from paddle_otel.hardware.nvml.processes import ProcessUse

GIB = 1024**3


def of(share: float, **values: Any) -> Any:
    """Return a GPU of 100 GiB of which this share is in use."""
    return gpu(memory_used=int(share * 100 * GIB), memory_total=100 * GIB, **values)


def test_event(scene: MemoryScene) -> None:
    """Exact names, values and types; nothing that is not known."""
    number, (found,) = scene.until_told(lambda number: scene.sample(of(0.10 + 0.05 * number)))
    assert number == 15
    assert found.name == "paddle.memory.pressure"
    assert found.claim == "paddle.memory.pressure GPU-0"
    assert found.timestamp == int(scene.now * 1e9)
    attributes = dict(found.attributes)
    assert attributes.pop("paddle.memory.trend") == pytest.approx(5 * GIB)
    assert attributes.pop("paddle.memory.seconds_to_limit") == pytest.approx(3.0)
    assert attributes == {
        "hw.id": UUID,
        "paddle.device": "gpu:0",
        "paddle.memory.pressure.scope": "gpu",
        "paddle.memory.pressure.cause": "trend",
        "paddle.memory.used": int(0.85 * 100 * GIB),
        "paddle.memory.limit": 100 * GIB,
        "paddle.memory.pressure.advice": "Take fewer requests at a time, or end what else uses this memory.",
    }
    assert [type(found.attributes[f"paddle.memory.{name}"]) for name in ("used", "limit")] == [int, int]
    assert [type(found.attributes[f"paddle.memory.{name}"]) for name in ("trend", "seconds_to_limit")] == [float] * 2


def test_once_for_each_episode(scene: MemoryScene) -> None:
    """Not again while it lasts; again after the use has clearly fallen, but not for a small dip."""
    told: list[int] = []

    def sample(share: float) -> None:
        if scene.sample(of(share)):
            told.append(int(scene.now))

    for number in range(18):
        sample(0.10 + 0.05 * number)
    assert len(told) == 1
    assert scene.rule.ongoing == ["paddle.memory.pressure GPU-0"]
    for number in range(40):
        sample(0.93 + 0.0015 * number)  # a dip, and on
    assert len(told) == 1
    for _ in range(5):
        sample(0.30)
    assert scene.rule.ongoing == []
    for number in range(14):
        sample(0.30 + 0.05 * number)
    assert len(told) == 2


def test_episode_ends_by_a_fall_from_its_highest_value(scene: MemoryScene) -> None:
    """Not from the one at which it was told: the next rise is told though the use was never below that."""
    told = 0
    for share in (
        *(0.10 + 0.05 * number for number in range(18)),
        *(0.96 + 0.001 * number for number in range(20)),
        *[0.86] * 60,
        *(0.86 + 0.01 * number for number in range(14)),
    ):
        told += len(scene.sample(of(share)))
    assert told == 2


def test_not_twice_in_half_a_minute(scene: MemoryScene) -> None:
    """However often the use swings up to the limit and back."""
    told = [scene.now for number in range(300) if scene.sample(of(0.3 + 0.68 * (number % 10) / 9))]
    pauses = [after - before for before, after in itertools.pairwise(told)]
    assert told
    assert min(pauses) >= 30.0


def test_each_gpu_for_itself(scene: MemoryScene) -> None:
    """One of three leaks, one is full and steady, one saws."""

    def sample(number: int) -> Any:
        return scene.sample(
            of(0.10 + 0.02 * number, ordinal=0, uuid="GPU-leaks"),
            of(0.95, ordinal=1, uuid="GPU-full"),
            of(0.3 + 0.04 * (number % 10), ordinal=2, uuid="GPU-saws"),
        )

    _, found = scene.until_told(sample)
    assert [one.attributes["hw.id"] for one in found] == ["GPU-leaks"]
    assert [one.attributes["paddle.device"] for one in found] == ["gpu:0"]


def test_readings_that_fail_in_between(scene: MemoryScene) -> None:
    """Cost nothing but themselves."""

    def sample(number: int) -> Any:
        return scene.sample() if number % 4 == 3 else scene.sample(of(0.10 + 0.02 * number))

    number, _ = scene.until_told(sample)
    assert number < 45


@pytest.mark.parametrize("values", [{}, {"memory_used": 5}, {"memory_total": 5}, {"memory_used": 0, "memory_total": 0}])
def test_memory_that_is_not_told(scene: MemoryScene, values: Any) -> None:
    """Nothing is said about it."""
    for _ in range(20):
        assert scene.sample(gpu(**values)) == []


def test_tensors_that_fill_a_full_pool(scene: MemoryScene) -> None:
    """The GPU is full from the start, as Paddle keeps what it has; what counts is what tensors take of it."""

    def sample(number: int) -> Any:
        pool = Allocator("gpu:0", allocated=(10 + 4 * number) * GIB, reserved=95 * GIB)
        return scene.sample(of(0.97), allocator=(pool,))

    number, (found,) = scene.until_told(sample)
    attributes = found.attributes
    assert attributes["paddle.memory.used"] == 97 * GIB
    assert attributes["paddle.memory.reserved"] == 95 * GIB
    assert attributes["paddle.memory.allocated"] == (10 + 4 * number) * GIB
    assert attributes["paddle.memory.trend"] == pytest.approx(4 * GIB)
    assert attributes["paddle.memory.seconds_to_limit"] == pytest.approx((98 - 10 - 4 * number) / 4)


def test_restart_of_an_episode_in_a_pool_that_stays(scene: MemoryScene) -> None:
    """After the tensors were freed the GPU stays full; the next leak is told again."""
    told = 0
    for _ in range(2):
        for number in range(40):
            allocated = min(5 + 3 * number, 95)
            pool = Allocator("gpu:0", allocated=allocated * GIB, reserved=95 * GIB)
            told += len(scene.sample(of(0.97), allocator=(pool,)))
    assert told == 2


def test_swings_inside_a_pool_are_none(scene: MemoryScene) -> None:
    """Each request takes and frees."""
    for number in range(300):
        pool = Allocator("gpu:0", allocated=(20 + number % 7 * 8) * GIB, reserved=95 * GIB)
        assert scene.sample(of(0.97), allocator=(pool,)) == []


def test_pool_of_another_device_does_not_count(scene: MemoryScene) -> None:
    """Nor one of a GPU whose number is not known."""
    _, (found,) = scene.until_told(
        lambda number: scene.sample(
            of(0.1 + 0.02 * number), allocator=(Allocator("gpu:1", 5, 6), Allocator("cpu", 7, 8))
        )
    )
    assert "paddle.memory.allocated" not in found.attributes
    assert "paddle.memory.reserved" not in found.attributes


def host_of(available: float) -> HostReading:
    """Return a host of 100 GiB."""
    memory = Memory(100 * GIB, None, None, None, None, int(available * GIB))
    return HostReading(None, None, None, memory, None, None)


def container_of(available: float) -> ContainerReading:
    """Return a container that may use 10 GiB."""
    return ContainerReading("box 7", 9 * GIB, 10 * GIB, int(available * GIB), None, None, None, None)


def test_host(scene: MemoryScene) -> None:
    """What is available counts, not what is free."""
    _, (found,) = scene.until_told(
        lambda number: scene.sample(host=host_of(90 - 2 * number), allocator=(Allocator("cpu", 3, 4),))
    )
    assert found.claim == "paddle.memory.pressure host"
    attributes = dict(found.attributes)
    assert attributes["paddle.memory.pressure.scope"] == "host"
    assert attributes["paddle.device"] == "cpu"
    assert attributes["paddle.memory.limit"] == 100 * GIB
    assert (attributes["paddle.memory.allocated"], attributes["paddle.memory.reserved"]) == (3, 4)
    assert "hw.id" not in attributes


def test_tensors_in_memory_that_the_host_has_given_already(scene: MemoryScene) -> None:
    """Only on a GPU is it known that what the allocator holds is taken from the memory."""
    for number in range(40):
        pool = Allocator("cpu", allocated=(10 + 2 * number) * GIB, reserved=90 * GIB)
        assert scene.sample(host=host_of(5), allocator=(pool,)) == []


def test_container(scene: MemoryScene) -> None:
    """Told with the container's claim; the host around it is steady."""
    _, (found,) = scene.until_told(
        lambda number: scene.sample(host=host_of(5), container=container_of(9 - 0.1 * number))
    )
    assert found.claim == "paddle.memory.pressure box 7"
    assert found.attributes["paddle.memory.pressure.scope"] == "container"
    assert found.attributes["paddle.memory.limit"] == 10 * GIB


def test_address_space(scene: MemoryScene) -> None:
    """A limit of this process alone: each process tells its own."""
    spaces = iter(AddressSpace((10 + number) * GIB, 60 * GIB) for number in range(49))
    scene.rule = MemoryPressure(scene.work, lambda: next(spaces))
    _, (found,) = scene.until_told(lambda _: scene.sample())
    assert found.claim is None
    assert found.attributes["paddle.memory.pressure.scope"] == "process"


def test_mig_instances_have_memories_of_their_own(scene: MemoryScene) -> None:
    """The part that leaks is named."""
    _, (found,) = scene.until_told(
        lambda number: scene.sample(
            of(0.5, mig=True, uuid="MIG-a", ordinal=None), of(0.1 + 0.02 * number, mig=True, uuid="MIG-b", ordinal=None)
        )
    )
    assert found.attributes["hw.id"] == "MIG-b"
    assert "paddle.device" not in found.attributes


def test_other_processes(scene: MemoryScene) -> None:
    """Are named in the advice, where the driver lists them."""
    shared = ProcessUse(memory=None, utilization=None, alone=False)
    _, (found,) = scene.until_told(lambda number: scene.sample(of(0.1 + 0.02 * number, process=shared)))
    assert "Other processes use this GPU too" in str(found.attributes["paddle.memory.pressure.advice"])


def test_forgotten(scene: MemoryScene) -> None:
    """What came before is not continued."""
    for number in range(15):
        assert scene.sample(of(0.10 + 0.05 * number)) == []
    scene.rule.forget()
    assert scene.sample(of(0.85)) == []
    assert scene.sample(of(0.90)) == []


def test_what_is_remembered_is_bounded(scene: MemoryScene) -> None:
    """However many memories come and go."""
    for number in range(3 * MOST_MEMORIES):
        scene.sample(of(0.5, uuid=f"MIG-{number}"))
    assert len(cast("dict[str, object]", vars(scene.rule)["_tracks"])) == MOST_MEMORIES
