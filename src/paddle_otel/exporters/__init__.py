"""OTLP JSON-lines files by environment variable: telemetry without a collector.

``opentelemetry-instrument`` takes these exporters by name, in any program, with or without Paddle::

    export OTEL_TRACES_EXPORTER=otlp_jsonl_file
    export OTEL_METRICS_EXPORTER=otlp_jsonl_file
    export OTEL_LOGS_EXPORTER=otlp_jsonl_file
    export PADDLE_OTEL_FILE_DIRECTORY=/var/log/my-service
    opentelemetry-instrument python server.py

Every process writes one file per signal, ``traces-SERVICE-PID.jsonl``, ``metrics-…`` and ``logs-…``. Each line is one
exported batch in the OTLP/JSON encoding; the collector reads it with its OTLP JSON file receiver. A full file becomes
``….jsonl.1`` and older ones move up (:class:`~paddle_otel.rotating_file.RotatingFile`); the variables are
described in :class:`~paddle_otel.settings.Settings`.

In code, each exporter is made without arguments and takes the same environment variables::

    from paddle_otel.exporters import span_exporter

    provider.add_span_processor(BatchSpanProcessor(span_exporter()))
"""

try:
    from paddle_otel.exporters.otlp_json_lines import (
        JsonLinesLogExporter,
        JsonLinesMetricExporter,
        JsonLinesSpanExporter,
    )
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("opentelemetry"):
        raise
    raise ModuleNotFoundError(
        "The exporter otlp_jsonl_file needs the package opentelemetry-exporter-otlp-json-file, which is not installed "
        f"(no module {error.name}); without it nothing is exported. Install it with: "
        'pip install "paddle-otel[otlp]"',
        name=error.name,
    ) from error

# The entry points' names. OpenTelemetry checks them with issubclass, so they are the classes themselves.
span_exporter = JsonLinesSpanExporter
metric_exporter = JsonLinesMetricExporter
log_exporter = JsonLinesLogExporter

__all__ = [
    "JsonLinesLogExporter",
    "JsonLinesMetricExporter",
    "JsonLinesSpanExporter",
    "log_exporter",
    "metric_exporter",
    "span_exporter",
]
