"""Stretches of time whose energy cannot be told, and samples that come late."""

import pytest

from fake_nvml.samples import ENERGY, IDS, METHOD, SAMPLED, UUID, Usage, gpu, snapshot
from paddle_otel.hardware.nvml.reading import GpuHealth


@pytest.fixture
def usage() -> Usage:
    """Accounts that have seen no sample."""
    return Usage()


class TestStretchesThatAreLeftOut:
    """The energy stands for the rest, and ``paddle.gpu.sampled_duration`` says how long that is."""

    def test_counter_that_began_anew(self, usage: Usage) -> None:
        """What was used around the restart is not known."""
        usage.sample(1.0, gpu(1000.0))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(1100.0))
        usage.sample(3.0, gpu(50.0))
        usage.sample(4.0, gpu(75.0))
        found = usage.end_at(4.0, use)
        assert (found[ENERGY], found[SAMPLED], found[METHOD]) == (125.0, 2.0, "exclusive")

    def test_counter_that_began_anew_and_shows_more(self, usage: Usage) -> None:
        """The sum goes on, but what it grew by around the restart is not what was used."""
        usage.sample(1.0, gpu(1000.0))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(1100.0))
        usage.sample(3.0, gpu(1150.0, energy_breaks=1))
        usage.sample(4.0, gpu(1175.0, energy_breaks=1))
        found = usage.end_at(4.0, use)
        assert (found[ENERGY], found[SAMPLED]) == (125.0, 2.0)

    @pytest.mark.parametrize(
        ("limit", "believed"),
        [(None, 20_000.0), (700.0, 2_800.0), (0.0, 20_000.0)],
    )
    @pytest.mark.parametrize("too_much", [0.0, 0.001])
    def test_more_than_the_gpu_can_use(
        self, usage: Usage, limit: float | None, believed: float, too_much: float
    ) -> None:
        """Twice the limit of its power over the whole time, 10 kW where that is not known."""
        health = GpuHealth(power_limit=limit)
        usage.sample(1.0, gpu(0.0, health=health))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(100.0, health=health))
        usage.sample(4.0, gpu(100.0 + believed + too_much, health=health))
        found = usage.end_at(4.0, use)
        expected = (100.0, 1.0) if too_much else (100.0 + believed, 3.0)
        assert (found[ENERGY], found[SAMPLED]) == expected

    @pytest.mark.parametrize("limits", [(100.0, 700.0), (700.0, 100.0)])
    def test_limit_that_changes(self, usage: Usage, limits: tuple[float, float]) -> None:
        """Nobody knows when it did: the higher one counts."""
        before, after = (GpuHealth(power_limit=limit) for limit in limits)
        usage.sample(1.0, gpu(0.0, health=before))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(600.0, health=after))
        assert usage.end_at(2.0, use)[ENERGY] == 600.0

    @pytest.mark.parametrize("silence", ["no driver", "no gpu", "no energy"])
    def test_failed_reading(self, usage: Usage, silence: str) -> None:
        """What the counter says later is not divided over a time in which it was silent."""
        usage.sample(1.0, gpu(1000.0))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(1100.0))
        said = {
            "no driver": (),
            "no gpu": (gpu(9.0, ordinal=1, uuid="GPU-1"),),
            "no energy": (gpu(None, power=300.0),),
        }[silence]
        usage.sample(3.0, *said)
        usage.sample(4.0, gpu(1700.0, power=300.0))
        usage.sample(5.0, gpu(1800.0))
        found = usage.end_at(5.0, use)
        assert (found[ENERGY], found[SAMPLED], found[METHOD]) == (200.0, 2.0, "exclusive")

    def test_pause(self, usage: Usage) -> None:
        """Nobody knows what happened while the driver hung."""
        usage.sample(1.0, gpu(0.0))
        use = usage.begin_at(1.0)
        usage.sample(4.0, gpu(300.0))
        usage.sample(7.1, gpu(900.0))
        usage.sample(8.1, gpu(1000.0))
        found = usage.end_at(8.1, use)
        assert (found[ENERGY], found[SAMPLED]) == (400.0, 4.0)

    def test_pause_at_a_longer_interval(self, usage: Usage) -> None:
        """A sampler that samples once a minute is not taken for one that hangs."""
        usage.longest_pause = 180.0
        usage.sample(60.0, gpu(0.0))
        use = usage.begin_at(60.0)
        usage.sample(120.0, gpu(600.0))
        found = usage.end_at(120.0, use)
        assert (found[ENERGY], found[SAMPLED]) == (600.0, 60.0)

    def test_slow_reading(self, usage: Usage) -> None:
        """Nobody knows when within the long reading the counter was read."""
        usage.sample(1.0, gpu(0.0))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(100.0), took=0.5)
        usage.sample(3.0, gpu(200.0, utilization=1.0), took=0.51)
        usage.sample(4.0, gpu(300.0, utilization=0.5))
        usage.sample(5.0, gpu(400.0, utilization=0.5))
        found = usage.end_at(5.0, use)
        assert (found[ENERGY], found[SAMPLED], found["paddle.gpu.utilization.mean"]) == (200.0, 2.0, 0.5)

    def test_other_gpu_under_the_same_ordinal(self, usage: Usage) -> None:
        """Two counters are never subtracted from each other."""
        usage.sample(1.0, gpu(0.0))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu(100.0))
        usage.sample(3.0, gpu(5000.0, uuid="GPU-new"))
        usage.sample(4.0, gpu(5010.0, uuid="GPU-new"))
        found = usage.end_at(4.0, use)
        assert (found[ENERGY], found[SAMPLED], found[IDS]) == (110.0, 2.0, ("GPU-new",))


class TestPowerEstimate:
    """Of GPUs that have no energy counter."""

    def test_area_under_the_power(self, usage: Usage) -> None:
        """Trapezoids, cut at the beginning like the counter's growth, and never called exclusive."""
        usage.sample(1.0, gpu(power=100.0))
        use = usage.begin_at(1.5)
        usage.sample(2.0, gpu(power=200.0))
        usage.sample(3.0, gpu(power=300.0))
        found = usage.end_at(3.5, use)
        assert (found[ENERGY], found[METHOD], found[SAMPLED]) == (75.0 + 250.0, "power_estimate", 1.5)

    def test_divided_like_a_counter(self, usage: Usage) -> None:
        """Two operations have half each."""
        usage.sample(1.0, gpu(power=100.0))
        uses = [usage.begin_at(1.0) for _ in range(2)]
        usage.sample(2.0, gpu(power=100.0))
        assert [usage.end_at(2.0, use)[ENERGY] for use in uses] == [50.0, 50.0]

    def test_one_end_is_not_enough(self, usage: Usage) -> None:
        """One value of power stretched over a second would be a guess."""
        usage.sample(1.0, gpu(power=100.0))
        use = usage.begin_at(1.0)
        usage.sample(2.0, gpu())
        usage.sample(3.0, gpu(power=100.0))
        assert ENERGY not in usage.end_at(3.0, use)


def test_beginning_while_the_sample_was_under_way(usage: Usage) -> None:
    """What began after the counter was read has no part of what it had counted, though the accounts come later."""
    usage.sample(1.0, gpu(0.0))
    early = usage.begin_at(1.0)
    late = usage.begin_at(2.4)
    usage.at(2.5).note(snapshot(2.0, gpu(100.0, utilization=1.0), took=0.4))
    found = usage.end_at(2.5, early)
    assert (found[ENERGY], found[SAMPLED], found[METHOD]) == (100.0, 1.0, "exclusive")
    assert usage.end_at(2.5, late) == {IDS: (UUID,)}
    other = usage.begin_at(2.5)
    usage.sample(3.0, gpu(200.0))
    assert usage.end_at(3.0, other)[ENERGY] == 50.0


def test_end_while_the_sample_was_under_way(usage: Usage) -> None:
    """Up to the sample the other one had its part, though it is gone when the accounts come."""
    usage.sample(1.0, gpu(0.0))
    stays, goes = usage.begin_at(1.0), usage.begin_at(1.0)
    assert usage.end_at(2.4, goes) == {IDS: (UUID,)}
    usage.at(2.5).note(snapshot(2.0, gpu(100.0), took=0.4))
    usage.sample(3.0, gpu(200.0))
    found = usage.end_at(3.0, stays)
    assert found[ENERGY] == pytest.approx(50.0 + 20.0 + 60.0)
    assert (found[SAMPLED], found[METHOD]) == (2.0, "shared_split")


def test_thousands_of_operations_while_the_sample_was_under_way(usage: Usage) -> None:
    """More than can be looked back over: the accounts still add up."""
    usage.sample(1.0, gpu(0.0))
    use = usage.begin_at(1.0)
    for number in range(2000):
        usage.end_at(2.0 + number / 10_000, usage.begin_at(2.0 + number / 10_000))
    usage.at(2.3).note(snapshot(2.0, gpu(100.0)))
    usage.sample(3.0, gpu(200.0))
    found = usage.end_at(3.0, use)
    assert 0 < found[ENERGY] <= 200.0
    assert found[SAMPLED] == pytest.approx(2.0)
