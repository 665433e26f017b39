"""PP-OCRv4 run by plain predictors, as ``rapidocr_paddle`` does: each of its models is seen by name."""

import importlib
import itertools
from pathlib import Path
from typing import Any

from opentelemetry.instrumentation.utils import suppress_instrumentation

from recording import Recorder

DETECTION = "ch_PP-OCRv4_det_infer"
DIRECTION = "ch_ppocr_mobile_v2_cls_infer"
RECOGNITION = "ch_PP-OCRv4_rec_infer"


def read(engine: Any, picture: Path) -> list[tuple[str, float]]:
    """Return the lines of a picture with their scores."""
    lines, _ = engine(str(picture))
    return [(text, score) for _, text, score in lines]


def test_each_model_of_a_request_is_a_prediction(observed: Recorder, invoice: Path) -> None:
    """Detection of one picture, then direction and recognition of its two lines, in this order below the request."""
    engine = importlib.import_module("rapidocr_paddle").RapidOCR()
    loads = sorted(span.name for span in observed.spans())
    assert loads == sorted(f"load_model {name}" for name in (DETECTION, DIRECTION, RECOGNITION))
    observed.clear_spans()
    with observed.tracer_provider.get_tracer("test").start_as_current_span("request"):
        lines = read(engine, invoice)
    assert len(lines) == 2
    spans = observed.children(observed.span("request"))
    assert [name for name, _ in itertools.groupby(span.name for span in spans)] == [
        f"predict {name}" for name in (DETECTION, DIRECTION, RECOGNITION)
    ]
    rows = {span.name: (span.attributes or {})["paddle.batch_size"] for span in spans}
    assert rows == {f"predict {DETECTION}": 1, f"predict {DIRECTION}": 2, f"predict {RECOGNITION}": 2}
    for span in spans:
        assert (span.attributes or {})["paddle.prediction.input.names"] == ("x",)
    counted = {point.attributes["paddle.model.name"] for point in observed.points("paddle.prediction.duration")}
    assert counted == {DETECTION, DIRECTION, RECOGNITION}


def test_the_text_is_the_same_without_us(observed: Recorder, invoice: Path) -> None:
    """Every line and every score, bit by bit."""
    engine = importlib.import_module("rapidocr_paddle").RapidOCR()
    seen = read(engine, invoice)
    with suppress_instrumentation():
        plain = read(engine, invoice)
    assert seen == plain
    assert observed.spans()
