"""The example of a program that reports its own loop, under ``opentelemetry-instrument``, read from its files."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from end_to_end.running import LIMIT_S, PROGRAMS, environment, instrumented, run

EXAMPLE: Final = Path(__file__).parents[2] / "docs/examples/custom_loop"
FILE_EXPORTERS: Final = {
    "OTEL_TRACES_EXPORTER": "otlp_jsonl_file",
    "OTEL_METRICS_EXPORTER": "otlp_jsonl_file",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "paddle_hardware",
    "PADDLE_OTEL_FILE_DIRECTORY": "telemetry",
}


def of_scopes(folder: Path, signal: str, kind: str) -> list[tuple[str, Any]]:
    """Return what the files of a signal have, each with the name of its scope."""
    lines = [
        json.loads(line)
        for file in sorted((folder / "telemetry").glob(f"{signal}-*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    resource_key, scope_key = {
        "traces": ("resourceSpans", "scopeSpans"),
        "metrics": ("resourceMetrics", "scopeMetrics"),
    }[signal]
    return [
        (scope["scope"]["name"], one)
        for line in lines
        for resource in line[resource_key]
        for scope in resource[scope_key]
        for one in scope[kind]
    ]


def value(attribute: Any) -> Any:
    """Return the value of an attribute as OTLP writes it."""
    ((kind, content),) = attribute.items()
    if kind == "arrayValue":
        return [value(one) for one in content["values"]]
    return int(content) if kind == "intValue" else content


def attributes(one: Any) -> dict[str, Any]:
    """Return the attributes of a span or point."""
    return {pair["key"]: value(pair["value"]) for pair in one.get("attributes", ())}


def generations(folder: Path) -> list[dict[str, Any]]:
    """Return the attributes of the generations, in the order they ended."""
    return [
        attributes(span)
        for scope, span in of_scopes(folder, "traces", "spans")
        if scope == "paddle_otel.operations" and span["name"] == "text_completion tiny-gru"
    ]


def latest_sum(folder: Path, name: str, **labels: str) -> float:
    """Return the latest value of a counter's series."""
    wanted = {key.replace("__", "."): content for key, content in labels.items()}
    points = [
        point
        for _, metric in of_scopes(folder, "metrics", "metrics")
        if metric["name"] == name
        for point in metric["sum"]["dataPoints"]
        if wanted.items() <= attributes(point).items()
    ]
    return float(points[-1]["asInt"])


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example ran, with its telemetry."""
    folder = tmp_path_factory.mktemp("custom_loop")
    program = [str(EXAMPLE / "generate.py")]
    bare = run([sys.executable, *program], environment(), folder)
    assert not (folder / "telemetry").exists()
    observed = run(instrumented(*program), environment(**FILE_EXPORTERS), folder)
    assert (bare.returncode, observed.returncode) == (0, 0), bare.stderr[-3000:] + observed.stderr[-3000:]
    assert observed.stdout == bare.stdout
    answers = [json.loads(line) for line in bare.stdout.splitlines()]
    assert [len(answers[0][0]), len(answers[0][1]), len(answers[1])] == [1, 8, 8]
    return folder


def test_the_spans_of_the_example(reported: Path) -> None:
    """A batch, a stream that was read to its end, and one of which the first value was read."""
    batch, whole, begun = generations(reported)
    fixed = {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "tiny-gru",
        "gen_ai.response.model": "tiny-gru",
    }
    times = {"paddle.time_to_first_token", "paddle.time_per_output_token", "gen_ai.response.time_to_first_chunk"}
    assert {key: one for key, one in batch.items() if key not in times} == {
        **fixed,
        "gen_ai.request.max_tokens": 8,
        "paddle.batch_size": 2,
        "paddle.device": batch["paddle.device"],
        "gen_ai.usage.input_tokens": 6,
        "gen_ai.usage.output_tokens": 9,
        "paddle.sequences.output_tokens": [1, 8],
        "gen_ai.response.finish_reasons": ["stop", "length"],
    }
    streamed = {**fixed, "gen_ai.request.stream": True, "paddle.batch_size": 1}
    assert {key: one for key, one in whole.items() if key not in times} == {
        **streamed,
        "gen_ai.usage.input_tokens": 2,
        "gen_ai.usage.output_tokens": 8,
        "paddle.sequences.output_tokens": [8],
        "gen_ai.response.finish_reasons": ["length"],
    }
    assert {key: one for key, one in begun.items() if key not in times} == {
        **streamed,
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 1,
        "paddle.sequences.output_tokens": [1],
    }
    assert [times & one.keys() for one in (batch, whole, begun)] == [
        {"paddle.time_to_first_token", "paddle.time_per_output_token"},
        times,
        {"paddle.time_to_first_token", "gen_ai.response.time_to_first_chunk"},
    ]


def test_the_children_of_the_example(reported: Path) -> None:
    """Each generation has a prefill, those with more than one step a decode, in its own trace."""
    spans = [span for _, span in of_scopes(reported, "traces", "spans")]
    parents = {span["spanId"]: span for span in spans if span["name"] == "text_completion tiny-gru"}
    children = [(span["name"], span["parentSpanId"]) for span in spans if span["spanId"] not in parents]
    assert sorted(name for name, _ in children) == ["decode", "decode", "prefill", "prefill", "prefill"]
    assert {parent for _, parent in children} == parents.keys()
    assert len({span["traceId"] for span in parents.values()}) == 3


def test_the_metrics_of_the_example(reported: Path) -> None:
    """Every token is in the counter once; the histograms have three generations."""
    label = {"gen_ai__request__model": "tiny-gru"}
    assert latest_sum(reported, "paddle.tokens", gen_ai__token__type="input", **label) == 12
    assert latest_sum(reported, "paddle.tokens", gen_ai__token__type="output", **label) == 18
    assert latest_sum(reported, "paddle.request.active", **label) == 0
    metrics = {metric["name"]: metric for _, metric in of_scopes(reported, "metrics", "metrics")}
    counts = {
        name: int(metrics[name]["histogram"]["dataPoints"][0]["count"])
        for name in (
            "gen_ai.client.operation.duration",
            "gen_ai.server.request.duration",
            "gen_ai.server.time_to_first_token",
            "gen_ai.server.time_per_output_token",
        )
    }
    assert counts == {
        "gen_ai.client.operation.duration": 3,
        "gen_ai.server.request.duration": 3,
        "gen_ai.server.time_to_first_token": 3,
        "gen_ai.server.time_per_output_token": 2,
    }


@contextmanager
def served(folder: Path) -> Generator[str, None, None]:
    """Run the example's server on a free port, and end it as a supervisor does."""
    process = subprocess.Popen(
        instrumented(str(EXAMPLE / "server.py"), "0"),
        cwd=folder,
        env=environment(**FILE_EXPORTERS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors[-3000:]
    assert "Traceback" not in errors


def test_the_server_of_the_example(tmp_path: Path) -> None:
    """Each request to the server is a generation with its tokens."""
    with served(tmp_path) as address:
        for prompt, written in (([8, 9], 8), ([1, 2, 4], 1)):
            with urllib.request.urlopen(address, json.dumps(prompt).encode(), LIMIT_S) as answer:  # noqa: S310 - our own
                assert len(answer.read().split()) == written
    found = [
        (one["gen_ai.usage.input_tokens"], one["gen_ai.usage.output_tokens"], one["gen_ai.response.finish_reasons"])
        for one in generations(tmp_path)
    ]
    assert found == [(2, 8, ["length"]), (3, 1, ["stop"])]


INSIDE = """
import sys
sys.path.insert(0, sys.argv[1])
import paddle
from tiny_generate import tiny_model
from paddle_otel.operations import observe_generation

model, ids = tiny_model(), paddle.to_tensor([[1, 5, 6, 7]])
with observe_generation("outer", batch_size=1) as generation:
    model.generate(ids, max_new_tokens=5)
    generation.step(tokens=5)
model.generate(ids, max_new_tokens=3, eos_token_id=None)
"""


def test_an_observed_generate_inside_is_part_of_the_block(tmp_path: Path) -> None:
    """The block reports; the tokens of ``generate`` inside it are not counted a second time, those outside are."""
    completed = run(instrumented("-c", INSIDE, str(PROGRAMS)), environment(**FILE_EXPORTERS), tmp_path)
    assert completed.returncode == 0, completed.stderr[-3000:]
    names = [span["name"] for _, span in of_scopes(tmp_path, "traces", "spans")]
    assert names == ["prefill", "text_completion outer", "prefill", "decode", "text_completion"]
    assert latest_sum(tmp_path, "paddle.tokens", gen_ai__token__type="output", gen_ai__request__model="outer") == 5
    totals = [
        (attributes(point).get("gen_ai.request.model"), attributes(point)["gen_ai.token.type"], int(point["asInt"]))
        for _, metric in of_scopes(tmp_path, "metrics", "metrics")[-20:]
        if metric["name"] == "paddle.tokens"
        for point in metric["sum"]["dataPoints"]
    ]
    assert sorted(totals, key=str) == [("outer", "output", 5), (None, "input", 4), (None, "output", 3)]
