"""PaddleX and PaddleOCR with real models, and the instrumentors switched on around a test."""

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry import context, trace
from opentelemetry.context import Context

from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_otel.operations.model_naming import model_naming
from paddle_otel.paddlex import PaddleXInstrumentor
from paddle_otel.paddlex.pipeline_call import inside_pipeline_call
from paddle_process import WARNINGS_OF_PADDLE, crashes_are_told, let_pass
from recording import Recorder

# Read when PaddleX is imported: it is not to look for hosts that have models.
os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"

EXAMPLE: Final = Path(__file__).parents[2] / "docs" / "examples" / "ocr" / "ppocr_v4.py"


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what the libraries themselves warn about."""
    let_pass(config, WARNINGS_OF_PADDLE)


@pytest.fixture(autouse=True)
def nothing_stays_current() -> Iterator[None]:
    """Fail every test that leaves a span current, or a call or the name of a model: later ones would be part of it."""
    yield
    left = trace.get_current_span()
    named, inside = model_naming().get(), inside_pipeline_call()
    context.attach(Context())  # only the guilty test fails
    model_naming().set(None)
    assert left is trace.INVALID_SPAN, f"{left} is still current"
    assert (named, inside) == (None, False)


@pytest.fixture(scope="session")
def paddleocr(pytestconfig: pytest.Config) -> Iterator[Any]:
    """PaddleOCR, and with it PaddleX and Paddle."""
    with crashes_are_told(importlib.import_module("paddle"), pytestconfig):
        yield importlib.import_module("paddleocr")


@pytest.fixture(scope="session")
def paddlex(paddleocr: Any) -> Any:
    """PaddleX."""
    assert paddleocr
    return importlib.import_module("paddlex")


@pytest.fixture(scope="session")
def ppocr() -> Any:
    """The documentation's example that writes the models' folders."""
    spec = importlib.util.spec_from_file_location("ppocr_v4", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def models(ppocr: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each model, by its name in PaddleX."""
    return ppocr.write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def invoice(ppocr: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of two lines of text."""
    return ppocr.draw(["Invoice 2024-118", "Total: $451.30"], tmp_path_factory.mktemp("pictures") / "invoice.png")


@pytest.fixture(scope="session")
def new_ocr(paddleocr: Any, ppocr: Any, models: dict[str, Path]) -> Callable[..., Any]:
    """Makes a ``PaddleOCR`` of detection and recognition; its keywords are PaddleOCR's."""

    def make(**options: Any) -> Any:
        return paddleocr.PaddleOCR(**{**ppocr.options(models), "use_textline_orientation": False, **options})

    return make


@pytest.fixture(scope="session")
def ocr(new_ocr: Callable[..., Any]) -> Any:
    """The one ``PaddleOCR`` that was made before anything was patched, unless a test of its own came first."""
    return new_ocr()


@pytest.fixture
def observed(recorder: Recorder, paddlex: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The SDK in memory that the instrumentors report to while the test runs; every prediction is a span."""
    assert paddlex
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")
    instrumentors = (PaddleInferenceInstrumentor(), PaddleXInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(**recorder.providers)
    yield recorder
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
