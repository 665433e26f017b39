"""The exporters as OpenTelemetry uses them: by name, without arguments, and never to anybody's harm."""

import json
import logging
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from paddle_otel.exporters import log_exporter, metric_exporter, span_exporter


@pytest.fixture(name="directory", autouse=True)
def files_in_an_own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Send the files of every test to its own directory, which does not exist yet."""
    for name in [name for name in os.environ if name.startswith("PADDLE_OTEL_")]:
        monkeypatch.delenv(name)
    directory = tmp_path / "telemetry"
    monkeypatch.setenv("PADDLE_OTEL_FILE_DIRECTORY", str(directory))
    return directory


def one_span(resource: Resource) -> Sequence[ReadableSpan]:
    """Make a finished span of that resource."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer("scope").start_span("span").end()
    provider.shutdown()
    return memory.get_finished_spans()


@pytest.mark.parametrize(
    ("resource", "variable", "expected"),
    [
        (Resource({"service.name": "shop"}), "other", "shop"),
        (Resource.get_empty(), "from-environment", "from-environment"),
        (Resource.get_empty(), "", "unknown_service"),
    ],
)
def test_files_are_named_after_the_service(
    directory: Path, monkeypatch: pytest.MonkeyPatch, resource: Resource, variable: str, expected: str
) -> None:
    """The resource's service.name counts, then OTEL_SERVICE_NAME, then a word that says that it is not known."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", variable)
    exporter = span_exporter()
    assert exporter.export(one_span(resource)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert [path.name for path in directory.iterdir()] == [f"traces-{expected}-{os.getpid()}.jsonl"]


def test_each_batch_is_a_line(directory: Path) -> None:
    """A reader that follows the file gets a complete OTLP message with every line."""
    exporter = span_exporter()
    for _ in range(3):
        exporter.export(one_span(Resource({"service.name": "shop"})))
    exporter.shutdown()
    (path,) = directory.iterdir()
    lines = path.read_text().splitlines()
    assert [len(json.loads(line)["resourceSpans"]) for line in lines] == [1, 1, 1]


def test_nothing_to_export_is_a_success_without_a_file(directory: Path) -> None:
    """Empty batches leave no trace on disk."""
    spans, metrics, logs = span_exporter(), metric_exporter(), log_exporter()
    assert spans.export([]) is SpanExportResult.SUCCESS
    assert metrics.export(MetricsData([])) is MetricExportResult.SUCCESS
    assert logs.export([]) is LogRecordExportResult.SUCCESS
    assert (spans.force_flush(), metrics.force_flush(), logs.force_flush()) == (True, True, True)
    for exporter in (spans, metrics, logs):
        exporter.shutdown()
    assert not directory.exists()


def test_what_cannot_be_encoded_is_a_failure_logged_once(
    caplog: pytest.LogCaptureFixture, telemetry_trouble: Any
) -> None:
    """An exporter never raises, whatever is in a batch, and repeats no complaint."""
    telemetry_trouble.expected = True
    exporter = span_exporter()
    garbage = cast("Sequence[ReadableSpan]", ["a secret prompt"])
    assert exporter.export(garbage) is SpanExportResult.FAILURE
    assert exporter.export(garbage) is SpanExportResult.FAILURE
    assert exporter.export(one_span(Resource({"service.name": "shop"}))) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert len(caplog.records) == 1
    assert "encoding traces as OTLP JSON (AttributeError)" in caplog.text
    assert "secret" not in caplog.text


def test_a_directory_in_the_way_is_a_failure(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that cannot be written is a failed export for OpenTelemetry, no exception."""
    directory.write_text("a file is in the way")
    caplog.set_level(logging.CRITICAL, "paddle_otel")
    exporter = span_exporter()
    assert exporter.export(one_span(Resource({"service.name": "shop"}))) is SpanExportResult.FAILURE
    exporter.shutdown()


def test_no_export_after_shutdown(directory: Path) -> None:
    """After shutdown every signal refuses."""
    exporter = span_exporter()
    exporter.shutdown()
    assert exporter.export(one_span(Resource({"service.name": "shop"}))) is SpanExportResult.FAILURE
    assert not directory.exists()


def zero_code(program: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program under ``opentelemetry-instrument`` with the three exporters, as a user does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PADDLE_"))}
    environment |= {
        "OTEL_TRACES_EXPORTER": "otlp_jsonl_file",
        "OTEL_METRICS_EXPORTER": "otlp_jsonl_file",
        "OTEL_LOGS_EXPORTER": "otlp_jsonl_file",
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
        "PADDLE_OTEL_FILE_DIRECTORY": str(directory),
        **variables,
    }
    command = [f"{sysconfig.get_path('scripts')}/opentelemetry-instrument", sys.executable, "-c", program]
    return subprocess.run(command, check=True, env=environment, capture_output=True, text=True, timeout=120)


EVERY_SIGNAL = """
import os
from opentelemetry import metrics, trace
from opentelemetry._logs import LogRecord, get_logger

with trace.get_tracer("scope").start_as_current_span("span"):
    metrics.get_meter("scope").create_counter("counter").add(2)
    get_logger("scope").emit(LogRecord(body="record", event_name="event"))
print(os.getpid())
"""


def signals_in(directory: Path, pid: str) -> dict[str, Any]:
    """Read the first line of each of a process's three files."""
    return {
        signal: json.loads((directory / f"{signal}-shop-{pid}.jsonl").read_text().splitlines()[0])
        for signal in ("traces", "metrics", "logs")
    }


def test_zero_code_writes_the_three_signals(directory: Path) -> None:
    """With three variables a program's telemetry is in files when it has ended, and its resource with it."""
    ended = zero_code(
        EVERY_SIGNAL, directory, OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="paddle", PADDLE_TRAINER_ID="1", PADDLE_JOB_ID="j"
    )
    assert ended.stderr == ""
    signals = signals_in(directory, ended.stdout.strip())
    assert len(list(directory.iterdir())) == 3
    span = signals["traces"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    record = signals["logs"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    scopes = {scope["scope"]["name"]: scope for scope in signals["metrics"]["resourceMetrics"][0]["scopeMetrics"]}
    assert span["name"] == "span"
    assert scopes["scope"]["metrics"][0]["sum"]["dataPoints"][0]["asInt"] == "2"
    assert (record["eventName"], record["traceId"]) == ("event", span["traceId"])
    resource = {item["key"]: item["value"] for item in signals["traces"]["resourceSpans"][0]["resource"]["attributes"]}
    assert resource["service.name"] == {"stringValue": "shop"}
    assert resource["paddle.rank"] == {"intValue": "1"}
    assert resource["paddle.job.id"] == {"stringValue": "j"}


def test_zero_code_without_telemetry_leaves_nothing(directory: Path) -> None:
    """A program that emits nothing finds no directory that it did not make."""
    assert zero_code("print('answer')", directory).stdout == "answer\n"
    assert not directory.exists()


def test_zero_code_with_a_directory_in_the_way_changes_no_answer(directory: Path) -> None:
    """What the program prints and how it ends stay the same; one warning per signal says why there are no files."""
    directory.write_text("a file is in the way")
    ended = zero_code("print('answer')\n" + EVERY_SIGNAL, directory)
    assert ended.stdout.startswith("answer\n")
    assert [line.split(" cannot")[0] for line in sorted(ended.stderr.splitlines())] == ["Logs", "Metrics", "Traces"]


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    """Without the official encoder the error says what to type."""
    program = "import sys; sys.modules['opentelemetry.exporter.otlp.json'] = None; import paddle_otel.exporters"
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert ended.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: The exporter otlp_jsonl_file needs the package opentelemetry-exporter-otlp-json-file, "
        "which is not installed (no module opentelemetry.exporter.otlp.json.common); without it nothing is exported. "
        'Install it with: pip install "paddle-otel[otlp]"'
    )
