"""What the tests of the diagnosis share."""

import pytest

from memory_scene import MemoryScene


@pytest.fixture
def scene() -> MemoryScene:
    """A rule that has seen nothing yet."""
    return MemoryScene()
