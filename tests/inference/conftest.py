"""Real Paddle on CPU, whatever its version, and the instrumentor of exported programs switched on around a test."""

import importlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest

from inference.programs import save_classifier
from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_process import (
    WARNINGS_OF_PADDLE,
    WARNINGS_OF_PROGRAMS,
    crashes_are_told,
    let_pass,
    nothing_stays_current,
)
from recording import Recorder

# Running a list of tensors crashes in Paddle 2 without anybody's patches, and it has no paddle.incubate.jit.
_PADDLE_2: Final = version("paddlepaddle").startswith("2.")
_NOT_IN_PADDLE_2: Final = ["test_predictor_list_forms.py", "test_predictor_lists.py", "test_predictor_incubate.py"]
collect_ignore: list[str] = _NOT_IN_PADDLE_2 if _PADDLE_2 else []

__all__ = ["nothing_stays_current"]

# Anything else that is warned about fails a test.
_WARNINGS: Final = (*WARNINGS_OF_PADDLE, *WARNINGS_OF_PROGRAMS, "ignore:ast\\.\\w+ is deprecated:DeprecationWarning")


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what Paddle itself warns about."""
    let_pass(config, _WARNINGS)


@pytest.fixture(scope="session")
def paddle(pytestconfig: pytest.Config) -> Iterator[Any]:
    """Paddle; where it crashes, Python's lines are written to the terminal."""
    paddle = importlib.import_module("paddle")
    with crashes_are_told(paddle, pytestconfig):
        yield paddle


@pytest.fixture(scope="session")
def classifier(paddle: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path, without extension, of a small program from rows of four features to rows of two scores."""
    path = tmp_path_factory.mktemp("programs") / "scores" / "inference"
    save_classifier(paddle, path)
    return path


@pytest.fixture
def observed(recorder: Recorder, paddle: Any) -> Iterator[Recorder]:
    """The SDK in memory that the instrumentor reports to while the test runs."""
    assert paddle
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    yield recorder
    instrumentor.uninstrument()
