"""Programs that fork, start processes and end, with an empty module in Paddle's place and the fake driver."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from end_to_end.running import LIMIT_S, PROGRAMS, environment
from fake_nvml import driver

GPUS = 3
SELF = {"paddle.sampler.duration", "paddle.sampler.errors", "paddle.sampler.last_success"}


@pytest.fixture
def variables(fake_nvml_library: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of the programs."""
    return _variables(fake_nvml_library, tmp_path)


def _variables(library: Path, tmp_path: Path, rules: str = "") -> dict[str, str]:
    (tmp_path / "paddle.py").write_text("", encoding="utf-8")
    gpus = driver.environment(library, count=GPUS, rules=rules)
    return environment(
        **{name: value for name, value in gpus.items() if name.startswith(("LD_", "FAKE_"))},
        PADDLE_OTEL_SAMPLER_INTERVAL="0.1",
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    )


class Server:
    """A master with its workers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, command: str, worker: int) -> str:
        """Send a command; return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command} {worker}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def collect(self, worker: int) -> Any:
        """Let a worker collect; return the ids of the devices by the metric's name."""
        return json.loads(self.ask("collect", worker))

    def gpus(self, worker: int) -> list[str]:
        """Let a worker collect; return the ids of the GPUs that it reports."""
        return self.collect(worker)["metrics"].get("hw.power", [])

    def wait_for_gpus(self, worker: int) -> list[str]:
        """Let a worker collect until it reports GPUs; return their ids."""
        deadline = time.monotonic() + 30
        while not (found := self.gpus(worker)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def wait_for_samples(self, worker: int) -> None:
        """Let a worker collect until it has read the GPUs itself."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if "nvml" in self.collect(worker)["metrics"].get("paddle.sampler.last_success", []):
                return
            time.sleep(0.05)


@contextmanager
def _server(variables: dict[str, str]) -> Generator[Server]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAMS / "prefork.py")],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Server(process)
            _, errors = process.communicate(timeout=30)
            assert (process.returncode, errors) == (0, "")
        finally:
            process.kill()


ALL = [driver.uuid(index) for index in range(GPUS)]


def test_workers_forked_by_a_master_that_exports_nothing(variables: dict[str, str]) -> None:
    """One of them reports the GPUs, each reports itself, and the master, which never collects, has none."""
    with _server(variables) as server:
        assert server.wait_for_gpus(2) == ALL
        for _ in range(2):
            assert [server.gpus(worker) for worker in range(4)] == [[], [], ALL, []]
        for worker in range(4):
            told = server.collect(worker)
            assert set(told["metrics"]) >= SELF
            assert told["threads"] == 1


def test_a_worker_that_is_killed_is_replaced(variables: dict[str, str]) -> None:
    """By any other that collects a new sample, down to the last."""
    with _server(variables) as server:
        assert server.wait_for_gpus(0) == ALL
        for worker in (1, 2, 3):
            server.wait_for_samples(worker)
            assert server.gpus(worker) == []
        for owner, next_one, another in ((0, 3, 1), (3, 1, 2), (1, 2, 2)):
            server.ask("kill", owner)
            assert server.wait_for_gpus(next_one) == ALL
            assert another == next_one or server.gpus(another) == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, variables: dict[str, str]) -> None:
    """Whatever the start method: the parent keeps the GPUs, the child reports itself, each with one thread."""
    completed = subprocess.run(
        [sys.executable, str(PROGRAMS / "starts_processes.py"), method],
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    assert [json.loads(line) for line in completed.stdout.splitlines()] == [
        ["parent", True, True, 1],
        ["child", False, True, 1],
        ["after 0", True, True, 1],
    ]


EXITING = """
import atexit, importlib, sys, time
ended = [0.0]
atexit.register(lambda: print(time.monotonic() - ended[0], flush=True))  # the first one registered is the last to run
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor
reader = InMemoryMetricReader()
if sys.argv[1] == "with":
    HardwareMetricsInstrumentor().instrument(meter_provider=MeterProvider([reader]))
importlib.import_module("paddle")
deadline = time.monotonic() + 1
while time.monotonic() < deadline:
    reader.get_metrics_data() if sys.argv[1] == "with" else None
    time.sleep(0.05)
ended[0] = time.monotonic()
"""


@pytest.mark.parametrize(
    "rules",
    ["", "nvmlDeviceGetUtilizationRates@*=hang", "nvmlInitWithFlags@*=hang", "nvmlDeviceGetFieldValues@1=0/200"],
    ids=["healthy", "hangs in a read", "hangs at the start", "slow"],
)
def test_exit_is_not_delayed(rules: str, fake_nvml_library: Path, tmp_path: Path) -> None:
    """By less than 100 ms, from the end of the program's own code to the end of the last exit handler.

    A busy machine can only make it longer, so the best of several is what counts.
    """
    environ = _variables(fake_nvml_library, tmp_path, rules)
    assert _in_time(lambda: _seconds_to_exit(environ, "with") - _seconds_to_exit(environ, "without"))


def _in_time(delay: Callable[[], float]) -> bool:
    return any(delay() < 0.1 for _ in range(6))


def _seconds_to_exit(environ: dict[str, str], how: str) -> float:
    completed = subprocess.run(
        [sys.executable, "-c", EXITING, how], env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert completed.returncode == 0, completed.stderr
    assert "Traceback" not in completed.stderr
    return float(completed.stdout)
