"""What a steady rise is, and what is none."""

import pytest

from paddle_otel.diagnosis.steady_rise import Point, Steps, steady_rise

LIMIT = 1000.0
STEPS = Steps(fewest=3, largest=0.6)


def points(*values: float, every: float = 2.0) -> list[Point]:
    """Return values read at equal distances."""
    return [Point(100.0 + every * place, value) for place, value in enumerate(values)]


def test_rates_and_time() -> None:
    """The median over all pairs, the rate over the last four, and the time between the first and the last."""
    rise = steady_rise(points(0, 10, 20, 30, 50, 70, 90), LIMIT, STEPS)
    assert rise is not None
    assert rise.rate == pytest.approx(7.5)
    assert rise.of_late == pytest.approx(10.0)
    assert rise.seconds == 12.0


@pytest.mark.parametrize(
    "values",
    [
        (),
        (5,),
        (10, 20, 30),  # two rises
        (10, 10, 10, 10, 10),
        (40, 30, 20, 10),
        (10, 10, 500, 500, 500, 500),  # one step
        (10, 20, 500, 510, 510, 510),  # nearly one step
        (10, 200, 20, 300, 30, 400),  # as often down as up
        (100.0, 100.5, 101.0, 101.5),  # less than noise
        (10, 20, 30, 40, 40, 40, 40, 40),  # levelled off
        (10, 60, 110, 160, 150, 140, 130),
    ],
)
def test_no_rise(values: tuple[float, ...]) -> None:
    """Too few, level, falling, a step, a swing, noise, over."""
    assert steady_rise(points(*values), LIMIT, STEPS) is None


def test_one_fall_among_many_rises() -> None:
    """Does not hide them."""
    rise = steady_rise(points(0, 10, 20, 30, 25, 50, 60, 70, 80, 90, 100, 110), LIMIT, STEPS)
    assert rise is not None
    assert rise.rate == pytest.approx(5.0, rel=0.1)


def test_outlier_does_not_make_the_rate() -> None:
    """The largest step is in few of the pairs."""
    rise = steady_rise(points(0, 10, 20, 30, 40, 100, 110, 120, 130, 140), LIMIT, STEPS)
    assert rise is not None
    assert rise.rate < 12.0
