"""What sampling and showing the hardware costs: ``python tests/benchmarks/bench_sampler.py``.

The GPUs are those of the fake driver, which answers in less than a microsecond: what is measured is this project and
``nvidia-ml-py``, not a driver. The baseline is the shortest loop somebody would write by hand with ``nvidia-ml-py`` for
the values that are read at every sample. Host and process are this machine's; the four disks are in a folder.
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

from opentelemetry.metrics import CallbackOptions, Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from rows import Row, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from fake_disks import FakeDisks
from fake_nvml.driver import FakeDriver, build
from fake_nvml.sources import Clock
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware import container, host, outlet, pressure, process
from paddle_otel.hardware.disks.source import DiskSource
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.instruments import ObservableCallback
from paddle_otel.sampling.history import CAPACITY, History
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.source import Source
from paddle_otel.sampling.worker import Slot, Worker
from paddle_otel.settings import Settings

GPUS: Final = 8
DISKS: Final = 4
CYCLES: Final = 500
ROUNDS: Final = 9
MILLISECONDS: Final = 1e3


def run() -> list[Row]:
    """Measure; needs a C compiler.

    Returns:
        The rows of the table.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PADDLE_OTEL_LOCK_DIRECTORY"] = str(Path(folder, "locks"))
        driver = FakeDriver(build(Path(folder)))
        driver.reset(GPUS)
        pynvml: Any = importlib.import_module("pynvml")
        pynvml.nvmlLib = driver.library
        machine = FakeDisks(Path(folder, "machine"))
        for number in range(DISKS):
            machine.add(f"nvme{number}n1", f"259:{number}")
        return [*_gpus(pynvml), _everything(machine.root), *_collection(), _history(), *_thread()]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(run()) + "\n")


def _gpus(pynvml: Any) -> list[Row]:
    clock = Clock()
    source = NvmlSource(clock)
    worker = Worker([Slot(source)], 1.0, lambda _: None)
    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(GPUS)]

    def sample() -> None:
        clock.now += 1.0
        worker.read_once()

    ours, loop = _paired(sample, lambda: _by_hand(pynvml, handles))
    pynvml.nvmlShutdown()
    source.close()
    return [
        row("sampler", f"CPU time of one sample, {GPUS} GPUs", ours, "ms", over=("nvidia-ml-py calls", loop)),
        row("sampler", "of that, the calls of every sample in a loop by hand", loop, "ms"),
    ]


def _by_hand(pynvml: Any, handles: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (
            pynvml.nvmlDeviceGetUtilizationRates(handle),
            pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2),
            pynvml.nvmlDeviceGetFieldValues(
                handle, [186, 83, 74, 75, 76, 77, 79, 269, 270, 271, (138, 0xFFFFFFFF), (139, 0xFFFFFFFF)]
            ),
            pynvml.nvmlDeviceGetTemperatureV(handle, 0),
            pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle),
        )
        for handle in handles
    ]


def _everything(machine: Path) -> Row:
    clock = Clock()
    settings = Settings()
    sources: list[Source[Any]] = [
        NvmlSource(clock),
        DiskSource("", root=machine),
        *(kind.source(settings) for kind in (host.KIND, container.KIND, pressure.KIND, process.KIND)),
    ]
    worker = Worker([Slot(source) for source in sources], 1.0, lambda _: None)

    def sample() -> None:
        clock.now += 1.0
        worker.read_once()

    cost = _median(sample, CYCLES)
    for source in sources:
        source.close()
    return row("sampler", f"CPU time of one sample, {GPUS} GPUs, host and {DISKS} disks", cost, "ms", goal=1.0)


def _collection() -> list[Row]:
    callbacks: list[ObservableCallback] = []
    create = outlet.observable

    def noting(meter: Meter, metric: Metric, callback: ObservableCallback) -> None:
        callbacks.append(callback)
        create(meter, metric, callback)

    outlet.observable = noting
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    sampler = Sampler(lambda: [kind.source(Settings()) for kind in KINDS])
    reporting = HardwareReporting(sampler, KINDS)
    reporting.start(provider, interval=1.0)
    outlet.observable = create
    while sampler.latest() is None:
        time.sleep(0.01)
    reader.get_metrics_data()
    time.sleep(3.0)

    def call_all() -> int:
        return sum(len(list(callback(CallbackOptions()))) for callback in callbacks)

    points = call_all()
    ours, whole = _median(call_all, 20), _median(reader.get_metrics_data, 20)
    reporting.stop()
    provider.shutdown()
    return [
        row(
            "sampler", f"CPU time of all callbacks of a collection, {GPUS} GPUs, {points} points", ours, "ms", goal=2.0
        ),
        row("sampler", "the same with what the SDK does with the points", whole, "ms", over=("callbacks", ours)),
    ]


def _history() -> Row:
    sources: list[Source[Any]] = [kind.source(Settings()) for kind in KINDS]
    history = History()
    worker = Worker([Slot(source) for source in sources], 1.0, history.append)
    worker.read_once()
    gc.collect()
    tracemalloc.start()
    for _ in range(CAPACITY):
        worker.read_once()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for source in sources:
        source.close()
    return row(
        "sampler", f"memory of a full history, {CAPACITY} snapshots of {GPUS} GPUs and the host", size / 2**20, "MiB"
    )


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
