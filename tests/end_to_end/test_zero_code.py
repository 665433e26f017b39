"""What ``opentelemetry-instrument`` does with a program, read from OTLP JSON-lines files."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from end_to_end.running import PROGRAMS, environment, instrumented, last_line, run
from fake_nvml import driver

PROGRAM = [str(PROGRAMS / "tiny_generate.py"), "1", "0"]
FILE_EXPORTERS = {
    "OTEL_TRACES_EXPORTER": "otlp_jsonl_file",
    "OTEL_METRICS_EXPORTER": "otlp_jsonl_file",
    "OTEL_LOGS_EXPORTER": "none",
    "PADDLE_OTEL_FILE_DIRECTORY": "telemetry",
}


def _lines(folder: Path, signal: str) -> list[Any]:
    files = sorted((folder / "telemetry").glob(f"{signal}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def _span_names(folder: Path) -> list[str]:
    return [
        span["name"]
        for batch in _lines(folder, "traces")
        for resource in batch["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _metric_names(folder: Path) -> set[str]:
    return {
        metric["name"]
        for batch in _lines(folder, "metrics")
        for resource in batch["resourceMetrics"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    }


def test_a_plain_program_is_traced_into_files(tmp_path: Path) -> None:
    """One word before the command: every generate call is in the files, with its children and metrics."""
    completed = run(instrumented(*PROGRAM), environment(**FILE_EXPORTERS), tmp_path)
    assert completed.returncode == 7, completed.stderr[-3000:]
    assert _span_names(tmp_path) == ["prefill", "decode", "text_completion", "text_completion"]
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage", "paddle.tokens"} <= _metric_names(tmp_path)


@pytest.mark.parametrize("switch", ["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=paddleformers", "PADDLE_OTEL_ENABLED=false"])
def test_it_can_be_switched_off_from_outside(switch: str, tmp_path: Path) -> None:
    """The entry point's name, or our own switch, leaves the library alone."""
    name, value = switch.split("=")
    completed = run(instrumented(*PROGRAM), environment(**FILE_EXPORTERS, **{name: value}), tmp_path)
    assert completed.returncode == 7, completed.stderr[-3000:]
    assert _span_names(tmp_path) == []


def test_other_libraries_can_be_switched_off_without_this_one(tmp_path: Path) -> None:
    """Disabling one entry point leaves the others on."""
    disabled = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "paddlenlp,paddle_hardware"}
    completed = run(instrumented(*PROGRAM), environment(**FILE_EXPORTERS, **disabled), tmp_path)
    assert completed.returncode == 7, completed.stderr[-3000:]
    assert "text_completion" in _span_names(tmp_path)


def test_a_program_without_paddle_pays_the_import_only(tmp_path: Path) -> None:
    """No Paddle, no driver binding, no thread of ours, no file."""
    look = (
        "import sys, threading, json;"
        "libraries = {'paddle', 'paddlenlp', 'paddleformers', 'transformers', 'pynvml'};"
        "print(json.dumps([sorted(libraries & set(sys.modules)),"
        "[t.name for t in threading.enumerate() if 'paddle' in t.name.lower()]]))"
    )
    completed = run(instrumented("-c", look), environment(**FILE_EXPORTERS), tmp_path)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert json.loads(last_line(completed)) == [[], []]
    assert _lines(tmp_path, "traces") == []


def test_wrong_settings_are_reported_once_and_change_nothing(tmp_path: Path) -> None:
    """A warning for each wrong value, with the default, and for a wrong name, without its value; the program runs."""
    plain = run([sys.executable, *PROGRAM], environment(), tmp_path)
    wrong = {
        "PADDLE_OTEL_SAMPLER_INTERVAL": "-3",
        "PADDLE_OTEL_GENERATION_SPAN_KIND": "abc",
    }
    misspelt = {"PADDLE_OTEL_BUDGETS_LEDGER": "redis://:a-password@127.0.0.1/0"}
    completed = run(instrumented(*PROGRAM), environment(**FILE_EXPORTERS, **wrong, **misspelt), tmp_path)
    assert (last_line(plain), 7) == (last_line(completed), completed.returncode)
    for variable, value in wrong.items():
        assert completed.stderr.count(f"{variable}={value!r}") == 1, completed.stderr[-3000:]
    assert "default 1.0 is used" in completed.stderr
    assert completed.stderr.count("PADDLE_OTEL_BUDGETS_LEDGER is not a setting") == 1
    assert "Did you mean PADDLE_OTEL_BUDGET_LEDGER?" in completed.stderr
    assert "a-password" not in completed.stderr


@pytest.mark.parametrize(
    "trouble",
    [
        "nvmlInitWithFlags@*=999",
        "nvmlDeviceGetMemoryInfo_v2@0=15",
        "nvmlDeviceGetUtilizationRates@*=hang",
    ],
    ids=["fails at init", "one device is lost", "hangs"],
)
def test_driver_trouble_leaves_traces_and_other_metrics_alone(
    trouble: str, fake_nvml_library: Path, tmp_path: Path
) -> None:
    """Whatever the GPU's driver does, the program ends as it should and everything else is in the files."""
    gpus = driver.environment(fake_nvml_library, count=2, rules=trouble)
    variables = environment(
        **FILE_EXPORTERS,
        **{name: value for name, value in gpus.items() if name.startswith(("LD_", "FAKE_"))},
        OTEL_METRIC_EXPORT_INTERVAL="500",
    )
    completed = run(instrumented(str(PROGRAMS / "tiny_generate.py"), "4", "0.6"), variables, tmp_path)
    assert completed.returncode == 7, completed.stderr[-3000:]
    assert _span_names(tmp_path).count("text_completion") == 5
    found = _metric_names(tmp_path)
    assert {"gen_ai.client.operation.duration", "paddle.tokens"} <= found
    assert ("hw.gpu.memory.usage" in found) == ("@0=" in trouble)
