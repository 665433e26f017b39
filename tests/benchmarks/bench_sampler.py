"""What sampling and showing eight GPUs costs: ``python tests/benchmarks/bench_sampler.py``.

The GPUs are those of the fake driver, which answers in less than a microsecond: what is measured is this project and
``nvidia-ml-py``, not a driver. The baseline is the shortest loop somebody would write by hand with ``nvidia-ml-py`` for
the same values.
"""

import gc
import importlib
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from rows import Row, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from fake_nvml.driver import FakeDriver, build
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.history import CAPACITY, History
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.worker import Slot, Worker
from paddle_otel.settings import Settings

GPUS: Final = 8
CYCLES: Final = 500
ROUNDS: Final = 9
MILLISECONDS: Final = 1e3


def run() -> list[Row]:
    """Measure; needs a C compiler.

    Returns:
        The rows of the table.
    """
    with tempfile.TemporaryDirectory() as folder:
        driver = FakeDriver(build(Path(folder)))
        driver.reset(GPUS)
        pynvml: Any = importlib.import_module("pynvml")
        pynvml.nvmlLib = driver.library
        return [*_cycle(pynvml), *_collection(), _history(), *_thread()]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(run()) + "\n")


def _cycle(pynvml: Any) -> list[Row]:
    source = NvmlSource()
    worker = Worker([Slot(source)], 1.0, lambda _: None)
    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(GPUS)]
    ours, loop = _paired(worker.read_once, lambda: _by_hand(pynvml, handles))
    pynvml.nvmlShutdown()
    source.close()
    return [
        row("sampler", f"CPU time of one cycle, {GPUS} GPUs", ours, "ms", goal=1.0, over=("nvidia-ml-py calls", loop)),
        row("sampler", "the same values by a loop of nvidia-ml-py calls", loop, "ms"),
    ]


def _by_hand(pynvml: Any, handles: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (
            pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2).used,
            [field.value.ullVal for field in pynvml.nvmlDeviceGetFieldValues(handle, [186, 83])],
            pynvml.nvmlDeviceGetTemperatureV(handle, 0),
        )
        for handle in handles
    ]


def _collection() -> list[Row]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    sampler = Sampler(lambda: [kind.source(Settings()) for kind in KINDS])
    reporting = HardwareReporting(sampler, KINDS)
    reporting.start(provider, interval=1.0)
    while reader.get_metrics_data() is None:
        time.sleep(0.01)
    cost = _median(reader.get_metrics_data, 50)
    reporting.stop()
    provider.shutdown()
    return [row("sampler", f"CPU time of one collection, {GPUS} GPUs, SDK included", cost, "ms", goal=2.0)]


def _history() -> Row:
    source = NvmlSource()
    history = History()
    worker = Worker([Slot(source)], 1.0, history.append)
    worker.read_once()
    gc.collect()
    tracemalloc.start()
    for _ in range(CAPACITY):
        worker.read_once()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    source.close()
    return row("sampler", f"memory of a full history, {CAPACITY} snapshots of {GPUS} GPUs", size / 2**20, "MiB")


def _thread() -> list[Row]:
    """CPU time of the whole process while only the sampler's thread runs."""
    rows: list[Row] = []
    for interval, goal, seconds in ((1.0, 0.5, 10.0), (0.1, None, 5.0)):
        sampler = Sampler(lambda: [kind.source(Settings()) for kind in KINDS])
        sampler.start("benchmark", interval)
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(seconds)
        share = (time.process_time() - before) / seconds * 100
        sampler.stop("benchmark")
        rows.append(row("sampler", f"share of one core at an interval of {interval:g} s", share, "%", goal=goal))
    return rows


def _paired(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of both, measured in turns, so that a noisy machine disturbs both alike."""
    turns = [(_mean(first, CYCLES), _mean(second, CYCLES)) for _ in range(ROUNDS)]
    return statistics.median(turn[0] for turn in turns), statistics.median(turn[1] for turn in turns)


def _median(function: Callable[[], object], times: int) -> float:
    return statistics.median(_mean(function, times) for _ in range(ROUNDS))


def _mean(function: Callable[[], object], times: int) -> float:
    before = time.thread_time()
    for _ in range(times):
        function()
    return (time.thread_time() - before) / times * MILLISECONDS


if __name__ == "__main__":
    main()
