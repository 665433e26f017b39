"""A collector that is down, slow or mad changes nothing for the program that is observed."""

import sys
from pathlib import Path

import pytest

from backends.faulty_collector import FaultyCollector, Mode
from end_to_end.running import PROGRAMS, environment, instrumented, last_line, run

PROGRAM = [str(PROGRAMS / "tiny_generate.py"), "3", "0"]
EXPORT_LIMIT_MS = "1500"


@pytest.fixture(scope="module")
def plain_answer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the program prints without us."""
    completed = run([sys.executable, *PROGRAM], environment(), tmp_path_factory.mktemp("plain"))
    assert completed.returncode == 7, completed.stderr[-3000:]
    return last_line(completed)


@pytest.mark.parametrize("mode", list(Mode))
def test_answers_and_exit_code_are_those_of_the_plain_program(mode: Mode, plain_answer: str, tmp_path: Path) -> None:
    """Whatever the collector does, the program prints the same, ends with its own status, and ends."""
    with FaultyCollector(mode) as collector:
        variables = environment(
            OTEL_SERVICE_NAME="trouble",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_TIMEOUT="1",  # seconds, as the Python SDK reads it
            OTEL_BSP_EXPORT_TIMEOUT=EXPORT_LIMIT_MS,
            OTEL_METRIC_EXPORT_TIMEOUT=EXPORT_LIMIT_MS,
        )
        completed = run(instrumented(*PROGRAM), variables, tmp_path)
        received = {request.path for request in collector.received}
    assert (plain_answer, 7) == (last_line(completed), completed.returncode), completed.stderr[-3000:]
    if mode not in {Mode.HUNG, Mode.REFUSED}:
        assert {"/v1/traces", "/v1/metrics"} <= received
