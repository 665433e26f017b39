"""Serves a real chat model under `opentelemetry-instrument`, sends it requests and shows the telemetry.

Telemetry goes to OTLP JSON-lines files in a new temporary folder and is printed from there. With
`OTEL_EXPORTER_OTLP_ENDPOINT` set it goes to that collector instead, and only the requests are shown.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import smollm2
from chat_process import chat_service
from checks import Check, check_telemetry
from metric_series import series_of
from metric_table import render_metrics
from otlp_json import read_requests
from requests_to_send import Exchange, send_all
from spans import Span, by_trace, spans_of
from trace_tree import WIDTH, duration, render_attributes, render_legend, render_trace


def main() -> int:
    """Runs the demo.

    Returns:
        The exit status: 0 when everything came as it should.
    """
    try:
        return _run(Path(tempfile.mkdtemp(prefix="paddle-otel-demo-")))
    except (OSError, RuntimeError, ValueError, httpx.HTTPError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1


def _run(directory: Path) -> int:
    model = smollm2.ensure()
    collector = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    variables = {"CHAT_MODEL": str(model), **_telemetry_variables(directory, collector)}
    exchanges = _serve_and_ask(variables, directory / "server.log")
    if collector:
        service = variables["OTEL_SERVICE_NAME"]
        print(f"\nThe telemetry of the service {service} went to {_without_credentials(collector)}.")
        return 0
    return _show(directory, exchanges)


def _telemetry_variables(directory: Path, collector: str | None) -> dict[str, str]:
    """What the demo sets for the service; a variable of the caller comes first, but for where the telemetry goes."""
    variables = {
        "OTEL_SERVICE_NAME": "chat-server",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",  # milliseconds; the default, a minute, is longer than the demo
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",  # today's names of HTTP attributes
        "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "healthz",
    }
    variables = {name: os.environ.get(name, value) for name, value in variables.items()}
    if collector:
        return variables
    exporters = {f"OTEL_{signal}_EXPORTER": "otlp_jsonl_file" for signal in ("TRACES", "METRICS", "LOGS")}
    return {**variables, **exporters, "PADDLE_OTEL_FILE_DIRECTORY": str(directory)}


def _serve_and_ask(variables: dict[str, str], log_file: Path) -> list[Exchange]:
    _heading("The service")
    print("  opentelemetry-instrument python app.py\n")
    for name, value in sorted(variables.items()):
        print(f"  {name}={value}")
    print(f"\n  What it prints goes to {log_file}\n  It loads the model ...", flush=True)
    start = time.monotonic()
    with chat_service({**os.environ, **variables}, log_file) as url:
        print(f"  It answers at {url} after {duration(time.monotonic() - start)}.")
        _heading("Requests and answers")
        return send_all(url)


def _show(directory: Path, exchanges: list[Exchange]) -> int:
    spans = spans_of(read_requests(directory, "traces"))
    series = series_of(read_requests(directory, "metrics"))
    _show_traces(spans, exchanges)
    _heading("Metrics")
    print(render_metrics(series))
    return _show_checks(check_telemetry(spans, series, exchanges, directory), directory)


def _show_traces(spans: list[Span], exchanges: list[Exchange]) -> None:
    _heading("Traces")
    print(render_legend())
    titles = iter([exchange.title for exchange in exchanges])
    for trace in by_trace(spans):
        is_request = any("http.route" in span.attributes for span in trace)
        title = next(titles, "a request") if is_request else "outside any request"
        print(f"\n{title}, trace {trace[0].trace_id}")
        print(render_trace(trace))
    generations = [span for span in spans if "gen_ai.operation.name" in span.attributes]
    if generations:
        longest = max(generations, key=lambda span: len(span.attributes))
        print(f"\nAll attributes of one span: {longest.name}, trace {longest.trace_id}")
        print(render_attributes(longest))


def _show_checks(checks: list[Check], directory: Path) -> int:
    _heading("Checks")
    for check in checks:
        print(f"  {'ok    ' if check.true else 'FAILED'}  {check.statement}")
    print(f"\nThe telemetry files stay in {directory}")
    failed = [check for check in checks if not check.true]
    if failed:
        print(f"\ndemo: {len(failed)} of {len(checks)} checks failed, see above", file=sys.stderr)
    return 1 if failed else 0


def _heading(text: str) -> None:
    print(f"\n{text} {'─' * (WIDTH - len(text) - 1)}", flush=True)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


if __name__ == "__main__":
    sys.exit(main())
