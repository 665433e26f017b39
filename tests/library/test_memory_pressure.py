"""Real Paddle that runs out of memory: the warning is written before."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, os, resource, sys, time
sys.path.insert(0, {tests!r})
os.environ["PADDLE_OTEL_SAMPLER_INTERVAL"] = "0.1"
import paddle
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from paddle_otel.hardware.reporting import SAMPLER
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

paddle.set_device("cpu")
exporter = InMemoryLogRecordExporter()
logs = LoggerProvider()
logs.add_log_record_processor(SimpleLogRecordProcessor(exporter))
kept = [paddle.ones([1 << 18])]
resident = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = resident + (2 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
HardwareMetricsInstrumentor().instrument(meter_provider=MeterProvider(), logger_provider=logs)


def events():
    found = [dict(one.log_record.attributes) for one in exporter.get_finished_logs()]
    return [one for one in found if one["paddle.memory.pressure.scope"] == "process"]


seen = [0]
SAMPLER.subscribe(lambda now: seen.append(now.started))  # after those who write events


def sample():
    before = time.monotonic_ns()
    while seen[-1] < before:
        if time.monotonic_ns() > before + 10 * 10**9:
            break  # there may be no memory left for a sample
        time.sleep(0.01)
"""

LEAK = """
failed = None
try:
    while True:
        kept.append(paddle.ones([mebibytes << 18], dtype="float32"))
        sample()
except (MemoryError, RuntimeError) as error:
    failed = type(error).__name__
written = events()
del kept[1:]
print(json.dumps({"failed": failed, "limit": limit, "events": written}))
sys.stdout.flush()
os._exit(0)
"""

STEADY = """
sample()
kept.append(paddle.ones([1700 << 18], dtype="float32"))
for _ in range(40):
    temporary = paddle.ones([40 << 18], dtype="float32")
    sample()
    del temporary
    sample()
print(json.dumps({"share": int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() / limit,
                  "events": events()}))
sys.stdout.flush()
os._exit(0)
"""


def run(program: str) -> Any:
    """Run a program with Paddle; return what it says."""
    code = PROGRAM.format(tests=str(Path(__file__).parents[1])) + program
    completed = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return json.loads(completed.stdout.splitlines()[-1])


@pytest.mark.parametrize("mebibytes", [20, 100, 180])
def test_told_before_paddle_fails(mebibytes: int) -> None:
    """Tensors that are kept, at several rates, under a limit on the address space (``ulimit -v``)."""
    said = run(f"mebibytes = {mebibytes}\n" + LEAK)
    assert said["failed"] in {"MemoryError", "RuntimeError"}
    (event,) = said["events"]
    assert event["paddle.memory.limit"] == said["limit"]
    assert 0.75 * said["limit"] < event["paddle.memory.used"] < said["limit"]
    assert event["paddle.memory.allocated"] > 1 << 30
    assert event["paddle.memory.seconds_to_limit"] > 0
    assert event["paddle.device"] == "cpu"
    assert "Tensors of this process have grown" in event["paddle.memory.pressure.advice"]


def test_nothing_on_a_high_steady_load() -> None:
    """Most of the memory is taken at once, and requests come and go."""
    said = run(STEADY)
    assert said["share"] > 0.85
    assert said["events"] == []
