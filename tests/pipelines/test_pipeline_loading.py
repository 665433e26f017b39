"""Creating a pipeline is a load, with the loads of its models below it."""

import gc
import importlib
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from pipelines.own_pipelines import Halves
from recording import Recorder

STATE = "paddle.model.state"


def states(recorder: Recorder, name: str) -> dict[str, float]:
    """Return how many pipelines of a name are in each state."""
    points = [point for point in recorder.points(STATE) if point.attributes["paddle.model.name"] == name]
    assert {point.attributes["paddle.model.kind"] for point in points} <= {"pipeline"}
    return {point.attributes[STATE]: point.value for point in points if point.value}


def test_paddleocr_is_loaded_once_with_its_models_below(observed: Recorder, new_ocr: Callable[..., Any]) -> None:
    """One span for the pipeline, one for each model with its name and what it does in the pipeline."""
    ocr = new_ocr(use_textline_orientation=True)
    span = observed.span("load_model OCR")
    assert span.parent is None
    assert dict(span.attributes or {}) == {
        "paddle.model.name": "OCR",
        "paddle.model.kind": "pipeline",
        "paddle.model.class": "OCRPipeline",
    }
    children = [
        (child.name, (child.attributes or {})["paddle.model.kind"], (child.attributes or {})["paddle.pipeline.module"])
        for child in observed.children(span)
    ]
    assert children == [
        ("load_model PP-LCNet_x0_25_textline_ori", "predictor", "textline_orientation"),
        ("load_model PP-OCRv4_mobile_det", "predictor", "text_detection"),
        ("load_model PP-OCRv4_mobile_rec", "predictor", "text_recognition"),
    ]
    assert len(observed.spans()) == 1 + len(children)
    assert observed.point("paddle.model.load.duration", paddle__model__kind="pipeline").count == 1
    assert states(observed, "OCR") == {"ready": 1}
    del ocr
    gc.collect()
    assert states(observed, "OCR") == {"unloaded": 1}


@pytest.mark.parametrize("way", ["create_pipeline", "class"])
def test_every_way_to_create_a_pipeline(way: str, observed: Recorder, paddlex: Any) -> None:
    """By its name, or by its class."""
    made = paddlex.create_pipeline(config={"pipeline_name": "halves"}) if way == "create_pipeline" else Halves()
    assert (observed.span("load_model halves").attributes or {})["paddle.model.class"] == "Halves"
    assert list(made.predict([4])) == [2.0]


def test_a_pipeline_in_a_pipeline_is_a_load_of_its_own(observed: Recorder, paddlex: Any) -> None:
    """Below that of the outer one."""
    assert paddlex.create_pipeline(config={"pipeline_name": "nested"})
    outer = observed.span("load_model nested")
    assert [child.name for child in observed.children(outer)] == ["load_model halves"]


def test_a_pipeline_that_cannot_be_created(observed: Recorder, paddlex: Any) -> None:
    """The exception leaves unchanged; the span and the state tell that it failed."""
    with pytest.raises(FileNotFoundError, match="no such model"):
        paddlex.create_pipeline(config={"pipeline_name": "broken"})
    span = observed.span("load_model broken")
    assert (span.status.status_code, (span.attributes or {})["error.type"]) == (StatusCode.ERROR, "FileNotFoundError")
    assert states(observed, "broken") == {"failed": 1}
    assert observed.point("paddle.model.load.duration", error__type="FileNotFoundError").count == 1


def test_what_is_no_pipeline_is_no_load(observed: Recorder) -> None:
    """PaddleX's registered classes have one metaclass, and not all of them are pipelines."""
    components = importlib.import_module("paddlex.inference.pipelines.components")
    assert components.SortQuadBoxes()
    assert components.CropByPolys()
    assert observed.spans() == []


def test_an_unknown_pipeline_is_no_load(observed: Recorder, paddlex: Any) -> None:
    """Nothing is created; PaddleX's own exception leaves."""
    with pytest.raises(Exception, match="does not exist"):
        paddlex.create_pipeline("no such pipeline")
    assert observed.spans() == []
