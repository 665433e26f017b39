"""What PaddleOCR and PaddleX give is equal bit by bit with and without us, in value and in type."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from recording import Recorder


def frozen(value: Any) -> Any:
    """Return a value with its types, so that equal means equal bit by bit."""
    kind = cast("Any", type(value))
    if issubclass(kind, np.ndarray):
        return kind.__name__, value.dtype.str, value.shape, value.tobytes()
    if issubclass(kind, dict):
        return kind.__name__, {key: frozen(one) for key, one in value.items()}
    if issubclass(kind, (list, tuple)):
        return kind.__name__, [frozen(one) for one in value]
    return kind.__name__, repr(value)


def everything(ocr: Any, invoice: Path) -> list[Any]:
    """Return what every way to call gives."""
    pipeline = ocr.paddlex_pipeline
    return [
        frozen(ocr.predict(str(invoice))),
        frozen(list(ocr.predict_iter([str(invoice)] * 2, return_word_box=True))),
        frozen(list(pipeline(str(invoice)))),
        frozen(list(pipeline.text_det_model(str(invoice)))),
        frozen(ocr.predict(np.zeros((40, 60, 3), np.uint8))),
    ]


def test_outputs_are_equal(
    recorder: Recorder, new_ocr: Callable[..., Any], ocr: Any, invoice: Path, request: Any
) -> None:
    """Made and called without, made without and called with, made and called with."""
    without = everything(ocr, invoice)
    observed = request.getfixturevalue("observed")
    assert observed is recorder
    assert everything(ocr, invoice) == without
    assert everything(new_ocr(), invoice) == without
    assert len(recorder.spans("pipeline OCR")) == 8


def test_a_picture_without_text(observed: Recorder, ocr: Any) -> None:
    """No recognition runs; the call has one result, which is empty."""
    (page,) = ocr.predict(np.zeros((40, 60, 3), np.uint8))
    assert page["rec_texts"] == []
    span = observed.span("pipeline OCR")
    assert ((span.attributes or {})["paddle.pipeline.inputs"], (span.attributes or {})["paddle.pipeline.results"]) == (
        1,
        1,
    )
    assert len(observed.children(span)) == 1
