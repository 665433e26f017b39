"""Real Paddle on CPU, whatever its version, and the instrumentor of exported programs switched on around a test."""

import importlib
from collections.abc import Iterator
from typing import Any, Final

import pytest
from opentelemetry import context, trace
from opentelemetry.context import Context

from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

# What Paddle warns about at its import and in its own calls; anything else fails a test.
_WARNINGS_OF_PADDLE: Final = (
    "ignore:No ccache found:UserWarning",
    "ignore:Setuptools is replacing distutils:UserWarning",
    "ignore:pkg_resources is deprecated as an API:UserWarning",
    "ignore:The distutils package is deprecated:DeprecationWarning",
    "ignore:invalid escape sequence:DeprecationWarning",
    "ignore:invalid escape sequence:SyntaxWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what Paddle itself warns about."""
    for line in _WARNINGS_OF_PADDLE:
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def paddle() -> Any:
    """Paddle."""
    return importlib.import_module("paddle")


@pytest.fixture(autouse=True)
def nothing_stays_current() -> Iterator[None]:
    """Fail every test that leaves a span current: later spans would become its children."""
    yield
    left = trace.get_current_span()
    context.attach(Context())  # only the guilty test fails
    assert left is trace.INVALID_SPAN, f"{left} is still current"


@pytest.fixture
def observed(recorder: Recorder, paddle: Any) -> Iterator[Recorder]:
    """The SDK in memory that the instrumentor reports to while the test runs."""
    assert paddle
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    yield recorder
    instrumentor.uninstrument()
