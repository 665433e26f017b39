"""What watching GPUs costs: ``python tests/benchmarks/bench_monitor.py``.

The GPUs are those of the fake driver, which answers in less than a microsecond: what is measured is this project and
``nvidia-ml-py``, not a driver.
"""

import gc
import importlib
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rows import Row, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from fake_nvml.driver import FakeDriver, build
from paddle_otel.activity import DECODE, PREFILL, ActivityRecord
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.monitor import GPUMonitor
from paddle_otel.monitor.devices import Devices
from paddle_otel.monitor.log_file import LogFile
from paddle_otel.monitor.recording import Recording
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.sampling.worker import Slot, Worker

GPUS: Final = 8
HISTORY: Final = 3600
SECOND: Final = 1_000_000_000
MILLI, MICRO, NANO = 1e3, 1e6, 1e9


def run() -> list[Row]:
    """Measure; needs a C compiler.

    Returns:
        The rows of the table.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PADDLE_OTEL_LOCK_DIRECTORY"] = str(Path(folder, "locks"))
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        driver = FakeDriver(build(Path(folder)))
        driver.reset(GPUS)
        pynvml: Any = importlib.import_module("pynvml")
        pynvml.nvmlLib = driver.library
        return [*_activity(), *_samples(Path(folder)), *_history(), *_thread()]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(run()) + "\n")


def _activity() -> list[Row]:
    record = ActivityRecord()

    def generation() -> None:
        record.begin(PREFILL)
        record.change(PREFILL, DECODE)
        record.end(DECODE)

    unwatched = _seconds(generation, 100_000) / 3
    watcher = Recording(Devices(None), 1.0, 1, None, record)
    watched = _seconds(generation, 20_000) / 3
    watcher.end()
    return [
        row("monitor", "saying what Paddle does, nobody watches", unwatched * NANO, "ns", goal=100.0),
        row("monitor", "the same while a monitor watches", watched * MICRO, "us", goal=5.0),
    ]


def _snapshots() -> Callable[[], Snapshot]:
    """Return what gives real readings of the fake GPUs, a second apart."""
    published: list[Snapshot] = []
    worker = Worker([Slot(NvmlSource())], 1.0, published.append)
    worker.read_once()
    first, moment = published[0], time.monotonic_ns()

    def following() -> Snapshot:
        nonlocal moment
        moment += SECOND
        return Snapshot(moment, moment, first.wall, first.readings, first.durations)

    return following


def _samples(folder: Path) -> list[Row]:
    following = _snapshots()
    plain = Recording(Devices(None), 1.0, HISTORY, None, ActivityRecord())
    log = LogFile(folder / "gpu.csv", 64 * 2**20, 1)
    logged = Recording(Devices(None), 1.0, HISTORY, log.write, ActivityRecord())
    alone = _seconds(lambda: plain.note(following()), 5000)
    written = _seconds(lambda: logged.note(following()), 1000)
    log.close()
    return [
        row("monitor", f"noting one sample of {GPUS} GPUs, besides reading them", alone * MICRO, "us", goal=500.0),
        row("monitor", "the same with a line for each GPU in a CSV file", written * MICRO, "us"),
    ]


def _history() -> list[Row]:
    following = _snapshots()
    gc.collect()
    tracemalloc.start()
    recording = Recording(Devices(None), 1.0, HISTORY, None, ActivityRecord())
    for _ in range(HISTORY):
        recording.note(following())
    full = tracemalloc.get_traced_memory()[0]
    for _ in range(HISTORY):
        recording.note(following())
    twice = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    begun = time.process_time()
    recording.statistics()
    cost = time.process_time() - begun
    return [
        row("monitor", f"memory of a full history, {HISTORY} samples of {GPUS} GPUs", full / 2**20, "MiB", goal=8.0),
        row("monitor", "the same after twice as many samples", twice / 2**20, "MiB", over=("full", full / 2**20)),
        row("monitor", "statistics of it", cost * MILLI, "ms"),
    ]


def _thread() -> list[Row]:
    """CPU time of the whole process while only a monitor runs."""
    rows: list[Row] = []
    for interval, goal, seconds in ((1.0, 0.5, 10.0), (0.1, None, 5.0)):
        with GPUMonitor(interval=interval):
            time.sleep(0.2)
            before = time.process_time()
            time.sleep(seconds)
            share = (time.process_time() - before) / seconds * 100
        rows.append(row("monitor", f"share of one core at an interval of {interval:g} s", share, "%", goal=goal))
    return rows


def _seconds(function: Callable[[], object], calls: int, rounds: int = 7) -> float:
    """Return the CPU time of one call, the median of several rounds."""
    found: list[float] = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(calls):
            function()
        found.append((time.process_time() - begun) / calls)
    return statistics.median(found)


if __name__ == "__main__":
    main()
