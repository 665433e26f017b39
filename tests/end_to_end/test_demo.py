"""``make demo``, as its recipe runs it."""

import sys
from pathlib import Path

from backends.servers import Jaeger
from end_to_end.chat_service import EXAMPLE
from end_to_end.running import environment, run


def test_the_demo_shows_answers_traces_and_metrics(tmp_path: Path) -> None:
    """It ends well, and a person can read the model's answer, a trace per request and the metrics."""
    completed = run([sys.executable, str(EXAMPLE / "demo.py")], environment(), tmp_path)
    assert completed.returncode == 0, completed.stdout[-3000:] + completed.stderr[-3000:]
    for shown in (
        "The capital of France is Paris.",
        "chat smollm2-135m-instruct",
        "prefill",
        "gen_ai.client.token.usage",
        "gen_ai.server.time_to_first_token",
        "ValueError",
    ):
        assert shown in completed.stdout, shown


def test_the_demo_sends_to_a_collector_where_one_is_named(jaeger: Jaeger, tmp_path: Path) -> None:
    """With an endpoint in the environment the telemetry is there, and not in files."""
    variables = environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_SERVICE_NAME="demo-with-a-collector",
    )
    completed = run([sys.executable, str(EXAMPLE / "demo.py")], variables, tmp_path)
    assert completed.returncode == 0, completed.stdout[-3000:] + completed.stderr[-3000:]
    names = [span.name for trace in jaeger.traces("demo-with-a-collector") for span in trace.spans]
    assert names.count("chat smollm2-135m-instruct") == 7
    assert jaeger.otlp_http_endpoint in completed.stdout
