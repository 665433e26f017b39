"""Use that runs into its limit is told before, and nothing else is."""

import random
from collections.abc import Iterable

import pytest

from paddle_otel.diagnosis.outlook import Outlook, OutlookOf

LIMIT = 80 * 1024**3


def first(shares: Iterable[float], every: float = 1.0) -> tuple[int, Outlook] | None:
    """Return the place of the first value that is told, and what lies ahead of it; at most up to the limit."""
    outlooks = OutlookOf()
    for place, share in enumerate(shares):
        assert share < 1.0, f"not told in {place} values"
        found = outlooks.note(50.0 + every * place, share * LIMIT, LIMIT)
        if found is not None:
            return place, found
    return None


@pytest.mark.parametrize("every", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("step", [0.25, 0.2, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003])
def test_leak(step: float, every: float) -> None:
    """It is told while there is time, and how much is right, at any rate and whatever the interval."""
    told = first((0.1 + step * place for place in range(10_000)), every)
    assert told is not None
    place, outlook = told
    assert outlook.rate == pytest.approx(step * LIMIT / every, rel=0.01)
    assert outlook.seconds == pytest.approx((0.9 / step - place) * every, rel=0.01)
    assert 0.1 + step * place >= 0.75


def test_leak_that_doubles() -> None:
    """Told by its latest rate."""
    assert first(0.05 * 2.0 ** (place / 3) for place in range(13)) is not None


@pytest.mark.parametrize(("seed", "low", "step", "swing"), [(7, 0.4, 0.001, 0.08), (3, 0.2, 0.0005, 0.3)])
def test_leak_below_swings(seed: int, low: float, step: float, swing: float) -> None:
    """It is seen on a longer scale of time, by the peaks."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    told = first(low + step * place + dice.uniform(0, swing) for place in range(2000))
    assert told is not None


def test_leak_in_steps() -> None:
    """A pool that grows by a block a minute."""
    told = first(0.5 + 0.0125 * (place // 60) for place in range(2399))
    assert told is not None
    assert told[1].seconds > 60.0


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.9999])
def test_steady(share: float) -> None:
    """Nothing, however high and however long."""
    assert first([share] * 5000) is None


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("amplitude", [0.0005, 0.005, 0.02])
def test_steady_with_noise(share: float, amplitude: float) -> None:
    """Nothing."""
    dice = random.Random(3)  # noqa: S311 - no secret
    assert first(share + dice.uniform(-amplitude, amplitude) for _ in range(5000)) is None


@pytest.mark.parametrize("steps", [(0.95,), (0.5, 0.95), (0.4, 0.42, 0.97), (0.3, 0.6, 0.9), (0.2, 0.4, 0.9)])
def test_reserved_at_once(steps: tuple[float, ...]) -> None:
    """A model that is loaded and a pool that is reserved are steps, not a trend."""
    shares = [0.05] * 5
    for step in steps:
        shares += [step] * 20
    assert first(shares + [steps[-1]] * 2000) is None


@pytest.mark.parametrize("top", [0.3, 0.6, 0.74])
@pytest.mark.parametrize("samples", [2, 3, 5, 10, 30, 120])
def test_start_that_levels_off_far_below(top: float, samples: int) -> None:
    """Nothing, however fast it climbs."""
    climb = [0.02 + (top - 0.02) * (place + 1) / samples for place in range(samples)]
    assert first([0.02] * 3 + climb + [top] * 2000) is None


@pytest.mark.parametrize("period", [2, 3, 5, 10, 30, 60, 300])
@pytest.mark.parametrize(("low", "high"), [(0.3, 0.7), (0.2, 0.74), (0.7, 0.74)])
def test_saw_that_stays_below(low: float, high: float, period: int) -> None:
    """Nothing."""
    assert first(low + (high - low) * (place % period) / (period - 1) for place in range(3000)) is None


def test_saw_with_high_teeth_is_told_once() -> None:
    """The first tooth cannot be told from a leak; that it came back is learnt."""
    outlooks, told = OutlookOf(), 0
    for place in range(5000):
        share = 0.6 + 0.3 * (place % 60) / 59
        told_before, found = told, outlooks.note(float(place), share * LIMIT, LIMIT)
        told += found is not None
        assert told == told_before or place < 60
    assert told


def test_saw_that_touches_the_limit_is_told_again() -> None:
    """A peak of that height is not ordinary, whatever happened after it."""
    outlooks, teeth = OutlookOf(), set[int]()
    for place in range(600):
        share = 0.3 + 0.68 * (place % 60) / 59
        if outlooks.note(float(place), share * LIMIT, LIMIT) is not None:
            teeth.add(place // 60)
    assert teeth == set(range(10))


def test_memory_is_bounded() -> None:
    """Four scales of a dozen points, however many values there were."""
    outlooks = OutlookOf()
    for place in range(20_000):
        outlooks.note(float(place), 0.5 * LIMIT, LIMIT)
    scales = vars(outlooks)["_scales"]
    assert [len(points) for points in scales] == [12] * 4
