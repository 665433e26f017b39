"""The GPU time of an operation: divided as the energy is, of the same time as the energy, or absent."""

from typing import Any

import pytest

from fake_nvml.samples import ENERGY, IDS, NOT_ALONE, SAMPLED, UNKNOWN, UUID, Usage, gpu
from paddle_otel.hardware.nvml.usage import GpuUse

TIME = "paddle.gpu.time"
MEAN = "paddle.gpu.utilization.mean"


@pytest.fixture
def usage() -> Usage:
    """Accounts that have seen no sample."""
    return Usage()


def test_two_at_the_same_time_share(usage: Usage) -> None:
    """Together they have no more than the GPU worked."""
    usage.sample(1.0, gpu(0.0, utilization=0.0))
    first = usage.begin_at(1.0)
    second = usage.begin_at(1.5)
    usage.sample(2.0, gpu(100.0, utilization=0.8))
    usage.sample(3.0, gpu(200.0, utilization=0.4))
    a, b = usage.end_at(3.0, first), usage.end_at(3.0, second)
    assert (a[TIME], a[SAMPLED]) == (pytest.approx(0.6 + 0.2), 2.0)
    assert (b[TIME], b[SAMPLED]) == (pytest.approx(0.2 + 0.2), 1.5)
    assert a[TIME] + b[TIME] <= 1.2 + 1e-9


def test_without_energy(usage: Usage) -> None:
    """A GPU that tells neither energy nor power: GPU time, and the time in which it is known."""
    usage.sample(1.0, gpu(utilization=0.5))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(utilization=0.25))
    usage.sample(3.0, gpu(utilization=0.75))
    assert usage.end_at(3.4, use) == {IDS: (UUID,), MEAN: 0.5, TIME: 1.0, SAMPLED: 2.0}


def test_estimated_energy(usage: Usage) -> None:
    """GPU time beside it."""
    usage.sample(1.0, gpu(power=100.0, utilization=1.0))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(power=100.0, utilization=0.5))
    found = usage.end_at(2.0, use)
    assert (found[ENERGY], found[TIME], found[SAMPLED]) == (100.0, 0.5, 1.0)


def test_idle_gpu(usage: Usage) -> None:
    """No GPU time that was seen is not 0 s: shorter than what the driver's share of time resolves."""
    usage.sample(1.0, gpu(0.0, utilization=0.0))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, utilization=0.0))
    assert TIME not in usage.end_at(2.0, use)


def test_utilization_that_is_missing_once(usage: Usage) -> None:
    """Of less time than the energy it is not stated."""
    usage.sample(1.0, gpu(0.0, utilization=0.5))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0))
    usage.sample(3.0, gpu(200.0, utilization=0.5))
    found = usage.end_at(3.0, use)
    assert (found[ENERGY], found[SAMPLED]) == (200.0, 2.0)
    assert TIME not in found


def test_counter_that_failed_once(usage: Usage) -> None:
    """The stretches without energy are left out of both."""
    usage.sample(1.0, gpu(0.0, utilization=0.5))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, utilization=0.5))
    usage.sample(3.0, gpu(None, utilization=0.5))
    usage.sample(4.0, gpu(300.0, utilization=0.5))
    usage.sample(5.0, gpu(400.0, utilization=1.0))
    found = usage.end_at(5.0, use)
    assert (found[ENERGY], found[TIME], found[SAMPLED]) == (200.0, 1.5, 2.0)


@pytest.mark.parametrize(
    "values", [{"process": NOT_ALONE}, {"process": UNKNOWN}, {"process": None}, {"mig": True}], ids=str
)
def test_not_where_it_cannot_be_told(usage: Usage, values: dict[str, Any]) -> None:
    """As the energy."""
    usage.sample(1.0, gpu(0.0, utilization=0.5, **values))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, utilization=0.5, **values))
    assert usage.end_at(2.0, use) == {IDS: (UUID,), MEAN: 0.5}


def test_not_alone_later(usage: Usage) -> None:
    """What came before is withheld too."""
    usage.sample(1.0, gpu(0.0, utilization=0.5))
    use = usage.begin_at(1.0)
    usage.sample(2.0, gpu(100.0, utilization=0.5))
    usage.sample(3.0, gpu(200.0, utilization=0.5, process=NOT_ALONE))
    assert TIME not in usage.end_at(3.0, use)


def test_too_long_between_samples(usage: Usage) -> None:
    """Left out."""
    usage.sample(1.0, gpu(0.0, utilization=0.5))
    use = usage.begin_at(1.0)
    usage.sample(10.0, gpu(900.0, utilization=0.5))
    usage.sample(11.0, gpu(1000.0, utilization=0.5))
    found = usage.end_at(11.0, use)
    assert (found[TIME], found[SAMPLED]) == (0.5, 1.0)


def test_sums_never_exceed_what_the_gpu_worked(usage: Usage) -> None:
    """Over a hundred operations that begin and end at odd times."""
    total, busy = 0.0, 0.0
    running: list[GpuUse] = []
    usage.sample(0.5, gpu(0.0))
    for second in range(1, 101):
        running.append(usage.begin_at(second + 0.1))
        running.append(usage.begin_at(second + 0.37))
        utilization = second % 11 / 10
        usage.sample(second + 0.5, gpu(float(second), utilization=utilization))
        busy += utilization
        while len(running) > 5:
            total += usage.end_at(second + 0.6, running.pop(0)).get(TIME, 0.0)
    total += sum(usage.end_at(101.0, use).get(TIME, 0.0) for use in running)
    assert 0.5 * busy < total <= busy + 1e-9
