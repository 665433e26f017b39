"""The energy between two samples, however close they are."""

import pytest

from fake_nvml.samples import gpu
from paddle_otel.hardware.monotonic import SHORTEST
from paddle_otel.hardware.nvml.reading import MOST_POWER
from paddle_otel.monitor.energy import Stretch, between


@pytest.mark.parametrize("seconds", [0.001, 0.002, 0.005, 0.010])
def test_a_counter_that_moves_in_steps(seconds: float) -> None:
    """The driver adds what was used in tens of milliseconds at once: in a short stretch that is no jump."""
    assert between(gpu(100.0), gpu(170.0), seconds) == Stretch(70.0, seconds, "counter")


def test_more_than_any_gpu_can_use() -> None:
    """Is a jump, in a short stretch and in a long one."""
    assert between(gpu(0.0), gpu(MOST_POWER * SHORTEST + 1), SHORTEST / 2) is None
    assert between(gpu(0.0), gpu(MOST_POWER * 10 + 1), 10.0) is None
    assert between(gpu(0.0), gpu(MOST_POWER * 10), 10.0) == Stretch(MOST_POWER * 10, 10.0, "counter")


def test_a_counter_that_went_back() -> None:
    """Began anew; and no time is no stretch."""
    assert between(gpu(70.0), gpu(0.0), 1.0) is None
    assert between(gpu(0.0), gpu(70.0), 0.0) is None
