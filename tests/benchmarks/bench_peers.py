"""The sampler beside what people use today: ``.venv/peers/bin/python tests/benchmarks/bench_peers.py``.

All read the same eight fake GPUs and this machine, once per second, for the same time, one after the other in one run.
What is compared is CPU time per second, child processes included:

- polling with a process like ``nvidia-smi`` (``nvidia_smi_poll.c``: the least that such a process does),
- the exporter of nvitop (its ``update_host`` and ``update_device``),
- ``opentelemetry-instrumentation-system-metrics``, collected once per second.
"""

import argparse
import contextlib
import csv
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from rows import Row, row, table, write_json

from fake_nvml.driver import FakeDriver, build
from paddle_otel.hardware import kinds, nvml
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings

GPUS: Final = 8
SECONDS: Final = 30
Collect = Callable[[], object]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks-peers.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder))
    sys.stdout.write(table(rows) + "\n")
    write_json(rows, arguments.json)


def run(folder: Path) -> list[Row]:
    """Measure; needs a C compiler.

    Returns:
        The rows of the table.
    """
    library = build(folder)
    os.environ["PADDLE_OTEL_LOCK_DIRECTORY"] = str(folder / "locks")
    driver = FakeDriver(library)
    driver.reset(GPUS)
    smi = _measured(_nvidia_smi(folder))
    nvitop_gpus, nvitop_all = _measured(_nvitop(host=False)), _measured(_nvitop(host=True))
    system = _measured(_system_metrics())
    ours_gpus = _measured(_ours([nvml.KIND]))
    ours_host = _measured(_ours([kind for kind in kinds.KINDS if kind is not nvml.KIND]))
    ours_all = _measured(_ours(list(kinds.KINDS)))
    return [
        row("peers", f"a process like nvidia-smi, {GPUS} GPUs", smi, "ms/s"),
        row("peers", "nvitop-exporter, GPUs", nvitop_gpus, "ms/s"),
        row("peers", "nvitop-exporter, GPUs and host", nvitop_all, "ms/s"),
        row("peers", "system-metrics instrumentation, host and process", system, "ms/s"),
        row("peers", "this sampler and its export, GPUs", ours_gpus, "ms/s", over=("nvidia-smi", smi)),
        row("peers", "this sampler and its export, GPUs", ours_gpus, "ms/s", over=("nvitop-exporter", nvitop_gpus)),
        row("peers", "this sampler and its export, host and disks", ours_host, "ms/s", over=("system-metrics", system)),
        row("peers", "this sampler and its export, everything", ours_all, "ms/s", over=("nvitop-exporter", nvitop_all)),
    ]


def _measured(peer: contextlib.AbstractContextManager[Collect]) -> float:
    """Return the CPU time per second in milliseconds, of this process and its children."""
    with peer as collect:
        for _ in range(3):
            collect()
            time.sleep(0.5)
        before = _cpu_seconds()
        for _ in range(SECONDS):
            collect()
            time.sleep(1.0)
        return (_cpu_seconds() - before) / SECONDS * 1e3


def _cpu_seconds() -> float:
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextlib.contextmanager
def _ours(shown: list[DeviceKind[Any]]) -> Generator[Collect, None, None]:
    """The sampler's thread and one collection per second, SDK included."""
    settings = Settings()
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    reporting = HardwareReporting(Sampler(lambda: [kind.source(settings) for kind in shown]), shown)
    reporting.start(provider, interval=1.0)
    yield reader.get_metrics_data
    reporting.stop()
    provider.shutdown()


@contextlib.contextmanager
def _nvidia_smi(folder: Path) -> Generator[Collect, None, None]:
    program = folder / "nvidia_smi_poll"
    source = Path(__file__).with_name("nvidia_smi_poll.c")
    subprocess.run(["cc", "-O2", "-w", "-std=gnu11", "-o", program, source, "-ldl"], check=True)
    variables = {**os.environ, "LD_LIBRARY_PATH": str(folder), "FAKE_NVML_COUNT": str(GPUS)}

    def poll() -> object:
        done = subprocess.run([program], env=variables, capture_output=True, text=True, check=True)
        rows = list(csv.reader(io.StringIO(done.stdout)))
        assert len(rows) == GPUS
        return rows

    yield poll


@contextlib.contextmanager
def _nvitop(*, host: bool) -> Generator[Collect, None, None]:
    nvitop: Any = import_module("nvitop")
    exporter_module: Any = import_module("nvitop_exporter.exporter")
    registry: Any = import_module("prometheus_client").CollectorRegistry()
    devices = nvitop.Device.all()
    assert len(devices) == GPUS
    exporter = exporter_module.PrometheusExporter(devices, hostname="here", registry=registry)

    def update() -> None:
        if host:
            exporter.update_host()
        for device in devices:
            exporter.update_device(device)

    yield update


@contextlib.contextmanager
def _system_metrics() -> Generator[Collect, None, None]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    instrumentor: Any = import_module("opentelemetry.instrumentation.system_metrics").SystemMetricsInstrumentor()
    instrumentor.instrument(meter_provider=provider)
    yield reader.get_metrics_data
    instrumentor.uninstrument()
    provider.shutdown()


if __name__ == "__main__":
    main()
