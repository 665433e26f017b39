"""What importing the plugin costs a program that has OpenTelemetry and wrapt already."""

import statistics
import subprocess
import sys

from rows import Row, row

_PROGRAM = """
import time
import wrapt, psutil, logging, dataclasses, importlib.metadata
import opentelemetry.instrumentation.instrumentor, opentelemetry.instrumentation.utils
import opentelemetry.metrics, opentelemetry.trace
start = time.perf_counter()
import paddle_otel.paddlenlp, paddle_otel.paddleformers, paddle_otel.hardware_metrics
print(time.perf_counter() - start)
"""
TIMES = 15


def run() -> list[Row]:
    """Import the three instrumentors in fresh processes.

    Returns:
        The rows of the table.
    """
    values = [
        float(subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True).stdout)
        for _ in range(TIMES)
    ]
    milliseconds = sorted(value * 1e3 for value in values)
    return [
        row("import", "all instrumentors, median", statistics.median(milliseconds), "ms", goal=60),
        row("import", "all instrumentors, p95", statistics.quantiles(milliseconds, n=20)[-1], "ms"),
    ]
