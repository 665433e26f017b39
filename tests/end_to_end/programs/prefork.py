"""A server as gunicorn is with ``--preload``: the master imports and instruments everything, then forks its workers.

Each worker makes its own meter provider after the fork. The master takes commands on standard input: ``collect N`` has
worker N answer with one line of JSON (what it reports, and how many threads of this project it has), ``kill N`` ends
that worker by SIGKILL.
"""

import importlib
import json
import os
import signal
import sys
import threading
import warnings

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

WORKERS = 4


def collect(reader: InMemoryMetricReader) -> str:
    """Collect; return the ids of the devices, or the sources of the sampler, by the metric's name."""
    data = reader.get_metrics_data()
    found: dict[str, list[str]] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                attributes = [point.attributes or {} for point in metric.data.data_points]
                ids = {str(one.get("hw.id", one.get("paddle.sampler.source"))) for one in attributes}
                found[metric.name] = sorted(ids)
    threads = [thread.name for thread in threading.enumerate() if thread.name == "paddle-otel-sampler"]
    return json.dumps({"metrics": found, "threads": len(threads)})


def work(requests: int, answers: int) -> None:
    """Be a worker: answer each byte by a collection."""
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    while os.read(requests, 1):
        os.write(answers, (collect(reader) + "\n").encode())


def fork() -> tuple[int, int, int]:
    """Return the id of a new worker, where to ask it and where its answers come."""
    requests, ask = os.pipe()
    answers, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ask)
            work(requests, answer)
        finally:
            os._exit(0)
    return pid, ask, answers


def main() -> None:
    """Be the master."""
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork of a program with threads
    HardwareMetricsInstrumentor().instrument()
    importlib.import_module("paddle")
    workers = dict(enumerate([fork() for _ in range(WORKERS)]))
    for line in sys.stdin:
        command, number = line.split()
        if command == "kill":
            pid, _, _ = workers.pop(int(number))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            answer = "killed\n"
        else:
            _, ask, answers = workers[int(number)]
            os.write(ask, b"?")
            with os.fdopen(os.dup(answers), encoding="utf-8") as file:
                answer = file.readline()
        sys.stdout.write(answer)
        sys.stdout.flush()
    for pid, _, _ in workers.values():
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
