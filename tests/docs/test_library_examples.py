"""What the programs on a library's page emit is what the page lists."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from docs.code_blocks import STACK, blocks, stack_of
from docs.generators import generator
from end_to_end.running import environment, instrumented, run
from paddle_otel.conventions import budgets

LIBRARIES: dict[str, Any] = generator("emitted_by_library").LIBRARIES
SCOPES = {
    "paddle_inference": "paddle_otel.inference",
    "paddlenlp": "paddle_otel.paddlenlp",
    "paddleformers": "paddle_otel.paddleformers",
    "paddlex": "paddle_otel.paddlex",
    "operations": "paddle_otel.operations",
}
HERE = [name for name, library in LIBRARIES.items() if stack_of(f"docs/{library.page}") == STACK]


class Span(NamedTuple):
    """One span: the scope that made it, its name, the names of its attributes."""

    scope: str
    name: str
    attributes: set[str]


def test_every_library_has_its_scope() -> None:
    """So that none is left out below."""
    assert SCOPES.keys() == LIBRARIES.keys()


@pytest.mark.parametrize("name", HERE)
def test_the_examples_emit_what_the_page_lists(name: str, tmp_path: Path) -> None:
    """Spans of the library beside its loads, and no span, attribute or metric that a library's page does not have.

    Each program prints what it prints without us: the numbers that it computes, bit by bit.
    """
    for program in [block for block in blocks() if block.page == f"docs/{LIBRARIES[name].page}"]:
        if program.language == "python":
            _run(program.code, tmp_path)
    spans = list(_spans(tmp_path))
    assert SCOPES[name] in {span.scope for span in spans if not span.name.startswith("load_model")}
    assert [span for span in spans if not span.attributes <= _listed(span)] == []
    seen = {span.scope for span in spans}
    metrics = {one.name for other, scope in SCOPES.items() if scope in seen for one in LIBRARIES[other].metrics}
    # Budgets have a page of their own, and may be in any library's example.
    assert set(_metrics(tmp_path)) <= metrics | {metric.name for metric in budgets.ALL}


def _listed(span: Span) -> set[str]:
    (library,) = [name for name, scope in SCOPES.items() if scope == span.scope]
    for emitted in LIBRARIES[library].spans:
        names = [name for names, _ in emitted.rows for name in names]
        if span.name.partition(" ")[0] in {name.partition(" ")[0] for name in names}:
            return {name for name, _, _ in emitted.attributes()}
    raise AssertionError(f"the page of {library} does not list {span.name}")


def _run(program: str, folder: Path) -> None:
    # Weights that are made at random are to be the same both times.
    code = program.replace("import paddle\n", "import paddle\npaddle.seed(1)\n", 1)
    variables = environment(
        OTEL_TRACES_EXPORTER="otlp_jsonl_file",
        OTEL_METRICS_EXPORTER="otlp_jsonl_file",
        OTEL_LOGS_EXPORTER="none",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="paddle_hardware",
        PADDLE_OTEL_PREDICTION_SPANS="always",
    )
    ended = run(instrumented("-c", code), variables, folder)
    assert ended.returncode == 0, ended.stderr[-3000:]
    bare_folder = folder / "bare"
    bare_folder.mkdir(exist_ok=True)
    bare = run([sys.executable, "-c", code], environment(), bare_folder)
    assert bare.returncode == ended.returncode
    # Without us nobody ends what a budget ends.
    is_cut = "set_budget(" in program and bool(ended.stdout) and bare.stdout.startswith(ended.stdout)
    assert is_cut or bare.stdout == ended.stdout
    assert "Telemetry failed" not in ended.stderr


def _spans(folder: Path) -> Iterator[Span]:
    for scope in _scopes(folder, "traces", "resourceSpans", "scopeSpans"):
        for span in scope["spans"]:
            yield Span(scope["scope"]["name"], span["name"], {one["key"] for one in span.get("attributes", ())})


def _metrics(folder: Path) -> Iterator[str]:
    for scope in _scopes(folder, "metrics", "resourceMetrics", "scopeMetrics"):
        yield from (metric["name"] for metric in scope["metrics"])


def _scopes(folder: Path, signal: str, resources: str, scopes: str) -> Iterator[Any]:
    """Yield what came from this project, of all files of a signal."""
    for file in (folder / "telemetry").glob(f"{signal}-*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line)[resources]:
                yield from (one for one in resource[scopes] if one["scope"]["name"].startswith("paddle_otel."))


@pytest.mark.parametrize("page", ["docs/paddle-inference.md", "docs/paddleformers.md"])
def test_an_example_prints_the_numbers_that_it_computes(page: str) -> None:
    """Otherwise the comparison above would not see a number that is wrong."""
    (program,) = [block for block in blocks() if block.page == page and block.program == "scores.py"]
    assert ".tolist())" in program.code.splitlines()[-1]
