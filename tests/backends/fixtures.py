"""The backends as pytest fixtures, started once per run; ``pytest_plugins = ["backends.fixtures"]`` makes them known.

All tests of a run share them, so each test sends under a service name of its own.
"""

from collections.abc import Iterator

import pytest

from backends.servers import Jaeger, Prometheus


@pytest.fixture(scope="session")
def jaeger() -> Iterator[Jaeger]:
    """A running Jaeger."""
    with Jaeger() as server:
        yield server


@pytest.fixture(scope="session")
def prometheus() -> Iterator[Prometheus]:
    """A running Prometheus."""
    with Prometheus() as server:
        yield server
