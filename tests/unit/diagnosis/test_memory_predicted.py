"""Requests in flight that do not fit if each runs to its limit, and what is advised about memory."""

from functools import partial
from typing import Any

import pytest

from fake_nvml.samples import gpu
from memory_scene import Allocator, MemoryScene
from paddle_otel.diagnosis.address_space import AddressSpace
from paddle_otel.diagnosis.memory_pressure import MemoryPressure
from paddle_otel.diagnosis.memory_track import PREDICTION_PAUSE
from paddle_otel.diagnosis.work import CacheUse

GIB = 1024**3
ADVICE = "paddle.memory.pressure.advice"


def of(gibibytes: float, **values: Any) -> Any:
    """Return a GPU of 100 GiB with so much in use."""
    return gpu(memory_used=int(gibibytes * GIB), memory_total=100 * GIB, **values)


def test_requests_that_do_not_fit(scene: MemoryScene) -> None:
    """Told at the second sample, with what the memory in use would become; by this process alone, which alone knows."""
    scene.observe_caches()
    assert scene.sample(of(60)) == []
    scene.caches = {"gpu:0": CacheUse(now=5 * GIB, predicted=46 * GIB)}
    assert scene.sample(of(60)) == []
    (found,) = scene.sample(of(60))
    assert found.claim is None
    attributes = dict(found.attributes)
    assert str(attributes.pop(ADVICE)).startswith(
        "The requests in flight will ask for 41.0 GiB more if each runs to its limit of tokens, and 40.0 GiB are free: "
    )
    assert attributes == {
        "hw.id": "GPU-0",
        "paddle.device": "gpu:0",
        "paddle.memory.pressure.scope": "gpu",
        "paddle.memory.pressure.cause": "predicted_peak",
        "paddle.memory.used": 60 * GIB,
        "paddle.memory.limit": 100 * GIB,
        "paddle.memory.predicted": 101 * GIB,
    }
    assert scene.rule.ongoing == []


def test_what_the_allocator_holds_is_free_for_them(scene: MemoryScene) -> None:
    """Blocks that no tensor uses."""
    scene.observe_caches()
    scene.caches = {"gpu:0": CacheUse(now=0, predicted=41 * GIB)}
    pool = Allocator("gpu:0", allocated=50 * GIB, reserved=52 * GIB)
    for _ in range(5):
        assert scene.sample(of(60), allocator=(pool,)) == []


def test_requests_that_just_fit_and_those_elsewhere(scene: MemoryScene) -> None:
    """Nothing."""
    scene.observe_caches()
    scene.caches = {"gpu:0": CacheUse(0, 40 * GIB), "gpu:1": CacheUse(0, 400 * GIB), "cpu": CacheUse(0, 400 * GIB)}
    for _ in range(5):
        assert scene.sample(of(60)) == []


def test_again_only_after_they_fitted_and_a_pause(scene: MemoryScene) -> None:
    """Most requests end before their limit: no event for each of them."""
    scene.observe_caches()
    told: list[float] = []
    for number in range(2000):
        scene.caches = {"gpu:0": CacheUse(0, 50 * GIB)} if number % 10 < 5 else {}
        told += [scene.now for _ in scene.sample(of(60))]
    assert len(told) == 4
    assert told[1] - told[0] >= PREDICTION_PAUSE
    scene.caches = {"gpu:0": CacheUse(0, 50 * GIB)}
    scene.now += 10 * PREDICTION_PAUSE
    assert [len(scene.sample(of(60))) for _ in range(100)].count(1) == 1
    assert scene.sample(of(60)) == []


def test_little_room_is_not_enough(scene: MemoryScene) -> None:
    """An episode ends with room to spare."""
    scene.observe_caches()
    scene.caches = {"gpu:0": CacheUse(0, 50 * GIB)}
    assert [len(scene.sample(of(60))) for _ in range(3)] == [0, 1, 0]
    scene.now += 2 * PREDICTION_PAUSE
    for predicted, told in ((39, 0), (50, 0), (50, 0), (30, 0), (50, 0), (50, 1)):
        scene.caches = {"gpu:0": CacheUse(0, predicted * GIB)}
        assert len(scene.sample(of(60))) == told


def test_not_beside_a_rise_that_was_told(scene: MemoryScene) -> None:
    """One event for one episode."""
    scene.observe_caches()
    number, _ = scene.until_told(lambda number: scene.sample(of(10 + 3 * number)))
    scene.caches = {"gpu:0": CacheUse(0, 50 * GIB)}
    for _ in range(10):
        assert scene.sample(of(10 + 3 * number)) == []


def test_growing_caches_are_named(scene: MemoryScene) -> None:
    """As what makes the memory grow, and nobody else."""
    scene.observe_caches()

    def sample(number: int) -> Any:
        grown = int(1.5 * number * GIB)
        scene.caches = {"gpu:0": CacheUse(grown, grown + GIB)}
        return scene.sample(of(10 + 1.5 * number))

    _, (found,) = scene.until_told(sample)
    advice = str(found.attributes[ADVICE])
    assert advice.startswith("The key-value caches of requests in flight take ")
    assert "requests in flight will ask" not in advice
    assert "Tensors of this process" not in advice


def test_caches_that_do_not_grow_are_not(scene: MemoryScene) -> None:
    """They are there, and something else grows."""
    scene.observe_caches()
    scene.caches = {"gpu:0": CacheUse(10 * GIB, 10 * GIB)}
    _, (found,) = scene.until_told(lambda number: scene.sample(of(20 + 1.5 * number)))
    assert "key-value" not in str(found.attributes[ADVICE])


def test_fragmentation(scene: MemoryScene) -> None:
    """Memory that the allocator holds and no tensor uses."""

    def sample(number: int) -> Any:
        pool = Allocator("gpu:0", allocated=20 * GIB, reserved=(20 + 2 * number) * GIB)
        return scene.sample(of(22 + 2 * number), allocator=(pool,))

    _, (found,) = scene.until_told(sample)
    advice = str(found.attributes[ADVICE])
    assert "that no tensor uses (fragmentation)" in advice
    assert "empty_cache()" in advice
    assert "Tensors of this process" not in advice


def test_a_little_idle_memory_is_no_fragmentation(scene: MemoryScene) -> None:
    """An eighth of what the allocator holds; nothing else is known to grow."""

    def sample(number: int) -> Any:
        pool = Allocator("gpu:0", allocated=7 * GIB, reserved=8 * GIB)
        return scene.sample(of(10 + 2 * number), allocator=(pool,))

    _, (found,) = scene.until_told(sample)
    assert found.attributes[ADVICE] == "Take fewer requests at a time, or end what else uses this memory."


def tensors_grow(scene: MemoryScene, number: int) -> Any:
    """Return a sample in which tensors have grown, all at a rate of 2 GiB."""
    pool = Allocator("gpu:0", allocated=2 * number * GIB, reserved=2 * number * GIB)
    return scene.sample(of(10 + 2 * number), allocator=(pool,))


@pytest.mark.parametrize("cache", [CacheUse(GIB // 100, GIB // 50), CacheUse(2 * GIB, 2 * GIB)])
def test_tensors_that_are_kept_while_requests_are_in_flight(scene: MemoryScene, cache: CacheUse) -> None:
    """A server has requests nearly always: caches that do not grow are not what grows."""
    scene.observe_caches()
    scene.caches = {"gpu:0": cache}
    _, (found,) = scene.until_told(partial(tensors_grow, scene))
    advice = str(found.attributes[ADVICE])
    assert advice.startswith("Tensors of this process have grown by 58.0 GiB")
    assert "key-value" not in advice


@pytest.mark.parametrize(("cache_share", "tensors", "caches"), [(0.25, True, False), (0.75, False, True)])
def test_caches_and_other_tensors_that_grow(
    scene: MemoryScene, cache_share: float, tensors: bool, caches: bool
) -> None:
    """Each is told of by its own growth, and named by it: caches are tensors, and are not counted twice."""
    scene.observe_caches()

    def sample(number: int) -> Any:
        cache = int(cache_share * 2 * number * GIB)
        scene.caches = {"gpu:0": CacheUse(cache, cache)}
        return tensors_grow(scene, number)

    _, (found,) = scene.until_told(sample)
    advice = str(found.attributes[ADVICE])
    assert advice.startswith("Tensors of this process have grown by 43.5 GiB") is tensors
    assert ("Tensors of this process" in advice) is tensors
    assert ("key-value caches" in advice) is caches


def test_tensors_that_are_kept(scene: MemoryScene) -> None:
    """Where nothing is known of requests."""
    _, (found,) = scene.until_told(partial(tensors_grow, scene))
    advice = str(found.attributes[ADVICE])
    assert advice.startswith("Tensors of this process have grown by 58.0 GiB")
    assert "fragmentation" not in advice


def test_growth_that_is_not_of_tensors(scene: MemoryScene) -> None:
    """In the address space of a process: its other objects."""
    spaces = iter(AddressSpace((10 + number) * GIB, 60 * GIB) for number in range(49))
    scene.rule = MemoryPressure(scene.work, lambda: next(spaces))
    _, (found,) = scene.until_told(lambda _: scene.sample(allocator=(Allocator("cpu", 5, 5),)))
    assert str(found.attributes[ADVICE]).startswith(
        "It is not the tensors of this process that grow: look at its other objects."
    )


@pytest.mark.parametrize("answer", [None, {}])
def test_work_that_nobody_tells(scene: MemoryScene, answer: Any) -> None:
    """Is no trouble."""
    scene.work.tell_by(caches=lambda: answer)
    for _ in range(3):
        assert scene.sample(of(60)) == []
    scene.work.tell_by()
    assert scene.sample(of(60)) == []


def test_trouble_with_the_work(scene: MemoryScene, telemetry_trouble: Any) -> None:
    """Costs what is known of the work, and nothing else."""
    telemetry_trouble.expected = True

    def fail() -> Any:
        raise RuntimeError

    scene.work.tell_by(caches=fail)
    scene.until_told(lambda number: scene.sample(of(10 + 2 * number)))
    assert len(telemetry_trouble.sites) > 1
