"""What is billed is what was used: 1,000 requests of all kinds and ends, in two processes with eight threads each.

Three sums must be equal, for each tenant and model: what the program itself counted from what it was given back, what
the usage events say, and what a real Prometheus has of the counter. The spans are a fourth one.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from backends.servers import Prometheus
from end_to_end.running import PROGRAMS, environment, instrumented, last_line, run

PROCESSES: Final = 2
REQUESTS: Final = 500
"""Of each process."""
KINDS: Final = 19
"""Kinds of requests that the program makes in turn."""
SERVICE: Final = "billed"

Sums = Counter[tuple[str | None, str | None, str]]
"""Tokens by tenant, model and direction."""


@dataclass(frozen=True)
class Billed:
    """What was counted, and by whom.

    Attributes:
        program: By the program itself.
        events: The attributes of the usage events, each with what tells the event's span.
        spans: The attributes of the spans that read or wrote tokens, by what tells them.
        counter: By Prometheus.
        errors: What the processes printed.
    """

    program: Sums
    events: list[tuple[tuple[str, str], dict[str, Any]]]
    spans: dict[tuple[str, str], dict[str, Any]]
    counter: Sums
    errors: str


def _value(attribute: Any) -> Any:
    ((kind, content),) = attribute.items()
    if kind == "arrayValue":
        return [_value(one) for one in content["values"]]
    return int(content) if kind == "intValue" else content


def _of_files(folder: Path, signal: str, keys: tuple[str, str, str]) -> Iterator[Any]:
    """Return what the files of a signal have."""
    for file in sorted((folder / "telemetry").glob(f"{signal}-*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line)[keys[0]]:
                for scope in resource[keys[1]]:
                    yield from scope[keys[2]]


def _attributes(one: Any) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in one.get("attributes", ())}


def _model(record: dict[str, Any]) -> str | None:
    """Return the model; a span of one that makes neither text nor embeddings names it in the other way."""
    model = record.get("gen_ai.request.model", record.get("paddle.model.name"))
    return None if model == "unknown" else model


def _sums(records: list[dict[str, Any]]) -> Sums:
    """Add up what records say, without those that say nothing or 0."""
    sums: Sums = Counter()
    for record in records:
        for direction in ("input", "output"):
            key = (record.get("paddle.tenant.id"), _model(record), direction)
            sums[key] += record.get(f"gen_ai.usage.{direction}_tokens", 0)
    return +sums


@pytest.fixture(scope="module")
def billed(prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Billed:
    """Both processes have run."""
    folder = tmp_path_factory.mktemp("billed")
    variables = environment(
        OTEL_SERVICE_NAME=SERVICE,
        OTEL_TRACES_EXPORTER="otlp_jsonl_file",
        OTEL_LOGS_EXPORTER="otlp_jsonl_file",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=prometheus.otlp_metrics_endpoint,
        OTEL_METRIC_EXPORT_INTERVAL="500",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="paddle_hardware",
        OTEL_BSP_MAX_QUEUE_SIZE="100000",
        PADDLE_OTEL_METRIC_TENANTS="*",
    )

    def one(number: int) -> "subprocess.CompletedProcess[str]":
        own = {**variables, "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id=process-{number}"}
        return run(instrumented(str(PROGRAMS / "billed_requests.py"), str(REQUESTS)), own, folder)

    with ThreadPoolExecutor(PROCESSES) as pool:
        completed = list(pool.map(one, range(PROCESSES)))
    assert [process.returncode for process in completed] == [0] * PROCESSES, completed[0].stderr[-3000:]
    program: Sums = Counter()
    for process in completed:
        for tenant, model, direction, tokens in json.loads(last_line(process)):
            program[tenant, model, direction] += tokens
    events = [
        ((record["traceId"], record["spanId"]), _attributes(record))
        for record in _of_files(folder, "logs", ("resourceLogs", "scopeLogs", "logRecords"))
        if record.get("eventName") == "paddle.usage"
    ]
    spans = {
        (span["traceId"], span["spanId"]): _attributes(span)
        for span in _of_files(folder, "traces", ("resourceSpans", "scopeSpans", "spans"))
        if span["name"] not in {"prefill", "decode"}
    }
    return Billed(+program, events, spans, _counter(prometheus), "".join(process.stderr for process in completed))


def _counter(prometheus: Prometheus) -> Sums:
    query = (
        "sum by (paddle_tenant_id, gen_ai_request_model, gen_ai_token_type)"
        f' (last_over_time(paddle_tokens_total{{job="{SERVICE}"}}[1h]))'
    )
    found: Sums = Counter()
    for sample in prometheus.wait_for(query, timeout_s=30):
        labels = sample.labels
        key = (labels.get("paddle_tenant_id"), labels.get("gen_ai_request_model"), labels["gen_ai_token_type"])
        found[key] = int(sample.value)
    return found


def test_the_events_are_what_the_program_counted(billed: Billed) -> None:
    """To the token, for each tenant and model."""
    assert _sums([event for _, event in billed.events]) == billed.program
    assert sum(billed.program.values()) > PROCESSES * REQUESTS


def test_the_counter_is_what_the_program_counted(billed: Billed) -> None:
    """The sum over both processes, in Prometheus."""
    assert billed.counter == billed.program


def test_the_spans_are_what_the_program_counted(billed: Billed) -> None:
    """Also of what failed, was closed, cancelled or abandoned."""
    assert _sums(list(billed.spans.values())) == billed.program


def test_each_request_has_exactly_one_event(billed: Billed) -> None:
    """But those where nobody was to watch, and those that read a number of tokens that nobody knows."""
    requests = Counter(event["paddle.request.id"] for _, event in billed.events)
    # Both processes number their requests alike.
    assert set(requests.values()) == {PROCESSES}
    rounds = range(REQUESTS)
    without = {f"r-{n}" for n in rounds if n % KINDS == 5 or (n % KINDS == KINDS - 1 and n // KINDS % 3 == 0)}
    assert set(requests) == {f"r-{number}" for number in rounds} - without


def test_each_event_has_an_id_and_a_span_of_its_own(billed: Billed) -> None:
    """By which a second delivery is known, and the request is found."""
    assert len({event["paddle.usage.id"] for _, event in billed.events}) == len(billed.events)
    assert {at for at, _ in billed.events} <= billed.spans.keys()
    for at, event in billed.events:
        span = billed.spans[at]
        assert _model(span) == event.get("gen_ai.request.model")
        for key in ("gen_ai.usage.input_tokens", "paddle.tenant.id", "error.type"):
            assert span.get(key) == event.get(key), (key, event)


def test_a_refused_request_is_billed_nothing(billed: Billed) -> None:
    """And says why."""
    refused = [event for _, event in billed.events if event.get("gen_ai.request.model") == "dear"]
    assert len(refused) == PROCESSES * len([number for number in range(REQUESTS) if number % KINDS == 13])
    for event in refused:
        assert (event["gen_ai.usage.input_tokens"], event["gen_ai.usage.output_tokens"]) == (0, 0)
        assert event["error.type"] == "paddle_otel.budgets.BudgetExceeded"


def test_nothing_of_ours_is_logged(billed: Billed) -> None:
    """No telemetry failed."""
    assert "Telemetry failed" not in billed.errors
    assert "Failed to detach" not in billed.errors
