"""The backends as pytest fixtures, started once per run; ``pytest_plugins = ["backends.fixtures"]`` makes them known.

All tests of a run share them, so each test sends under a service name of its own.
"""

from collections.abc import Iterator

import pytest

from backends.redis import Redis
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


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A running Redis that nobody stops."""
    with Redis() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A running Redis that the test may kill or stop."""
    with Redis() as server:
        yield server
        server.kill()
