"""What only this stack has: OpenTelemetry's own instrumentation of threads."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def stock_threads() -> Iterator[None]:
    """``opentelemetry-instrumentation-threading`` is on: what starts a thread or fills a pool hands on its context."""
    instrumentor: Any = importlib.import_module("opentelemetry.instrumentation.threading").ThreadingInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()
