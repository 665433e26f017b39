"""Single models of PaddleX and PaddleOCR, called without a pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.trace import StatusCode

from pipelines.test_pipeline_calls import attributes_of
from recording import Recorder

MODEL: Final = "PP-OCRv4_mobile_det"
CALL: Final = f"pipeline {MODEL}"
PLAIN: Final = {"run_mode": "paddle", "cpu_threads": 2}


@pytest.fixture
def detection(paddlex: Any, models: dict[str, Path]) -> Any:
    """A text detection model of PaddleX."""
    return paddlex.create_model(MODEL, model_dir=str(models[MODEL]), device="cpu", engine_config=PLAIN)


def test_loading_names_the_model_and_what_it_does(observed: Recorder, detection: Any) -> None:
    """One span: of the predictor."""
    assert detection
    (span,) = observed.spans()
    assert span.name == f"load_model {MODEL}"
    found = span.attributes or {}
    assert (found["paddle.model.kind"], found["paddle.pipeline.module"]) == ("predictor", "text_detection")


@pytest.mark.parametrize("call", ["predict", "__call__"])
def test_a_model_of_paddlex(call: str, observed: Recorder, detection: Any, invoice: Path) -> None:
    """A generator: one span, named after the model, with the prediction below it."""
    observed.clear_spans()
    results = getattr(detection, call)([str(invoice)] * 2)
    assert [len(result["dt_polys"]) for result in results] == [2, 2]
    span = observed.span(CALL)
    assert attributes_of(span) == {
        "paddle.pipeline.name": MODEL,
        "paddle.pipeline.library": "paddlex",
        "paddle.pipeline.module": "text_detection",
        "paddle.pipeline.inputs": 2,
        "paddle.pipeline.results": 2,
        "paddle.pipeline.exhausted": True,
    }
    assert [child.name for child in observed.children(span)] == [f"predict {MODEL}"] * 2


@pytest.mark.parametrize("call", ["predict", "predict_iter"])
def test_a_model_of_paddleocr(
    call: str, observed: Recorder, paddleocr: Any, models: dict[str, Path], invoice: Path
) -> None:
    """``predict`` gives a list and ``predict_iter`` a generator; either is one call of PaddleOCR."""
    model = paddleocr.TextDetection(model_name=MODEL, model_dir=str(models[MODEL]), enable_mkldnn=False)
    observed.clear_spans()
    results = getattr(model, call)(str(invoice))
    assert isinstance(results, list) == (call == "predict")
    assert len(list(results)) == 1
    found = attributes_of(observed.span(CALL))
    assert found.pop("paddle.pipeline.exhausted", None) is (None if call == "predict" else True)
    assert found == {
        "paddle.pipeline.name": MODEL,
        "paddle.pipeline.library": "paddleocr",
        "paddle.pipeline.module": "text_detection",
        "paddle.pipeline.inputs": 1,
        "paddle.pipeline.results": 1,
    }


def test_a_picture_that_is_none(observed: Recorder, detection: Any, tmp_path: Path) -> None:
    """PaddleX's exception leaves; the span has its class and not its message, which has the path."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    observed.clear_spans()
    with pytest.raises(Exception, match="broken") as raised:
        list(detection.predict(str(broken)))
    span = observed.span(CALL)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, type(raised.value).__name__)
    assert (span.attributes or {})["error.type"] == type(raised.value).__name__
    assert "broken" not in repr(dict(span.attributes or {}))
    assert not span.events


def test_the_model_of_a_pipeline_is_no_call_of_its_own(
    observed: Recorder, new_ocr: Callable[..., Any], invoice: Path
) -> None:
    """Also where a thread of the pipeline calls it, in which nothing tells that a pipeline is at work."""
    ocr = new_ocr()
    observed.clear_spans()
    assert len(list(ocr.paddlex_pipeline.text_det_model(str(invoice)))) == 1
    assert [span.name for span in observed.spans()] == [f"predict {MODEL}"]


def test_a_model_from_before(recorder: Recorder, detection: Any, observed: Recorder, invoice: Path) -> None:
    """``detection`` comes first here, before anything is patched: PaddleX knows its name, Paddle does not."""
    assert recorder is observed
    results = list(detection.predict(str(invoice)))
    assert len(results) == 1
    assert observed.span(CALL).attributes
