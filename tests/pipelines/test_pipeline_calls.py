"""A call of a pipeline is one span, with the predictions of its models below it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from recording import Recorder

TEXTS: Final = ["Invoice2024-118", "Total: $451.30"]
DURATION: Final = "paddle.pipeline.duration"


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a pipeline's span, without the duration, which is checked."""
    attributes = dict(span.attributes or {})
    active = attributes.pop("paddle.pipeline.active_duration")
    assert isinstance(active, float)
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < active <= (span.end_time - span.start_time) / 1e9
    return attributes


def test_predict_of_paddleocr(observed: Recorder, new_ocr: Callable[..., Any], invoice: Path) -> None:
    """One span with the number of inputs and results; detection, orientation and recognition below it, in order."""
    ocr = new_ocr(use_textline_orientation=True)
    observed.clear_spans()
    (page,) = ocr.predict(str(invoice))
    assert page["rec_texts"] == TEXTS
    span = observed.span("pipeline OCR")
    assert (span.kind, span.parent, span.status.status_code) == (SpanKind.INTERNAL, None, StatusCode.UNSET)
    assert attributes_of(span) == {
        "paddle.pipeline.name": "OCR",
        "paddle.pipeline.library": "paddleocr",
        "paddle.pipeline.inputs": 1,
        "paddle.pipeline.results": 1,
    }
    children = [(child.name, (child.attributes or {})["paddle.pipeline.module"]) for child in observed.children(span)]
    assert children == [
        ("predict PP-OCRv4_mobile_det", "text_detection"),
        ("predict PP-LCNet_x0_25_textline_ori", "textline_orientation"),
        ("predict PP-OCRv4_mobile_rec", "text_recognition"),
    ]
    assert len(observed.spans()) == 1 + len(children)
    point = observed.point(DURATION)
    assert dict(point.attributes) == {"paddle.pipeline.name": "OCR", "paddle.pipeline.library": "paddleocr"}
    assert (point.count, type(point.value)) == (1, float)


def test_predict_iter_of_paddleocr(observed: Recorder, ocr: Any, invoice: Path) -> None:
    """A generator is one span too, which knows that it came to its end."""
    results = ocr.predict_iter([str(invoice), str(invoice)])
    assert observed.spans() == []
    assert [page["rec_texts"] for page in results] == [TEXTS, TEXTS]
    span = observed.span("pipeline OCR")
    assert attributes_of(span) == {
        "paddle.pipeline.name": "OCR",
        "paddle.pipeline.library": "paddleocr",
        "paddle.pipeline.inputs": 2,
        "paddle.pipeline.results": 2,
        "paddle.pipeline.exhausted": True,
    }
    assert len(observed.children(span)) == 4
    assert observed.point(DURATION).count == 1


@pytest.mark.parametrize("call", ["predict", "__call__"])
def test_pipelines_of_paddlex(call: str, observed: Recorder, ocr: Any, invoice: Path) -> None:
    """``pipeline.predict(...)`` and ``pipeline(...)`` are the same call, of PaddleX."""
    results = getattr(ocr.paddlex_pipeline, call)(str(invoice))
    assert [page["rec_texts"] for page in results] == [TEXTS]
    span = observed.span("pipeline OCR")
    assert attributes_of(span) == {
        "paddle.pipeline.name": "OCR",
        "paddle.pipeline.library": "paddlex",
        "paddle.pipeline.inputs": 1,
        "paddle.pipeline.results": 1,
        "paddle.pipeline.exhausted": True,
    }
    assert observed.point(DURATION, paddle__pipeline__library="paddlex").count == 1


def test_the_deprecated_ocr_method(observed: Recorder, ocr: Any, invoice: Path) -> None:
    """It ends in ``predict``, and is one call."""
    with pytest.warns(DeprecationWarning, match="predict"):
        (page,) = ocr.ocr(str(invoice))
    assert page["rec_texts"] == TEXTS
    assert attributes_of(observed.span("pipeline OCR"))["paddle.pipeline.library"] == "paddleocr"


def test_a_sub_pipeline_is_part_of_the_call(observed: Recorder, new_ocr: Callable[..., Any], invoice: Path) -> None:
    """With document preprocessing, a pipeline inside the pipeline, there is still one span."""
    ocr = new_ocr(
        use_doc_orientation_classify=None,
        use_doc_unwarping=None,
        paddlex_config={
            "pipeline_name": "OCR",
            "text_type": "general",
            "use_doc_preprocessor": True,
            "use_textline_orientation": False,
            "SubPipelines": {
                "DocPreprocessor": {
                    "pipeline_name": "doc_preprocessor",
                    "use_doc_orientation_classify": False,
                    "use_doc_unwarping": False,
                }
            },
            "SubModules": {
                "TextDetection": {"module_name": "text_detection", "model_name": "PP-OCRv4_mobile_det"},
                "TextRecognition": {"module_name": "text_recognition", "model_name": "PP-OCRv4_mobile_rec"},
            },
        },
    )
    preprocessor = ocr.paddlex_pipeline.doc_preprocessor_pipeline
    observed.clear_spans()
    assert len(ocr.predict(str(invoice))[0]["rec_texts"]) == 2
    assert observed.span("pipeline OCR")
    assert not observed.spans("pipeline doc_preprocessor")
    assert len(list(preprocessor(str(invoice)))) == 1
    assert attributes_of(observed.span("pipeline doc_preprocessor"))["paddle.pipeline.library"] == "paddlex"


def test_the_call_belongs_to_the_request(observed: Recorder, ocr: Any, invoice: Path) -> None:
    """The span is a child of the span that is current, and leaves it current."""
    with observed.tracer_provider.get_tracer("server").start_as_current_span("request"):
        ocr.predict(str(invoice))
        with observed.tracer_provider.get_tracer("server").start_as_current_span("after"):
            pass
    request = observed.span("request")
    assert [child.name for child in observed.children(request)] == ["pipeline OCR", "after"]


def test_a_pipeline_from_before_has_its_name_and_its_models_have_none(
    observed: Recorder, ocr: Any, invoice: Path
) -> None:
    """PaddleX is asked for the pipeline's name; what nobody saw being loaded is unknown."""
    ocr.predict(str(invoice))
    assert [child.name for child in observed.children(observed.span("pipeline OCR"))] == ["predict unknown"] * 2


def test_no_text_and_no_path_is_recorded(observed: Recorder, new_ocr: Callable[..., Any], invoice: Path) -> None:
    """Neither what was read nor where the picture and the models are."""
    new_ocr().predict(str(invoice))
    everything = repr([(span.name, dict(span.attributes or {}), span.events) for span in observed.spans()])
    everything += repr([point for metric in observed.metrics() for point in observed.points(metric)])
    assert not [text for text in (*TEXTS, "Invoice", "$451", invoice.name, "/") if text in everything]
