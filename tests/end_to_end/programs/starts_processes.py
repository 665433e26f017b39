"""A program that uses ``multiprocessing``; its argument is the start method. Prints what each process reports."""

import importlib
import json
import multiprocessing
import os
import sys
import threading
import time
import warnings

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

READER = InMemoryMetricReader()
PROVIDER = MeterProvider([READER], shutdown_on_exit=False)


def names() -> list[str]:
    """Collect; return the names of the metrics."""
    data = READER.get_metrics_data()
    if data is None:
        return []
    return [metric.name for resource in data.resource_metrics for s in resource.scope_metrics for metric in s.metrics]


def begin() -> None:
    """Do what a program does at its start."""
    HardwareMetricsInstrumentor().instrument(meter_provider=PROVIDER)
    importlib.import_module("paddle")


def report(who: str) -> None:
    """Print whether this process reports GPUs, whether it reports itself, and how many threads of ours it has."""
    deadline = time.monotonic() + 20
    while "paddle.sampler.last_success" not in names() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    found = names()
    threads = [thread.name for thread in threading.enumerate() if thread.name == "paddle-otel-sampler"]
    told = [who, "hw.power" in found, "paddle.sampler.last_success" in found, len(threads)]
    os.write(1, (json.dumps(told) + "\n").encode())


def child() -> None:
    """What the other process does; one that was spawned has to begin by itself."""
    if not HardwareMetricsInstrumentor().is_instrumented_by_opentelemetry:
        begin()
    report("child")


def main() -> None:
    """Report, let a child report, and report again."""
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork of a program with threads
    begin()
    report("parent")
    multiprocessing.set_start_method(sys.argv[1])
    process = multiprocessing.Process(target=child)
    process.start()
    process.join(60)
    report(f"after {process.exitcode}")


if __name__ == "__main__":
    main()
