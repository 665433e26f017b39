"""When the next pass is due."""

import pytest

from paddle_otel.sampling.worker import next_due


def test_next_pass_is_one_interval_after_the_last_was_due() -> None:
    """The time a pass takes does not add up."""
    assert next_due(100.0, 1.0, now=100.3) == 101.0


@pytest.mark.parametrize(("now", "due"), [(101.0, 102.0), (103.4, 104.0), (3700.25, 3701.0)])
def test_missed_passes_are_left_out(now: float, due: float) -> None:
    """After a slow driver or a suspended machine there is no burst, and the grid stays."""
    assert next_due(100.0, 1.0, now) == pytest.approx(due)


def test_next_pass_is_never_due_at_once() -> None:
    """Whatever the rounding, a pass is due after now."""
    for step in range(1, 2000):
        now = 100.0 + step * 0.1
        assert now < next_due(100.0, 0.1, now) <= now + 0.1 + 1e-9
