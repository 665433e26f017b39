"""What the tests of the diagnosis share."""

import pytest

from context_leaks import nothing_left_in_the_context
from memory_scene import MemoryScene

__all__ = ["nothing_left_in_the_context", "scene"]


@pytest.fixture
def scene() -> MemoryScene:
    """A rule that has seen nothing yet."""
    return MemoryScene()
