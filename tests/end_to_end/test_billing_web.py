"""Who asks, from HTTP headers, in a real FastAPI under a real uvicorn: it holds for the request and only for it.

By the propagator ``paddle_identity``, with no line of code, and by the hook of an instrumentation that is configured in
code.
"""

import http.client
import json
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from end_to_end.running import LIMIT_S, PROGRAMS, environment, instrumented

PATHS: Final = ("sync", "async", "stream", "async-stream", "background", "task")
CONNECTIONS: Final = 8
ROUNDS: Final = 3


@contextmanager
def served(folder: Path, *arguments: str, **variables: str) -> Generator[int, None, None]:
    """Run the service on a free port, and end it as a supervisor does."""
    process = subprocess.Popen(
        instrumented(str(PROGRAMS / "tenant_service.py"), *arguments),
        cwd=folder,
        env=environment(
            OTEL_TRACES_EXPORTER="otlp_jsonl_file",
            OTEL_LOGS_EXPORTER="otlp_jsonl_file",
            OTEL_METRICS_EXPORTER="none",
            **variables,
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors = ""
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline() or "0")
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=LIMIT_S)
    assert "Traceback" not in errors, errors[-3000:]
    assert "Telemetry failed" not in errors


def ask(port: int, client: int) -> dict[str, str]:
    """Ask for every path in turn over one connection, sometimes without saying who asks.

    Returns:
        What was answered, by request id; the id says who asked.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    answers: dict[str, str] = {}
    number = 0
    for _ in range(ROUNDS):
        for path in PATHS:
            for tenant in (f"tenant-{client}", None, f"租户-{client}"):
                number += 1
                request = f"{path}/{tenant}/{client}-{number}"
                connection.putrequest("GET", f"/{path}")
                connection.putheader("X-Request-Id", request.encode())
                if tenant is not None:
                    connection.putheader("X-Tenant-ID", tenant.encode())
                connection.endheaders()
                answer = connection.getresponse()
                assert answer.status == 200
                answers[request] = answer.read().decode()
    connection.close()
    return answers


def usage(folder: Path) -> list[dict[str, Any]]:
    """Return the attributes of the usage events."""
    return [
        {pair["key"]: pair["value"].get("stringValue") for pair in record["attributes"]}
        for file in (folder / "telemetry").glob("logs-*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
        for resource in json.loads(line)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
        if record.get("eventName") == "paddle.usage"
    ]


PROPAGATOR: Final = {"OTEL_PROPAGATORS": "tracecontext,baggage,paddle_identity"}
HOOK: Final = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi,asgi"}


@pytest.mark.parametrize(("arguments", "variables"), [((), PROPAGATOR), (("hook",), HOOK)], ids=["propagator", "hook"])
def test_each_request_is_its_tenants(arguments: tuple[str, ...], variables: dict[str, str], tmp_path: Path) -> None:
    """Eight kept connections at once: what the endpoints see, and whom the usage events name, is who asked."""
    with served(tmp_path, *arguments, **variables) as port, ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = {
            request: answer
            for found in pool.map(partial(ask, port), range(CONNECTIONS))
            for request, answer in found.items()
        }
    assert len(answers) == CONNECTIONS * ROUNDS * len(PATHS) * 3
    for request, answer in answers.items():
        path, tenant, _ = request.split("/")
        assert answer == (f"{tenant}," * 3 if path.endswith("stream") else tenant), request
    found = {event["paddle.request.id"]: event for event in usage(tmp_path)}
    assert found.keys() == answers.keys()
    for request, event in found.items():
        path, tenant, _ = request.split("/")
        assert event["gen_ai.request.model"] == path
        assert str(event.get("paddle.tenant.id")) == tenant, request


def test_without_the_propagator_headers_say_nothing(tmp_path: Path) -> None:
    """Nobody who has not asked for it is told who asked."""
    with served(tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        connection.request("GET", "/sync", headers={"x-tenant-id": "acme"})
        assert connection.getresponse().read() == b"None"
        connection.close()
    (event,) = usage(tmp_path)
    assert "paddle.tenant.id" not in event
