"""Reading the text in a picture, by an untouched program: its traces as a real Jaeger gives them back."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.servers import Jaeger, JaegerSpan, JaegerTrace
from end_to_end.running import environment, instrumented, run

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "ocr"
SERVICE = "read-text"
TEXTS = ["Invoice2024-118", "Total: $451.30"]
MODULES = {
    "PP-OCRv4_mobile_det": "text_detection",
    "PP-LCNet_x0_25_textline_ori": "textline_orientation",
    "PP-OCRv4_mobile_rec": "text_recognition",
}


@dataclass
class Observed:
    """What the program printed, and its traces: of loading, and of the one call."""

    output: str
    loading: JaegerTrace
    request: JaegerTrace


@pytest.fixture(scope="module")
def observed(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """The program, run under ``opentelemetry-instrument`` to its end."""
    variables = environment(
        OTEL_SERVICE_NAME=SERVICE,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{jaeger.otlp_http_endpoint}/v1/traces",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    done = run(instrumented(str(EXAMPLE / "read_text.py")), variables, tmp_path_factory.mktemp("ocr"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Telemetry failed" not in done.stderr
    loading, request = jaeger.wait_for_traces(SERVICE, 2)
    return Observed(done.stdout, loading, request)


def _only(spans: list[JaegerSpan]) -> JaegerSpan:
    assert len(spans) == 1, [span.name for span in spans]
    return spans[0]


def test_the_program_prints_what_it_prints_without(observed: Observed, tmp_path: Path) -> None:
    """The same lines, run without a word before the command."""
    plain = run([sys.executable, str(EXAMPLE / "read_text.py")], environment(), tmp_path)
    assert (plain.returncode, plain.stdout) == (0, observed.output)
    assert observed.output.splitlines() == TEXTS


def test_the_request_is_a_pipeline_with_its_three_models_below(observed: Observed) -> None:
    """Detection, then which way up each line is, then recognition: in order and nested in time."""
    call = _only(observed.request.roots())
    children = observed.request.children(call)
    assert [call.name, *(child.name for child in children)] == [
        "pipeline OCR",
        "predict PP-OCRv4_mobile_det",
        "predict PP-LCNet_x0_25_textline_ori",
        "predict PP-OCRv4_mobile_rec",
    ]
    assert len(observed.request.spans) == 4
    ends = [call.start_us]
    for child in children:
        assert ends[-1] <= child.start_us
        ends.append(child.end_us)
    assert ends[-1] <= call.end_us


def test_the_pipeline_has_exactly_the_attributes_of_the_contract(observed: Observed) -> None:
    """Names, values and value types."""
    call = _only(observed.request.roots())
    attributes = dict(call.attributes)  # other tests read the same call
    active = attributes.pop("paddle.pipeline.active_duration")
    assert type(active) is float
    assert 0 < active <= (call.end_us - call.start_us) / 1e6
    assert attributes == {
        "paddle.pipeline.name": "OCR",
        "paddle.pipeline.library": "paddleocr",
        "paddle.pipeline.inputs": 1,
        "paddle.pipeline.results": 1,
    }
    assert (call.kind, call.status, call.scope_name) == ("internal", "UNSET", "paddle_otel.paddlex")


def test_each_prediction_says_what_it_does_in_the_pipeline(observed: Observed) -> None:
    """One picture is detected; its two lines are classified and recognised in one batch each."""
    children = observed.request.children(_only(observed.request.roots()))
    names = ("paddle.model.name", "paddle.pipeline.module", "paddle.model.kind", "paddle.batch_size")
    assert [tuple(child.attributes[name] for name in names) for child in children] == [
        (model, module, "predictor", 1 if module == "text_detection" else 2) for model, module in MODULES.items()
    ]


def test_loading_is_a_trace_of_its_own(observed: Observed) -> None:
    """The pipeline, and its models below it."""
    load = _only(observed.loading.roots())
    assert (load.name, load.attributes["paddle.model.kind"]) == ("load_model OCR", "pipeline")
    below = {child.attributes["paddle.model.name"]: child for child in observed.loading.children(load)}
    assert {name: child.attributes["paddle.pipeline.module"] for name, child in below.items()} == MODULES
    assert {child.name for child in below.values()} == {f"load_model {name}" for name in MODULES}


def test_no_text_and_no_path_is_in_any_span(observed: Observed) -> None:
    """In no attribute, event or status."""
    spans = [*observed.loading.spans, *observed.request.spans]
    written = repr([(span.name, span.attributes, span.events, span.status_description) for span in spans])
    assert not [text for text in (*TEXTS, "Invoice", "invoice", "$451", "/tmp") if text in written]  # noqa: S108 - looked for
