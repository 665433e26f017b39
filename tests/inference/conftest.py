"""Real Paddle on CPU, whatever its version, and the instrumentor of exported programs switched on around a test."""

import importlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry import context, trace
from opentelemetry.context import Context

from inference.programs import save_classifier
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

# Running a list of tensors crashes in Paddle 2 without anybody's patches.
_PADDLE_2: Final = version("paddlepaddle").startswith("2.")
collect_ignore: list[str] = ["test_predictor_list_forms.py", "test_predictor_lists.py"] if _PADDLE_2 else []

# What Paddle warns about at its import and in its own calls; anything else fails a test.
_WARNINGS_OF_PADDLE: Final = (
    "ignore:No ccache found:UserWarning",
    "ignore:Setuptools is replacing distutils:UserWarning",
    "ignore:pkg_resources is deprecated as an API:UserWarning",
    "ignore:The distutils package is deprecated:DeprecationWarning",
    "ignore:invalid escape sequence:DeprecationWarning",
    "ignore:invalid escape sequence:SyntaxWarning",
    "ignore:ast\\.\\w+ is deprecated:DeprecationWarning",
    "ignore:The Op.(feed|fetch). is not support to set device:UserWarning",
    "ignore:The Attr.force_cpu. of Op.fill_constant. will be deprecated:UserWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what Paddle itself warns about."""
    for line in _WARNINGS_OF_PADDLE:
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def paddle() -> Any:
    """Paddle."""
    return importlib.import_module("paddle")


@pytest.fixture(scope="session")
def classifier(paddle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path, without extension, of a small program from rows of four features to rows of two scores."""
    path = tmp_path_factory.mktemp("programs") / "scores" / "inference"
    save_classifier(paddle, path)
    return path


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
