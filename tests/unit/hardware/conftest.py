"""What the tests of the hardware share."""

from pathlib import Path

import pytest

from fake_machine import FakeMachine
from fake_nvml.sources import Clock
from paddle_otel.hardware.nvml.source import NvmlSource


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine of 16 GiB and 8 CPUs."""
    return FakeMachine(tmp_path)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still unless a test moves it."""
    return Clock()


@pytest.fixture
def source(clock: Clock) -> NvmlSource:
    """A source that has read nothing yet and goes by that clock."""
    return NvmlSource(clock)
