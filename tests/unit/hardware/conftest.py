"""What the tests of the hardware share."""

import pytest

from fake_nvml.sources import Clock
from paddle_otel.hardware.nvml.source import NvmlSource


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still unless a test moves it."""
    return Clock()


@pytest.fixture
def source(clock: Clock) -> NvmlSource:
    """A source that has read nothing yet and goes by that clock."""
    return NvmlSource(clock)
