"""Real Paddle on CPU: the stack under test, small models, and the instrumentor switched on around a test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import stacks
from recording import Recorder

STACK: Final = stacks.current()


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what the libraries themselves warn about."""


@pytest.fixture(scope="session")
def stack() -> stacks.Stack:
    """The stack under test."""
    return STACK
