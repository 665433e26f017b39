"""What counts within a window, when there is room again, and a clock that never goes back."""

import pytest

from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.window_time import Count, WindowClock

_FIXED = Window("fixed", 60)
_SLIDING = Window("sliding", 60)


@pytest.mark.parametrize(
    ("window", "count", "used"),
    [
        (Window(), Count(7, 0, 0.0), 7),
        (_FIXED, Count(7, 100, 10.0), 7),
        (_SLIDING, Count(7, 0, 10.0), 7),
        (_SLIDING, Count(7, 100, 0.0), 107),
        (_SLIDING, Count(7, 100, 30.0), 57),
        (_SLIDING, Count(7, 100, 59.9), 8),  # a sixth of a token is a token
        (_SLIDING, Count(7, 100, 60.0), 7),
    ],
)
def test_a_sliding_window_counts_what_of_the_bucket_before_is_still_inside(
    window: Window, count: Count, used: int
) -> None:
    """The tokens of the bucket before are taken as evenly spread; other windows do not look at them."""
    assert count.used(window) == used


@pytest.mark.parametrize(
    ("window", "count", "want", "seconds"),
    [
        (Window(), Count(9, 0, 0.0), 1, 0.0),
        (Window(), Count(10, 0, 0.0), 1, None),
        (_FIXED, Count(10, 0, 20.0), 1, 40.0),
        (_FIXED, Count(10, 0, 20.0), 11, None),
        (_SLIDING, Count(0, 10, 0.0), 1, 6.0),
        (_SLIDING, Count(5, 10, 30.0), 2, 12.0),
        (_SLIDING, Count(10, 0, 30.0), 1, 36.0),
        (_SLIDING, Count(10, 7, 30.0), 11, None),
    ],
)
def test_room_comes_back_when_enough_has_left_the_window(
    window: Window, count: Count, want: int, seconds: float | None
) -> None:
    """With a limit of 10; never, where the window does not end or more is wanted than it ever allows."""
    found = count.retry_after(window, want, 10)
    assert found == pytest.approx(seconds) if seconds is not None else found is None
    if seconds:
        later = count.elapsed + seconds
        at = Count(count.current, count.previous, later) if later < 60 else Count(0, count.current, later - 60)
        assert at.used(window) + want <= 10


def test_the_clock_follows_the_wall_clock_forwards_and_never_back() -> None:
    """Set back, time goes on at its pace; set forward, it follows; set right again, it does not wait."""
    wall, steady = [1000.0], [50.0]
    clock = WindowClock(lambda: wall[0], lambda: steady[0])
    assert clock.now() == 1000.0
    wall[0], steady[0] = 1000.0 - 3600, 50.5
    assert clock.now() == 1000.5
    wall[0], steady[0] = 1010.0 - 3600, 60.0
    assert clock.now() == 1010.0
    wall[0], steady[0] = 5000.0, 61.0
    assert clock.now() == 5000.0
    wall[0], steady[0] = 1012.0, 62.0
    assert clock.now() == 5001.0
