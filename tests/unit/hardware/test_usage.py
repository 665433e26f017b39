"""What an operation on a GPU is told it used: every value by hand, and absent where nobody can know it."""

from typing import Any

import pytest

from fake_nvml.samples import ENERGY, IDS, METHOD, NOT_ALONE, SAMPLED, UNKNOWN, UUID, Usage, gpu

TIME = "paddle.gpu.time"


@pytest.fixture
def usage() -> Usage:
    """Accounts that have seen no sample."""
    return Usage()


def test_operation_for_itself(usage: Usage) -> None:
    """It is given what the counter grew by while it ran, up to the last sample, as exact names, values and types."""
    usage.sample(10.0, gpu(500.0))
    use = usage.begin_at(10.5)
    usage.sample(11.0, gpu(800.0, utilization=0.5, memory_used=3))
    usage.sample(12.0, gpu(900.0, utilization=1.0, memory_used=7))
    usage.sample(13.0, gpu(1000.0, utilization=0.0, memory_used=5))
    found = usage.end_at(13.7, use)
    assert found == {
        IDS: (UUID,),
        "paddle.gpu.utilization.mean": 0.5,
        "paddle.gpu.memory.peak": 7,
        ENERGY: 350.0,  # half of the first 300 J, 100 J, 100 J
        METHOD: "exclusive",
        SAMPLED: 2.5,
        TIME: 1.25,  # half of half a second, a second, nothing
    }
    keys = (ENERGY, SAMPLED, TIME, "paddle.gpu.memory.peak")
    assert [type(found[key]) for key in keys] == [float, float, float, int]


def test_first_operation_of_all_is_accounted_for_from_its_beginning(usage: Usage) -> None:
    """The sample before it counts also when nothing had asked for that GPU yet."""
    usage.sample(1.0, gpu(0.0))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0))
    assert usage.end_at(2.0, use)[ENERGY] == 100.0


def test_two_at_the_same_time_share(usage: Usage) -> None:
    """Each piece of time is divided among those that ran in it."""
    usage.sample(0.5, gpu(0.0))
    usage.sample(1.0, gpu(0.0))
    first = usage.begin_at(1.0)
    second = usage.begin_at(1.5)
    usage.sample(2.0, gpu(100.0))
    a, b = usage.end_at(2.0, first), usage.end_at(2.0, second)
    assert (a[ENERGY], a[METHOD], a[SAMPLED]) == (75.0, "shared_split", 1.0)
    assert (b[ENERGY], b[METHOD], b[SAMPLED]) == (25.0, "shared_split", 0.5)


def test_one_that_ended_meanwhile_has_had_its_part(usage: Usage) -> None:
    """It is told nothing, and the other is not given its part."""
    usage.sample(1.0, gpu(0.0))
    long, short = usage.begin_at(1.0), usage.begin_at(1.0)
    assert usage.end_at(1.5, short) == {IDS: (UUID,)}
    usage.sample(2.0, gpu(100.0))
    found = usage.end_at(2.0, long)
    assert (found[ENERGY], found[METHOD]) == (75.0, "shared_split")


def test_one_after_the_other_are_exclusive(usage: Usage) -> None:
    """Also when the next begins in the very nanosecond in which the one before ended."""
    usage.sample(1.0, gpu(0.0))
    first = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0))
    assert usage.end_at(2.5, first)[METHOD] == "exclusive"
    second = usage.begin_at(2.5)
    usage.sample(3.0, gpu(200.0))
    found = usage.end_at(3.0, second)
    assert (found[ENERGY], found[METHOD]) == (50.0, "exclusive")


def test_overlap_after_the_last_sample_changes_nothing(usage: Usage) -> None:
    """The energy that is stated was for one operation alone."""
    usage.sample(1.0, gpu(0.0))
    first = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0))
    second = usage.begin_at(2.1)
    assert usage.end_at(2.2, first)[METHOD] == "exclusive"
    usage.sample(3.0, gpu(200.0))
    assert usage.end_at(3.0, second)[METHOD] == "shared_split"


def test_other_gpus_do_not_mix(usage: Usage) -> None:
    """Each operation has the GPU whose ordinal is its device's, in whatever order they are read."""

    def both(zero: float, one: float) -> tuple[Any, Any]:
        return gpu(one, ordinal=1, uuid="GPU-one"), gpu(zero, ordinal=0, uuid="GPU-zero")

    usage.sample(1.0, *both(0.0, 0.0))
    on_zero, on_one = usage.begin_at(1.0, "gpu:0"), usage.begin_at(1.0, "gpu:1")
    usage.sample(2.0, *both(10.0, 70.0))
    assert usage.end_at(2.0, on_zero) == {IDS: ("GPU-zero",), ENERGY: 10.0, METHOD: "exclusive", SAMPLED: 1.0}
    assert usage.end_at(2.0, on_one) == {IDS: ("GPU-one",), ENERGY: 70.0, METHOD: "exclusive", SAMPLED: 1.0}


@pytest.mark.parametrize(
    "device", ["cpu", "", "gpu", "gpu:", "gpu:x", "gpu:-1", "gpu:1234", "gpu_pinned", "xpu:0", None, 0, b"gpu:0"]
)
def test_what_is_no_gpu_is_not_accounted_for(usage: Usage, device: object) -> None:
    """Neither are names that no CUDA device has."""
    assert usage.begin(device) is None


def test_without_a_sample(usage: Usage) -> None:
    """Nothing at all is said before the first sample of the GPU."""
    use = usage.begin_at(1.0)
    assert usage.end_at(5.0, use) == {}


def test_between_two_samples(usage: Usage) -> None:
    """Of an operation that saw none, only where it ran is said."""
    usage.sample(1.0, gpu(0.0, utilization=1.0, memory_used=9))
    use = usage.begin_at(1.1)
    assert usage.end_at(1.9, use) == {IDS: (UUID,)}


def test_before_the_sampler_ran(usage: Usage) -> None:
    """What was used before the first sample is not known: the energy begins with it."""
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(1000.0, utilization=1.0))
    usage.sample(3.0, gpu(1100.0, utilization=0.5))
    found = usage.end_at(3.0, use)
    assert (found[ENERGY], found[SAMPLED], found["paddle.gpu.utilization.mean"]) == (100.0, 1.0, 0.75)


@pytest.mark.parametrize("process", [None, UNKNOWN])
@pytest.mark.parametrize(("when", "energy", "sampled"), [(1, 100.0, 1.0), (2, None, None), (3, 50.0, 0.5)])
def test_not_known_to_be_alone(
    usage: Usage, process: Any, when: int, energy: float | None, sampled: float | None
) -> None:
    """What was used up to such a sample and after it is left out."""
    use = None
    for second in (1, 2, 3):
        others = {"process": process} if second == when else {}
        usage.sample(second, gpu(100.0 * second, **others))
        if use is None:
            use = usage.begin_at(1.5)
    assert use is not None
    found = usage.end_at(3.5, use)
    assert (found.get(ENERGY), found.get(SAMPLED)) == (energy, sampled)


@pytest.mark.parametrize("when", [1, 2, 3])
def test_not_alone(usage: Usage, when: int) -> None:
    """No energy when at any sample, the one before the beginning included, another process was there."""
    use = None
    for second in (1, 2, 3):
        others: dict[str, Any] = {"process": NOT_ALONE} if second == when else {}
        usage.sample(second, gpu(100.0 * second, utilization=0.5, memory_used=8, **others))
        if use is None:
            use = usage.begin_at(1.5)
    assert use is not None
    found = usage.end_at(3.5, use)
    assert found == {IDS: (UUID,), "paddle.gpu.utilization.mean": 0.5, "paddle.gpu.memory.peak": 8}
    later = usage.begin_at(4.0)
    usage.sample(4.5, gpu(500.0))
    usage.sample(5.0, gpu(600.0))
    assert (ENERGY in usage.end_at(5.0, later)) is (when != 3)


def test_mig(usage: Usage) -> None:
    """No energy: the counter is that of the whole GPU."""
    usage.sample(1.0, gpu(0.0, mig=True, power=10.0))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, mig=True, power=10.0, memory_used=4))
    assert usage.end_at(2.0, use) == {IDS: (UUID,), "paddle.gpu.memory.peak": 4}


def test_unknown_values(usage: Usage) -> None:
    """A GPU that says nothing of what is wanted gives its identity."""
    usage.sample(1.0, gpu())
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu())
    assert usage.end_at(2.0, use) == {IDS: (UUID,)}


def test_gpu_of_unknown_ordinal(usage: Usage) -> None:
    """Nobody can tell on which GPU the operation ran."""
    usage.sample(1.0, gpu(0.0, ordinal=None))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, ordinal=None))
    assert usage.end_at(2.0, use) == {}


def test_zero_utilisation_is_a_value(usage: Usage) -> None:
    """0 that the GPU said is said on."""
    usage.sample(1.0, gpu(0.0))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, utilization=0.0, memory_used=0))
    found = usage.end_at(2.0, use)
    assert (found["paddle.gpu.utilization.mean"], found["paddle.gpu.memory.peak"]) == (0.0, 0)


def test_counter_that_did_not_tick(usage: Usage) -> None:
    """0 J that nobody used is no measurement."""
    usage.sample(1.0, gpu(5.0))
    use = usage.begin_at(1.0)
    usage.sample(1.1, gpu(5.0))
    assert usage.end_at(1.1, use) == {IDS: (UUID,)}
