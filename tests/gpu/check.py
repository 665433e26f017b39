"""Compares what the product reports of real GPUs with NVML itself and with ``nvidia-smi``. Needs no network.

    python3 tests/gpu/check.py --wheels FOLDER --report FOLDER

``--wheels`` names a folder with the wheels of paddle-otel and all it needs (``pip wheel`` makes one); a virtual
environment is made beside it and the check runs in it. Without ``--wheels`` it runs in the interpreter that
starts it. The report is ``gpu_check.json`` in the folder that ``--report`` names. The exit status is 0 only if every
check passed; without a GPU it fails.
"""

import argparse
import csv
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

Points = Mapping[str, list[tuple[dict[str, Any], Any]]]
"""Attributes and values by metric."""

# Column of nvidia-smi, our metric, attributes, factor from its unit to ours, relative and absolute tolerance. What
# changes by itself between the two readings has a tolerance; the rest must be equal.
COMPARED: Final[tuple[tuple[str, str, dict[str, str], float, float, float], ...]] = (
    ("memory.total", "hw.gpu.memory.limit", {}, 2**20, 0.0, 2**20),
    ("memory.used", "hw.gpu.memory.usage", {}, 2**20, 0.02, 64 * 2**20),
    ("temperature.gpu", "hw.temperature", {"hw.sensor_location": "gpu"}, 1.0, 0.0, 4.0),
    ("temperature.memory", "hw.temperature", {"hw.sensor_location": "memory"}, 1.0, 0.0, 4.0),
    ("power.draw.instant", "hw.power", {}, 1.0, 0.35, 30.0),
    ("enforced.power.limit", "paddle.gpu.power.limit", {}, 1.0, 0.0, 0.01),
    ("clocks.max.sm", "paddle.gpu.clock.limit", {"paddle.gpu.clock.domain": "sm"}, 1e6, 0.0, 0.0),
    ("clocks.max.memory", "paddle.gpu.clock.limit", {"paddle.gpu.clock.domain": "memory"}, 1e6, 0.0, 0.0),
    ("clocks.current.sm", "paddle.gpu.clock.frequency", {"paddle.gpu.clock.domain": "sm"}, 1e6, 0.3, 0.0),
    ("clocks.current.memory", "paddle.gpu.clock.frequency", {"paddle.gpu.clock.domain": "memory"}, 1e6, 0.0, 0.0),
    ("pcie.link.gen.gpucurrent", "paddle.gpu.pcie.link.generation", {}, 1.0, 0.0, 0.0),
    ("pcie.link.width.current", "paddle.gpu.pcie.link.width", {}, 1.0, 0.0, 0.0),
    ("ecc.errors.corrected.aggregate.total", "hw.errors", {"error.type": "corrected"}, 1.0, 0.0, 0.0),
    ("ecc.errors.uncorrected.aggregate.total", "hw.errors", {"error.type": "uncorrected"}, 1.0, 0.0, 0.0),
    ("fan.speed", "hw.fan.speed_ratio", {}, 0.01, 0.0, 0.05),
    ("utilization.gpu", "hw.gpu.utilization", {"hw.gpu.task": "general"}, 0.01, 0.0, 0.3),
)
LOAD_SECONDS: Final = 20.0


@dataclass
class Check:
    """One comparison.

    Attributes:
        name: What is compared.
        passed: Whether it holds.
        ours: What the product reported, ``None`` when it was absent.
        theirs: What it is compared with, ``None`` when the device does not give it.
    """

    name: str
    passed: bool
    ours: Any = None
    theirs: Any = None


def main() -> None:
    """Run everything, write the report, print it, and exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--report", type=Path, default=Path())
    parser.add_argument("--no-load", action="store_true", help="do not put work on the GPU")
    arguments = parser.parse_args()
    if arguments.wheels is not None:
        sys.exit(_run_in_new_environment(arguments.wheels, arguments.report, no_load=arguments.no_load))
    checks = [check for part in (_idle, *([] if arguments.no_load else [_loaded])) for check in part()]
    gpus = any(check.name == "UUIDs" and check.passed for check in checks)
    report = {"checks": [asdict(check) for check in checks], "facts": _facts() if gpus else {}}
    (arguments.report / "gpu_check.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for check in checks:
        print("ok    " if check.passed else "FAILED", check.name, "ours", check.ours, "theirs", check.theirs)
    failed = sum(not check.passed for check in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not checks else 0)


def _run_in_new_environment(wheels: Path, report: Path, *, no_load: bool) -> int:
    folder = Path(tempfile.mkdtemp()) / "environment"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels), "paddle-otel[otlp]"]
    subprocess.run([python, *install], check=True)
    options = ["--report", str(report), *(["--no-load"] if no_load else [])]
    return subprocess.run([python, __file__, *options], check=False).returncode


class Product:
    """The product's own reporting with a reader in memory, as an application would switch it on."""

    def __init__(self) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        from paddle_otel.hardware.reporting import REPORTING

        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader])
        self._reporting = REPORTING

    def __enter__(self) -> "Product":  # noqa: PYI034 - Python 3.10 has no Self
        """Start, and wait for the first values."""
        self._reporting.start(self._provider, interval=1.0)
        deadline = time.monotonic() + 20
        while "hw.gpu.memory.limit" not in self.collect() and time.monotonic() < deadline:
            time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._reporting.stop()
        self._provider.shutdown()

    def collect(self) -> Points:
        """Return all points by metric."""
        data: Any = self._reader.get_metrics_data()
        points: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found = [
                        (dict(point.attributes), getattr(point, "value", None)) for point in metric.data.data_points
                    ]
                    points.setdefault(metric.name, []).extend(found)
        return points


def _value(points: Points, metric: str, uuid: str, attributes: Mapping[str, str]) -> float | None:
    """Return the value of a GPU, or of the first part of it (a fan) that has the metric."""
    for found, value in points.get(metric, ()):
        if uuid in (found.get("hw.id"), found.get("hw.parent")) and attributes.items() <= found.items():
            return value
    return None


def _nvidia_smi(columns: Iterable[str]) -> list[dict[str, str]]:
    """Return what nvidia-smi says of each GPU; a column that it does not know is left out."""
    known: dict[str, list[str]] = {}
    for column in columns:
        command = ["nvidia-smi", f"--query-gpu={column}", "--format=csv,noheader,nounits"]
        try:
            found = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return []  # then nothing agrees with ours
        if found.returncode == 0:
            known[column] = [row[0].strip() for row in csv.reader(io.StringIO(found.stdout)) if row]
    gpus = len(known.get("uuid", ()))
    return [{column: values[index] for column, values in known.items()} for index in range(gpus)]


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None  # "[N/A]", "[Not Supported]"


def _idle() -> list[Check]:
    """Compare every GPU with nvidia-smi while nothing runs."""
    with Product() as product:
        cpu, began = time.process_time(), time.monotonic()
        time.sleep(10)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        ours = product.collect()
        theirs = _nvidia_smi(
            ["uuid", "name", "driver_version", "vbios_version", "pstate", *(row[0] for row in COMPARED)]
        )
        again = product.collect()
    uuids = sorted({str(attributes["hw.id"]) for attributes, _ in ours.get("hw.gpu.memory.limit", ())})
    checks = [
        Check("UUIDs", uuids == sorted(gpu["uuid"] for gpu in theirs) and bool(uuids), uuids, theirs),
        Check("share of a core at an interval of 1 s", share < 0.005, share, "< 0.005"),
    ]
    for gpu in theirs:
        checks += _identity(ours, gpu)
        for column, metric, attributes, factor, relative, absolute in COMPARED:
            checks.append(
                _compare(
                    f"{gpu['uuid']} {metric} {attributes}",
                    (_value(ours, metric, gpu["uuid"], attributes), _value(again, metric, gpu["uuid"], attributes)),
                    number * factor if (number := _number(gpu.get(column))) is not None else None,
                    lambda theirs, relative=relative, absolute=absolute: abs(theirs) * relative + absolute,
                )
            )
    return checks


def _compare(
    name: str, ours: tuple[float | None, float | None], theirs: float | None, tolerance: Callable[[float], float]
) -> Check:
    """Pass if nvidia-smi's value, read between two of ours, lies between them or within the tolerance of one."""
    values = [value for value in ours if value is not None]
    if theirs is None or not values:
        # Present on one side only: nvidia-smi may not know the column, so only our absence counts.
        return Check(name, passed=theirs is None, ours=values, theirs=theirs)
    allowed = tolerance(theirs)
    return Check(name, min(values) - allowed <= theirs <= max(values) + allowed, values, theirs)


def _identity(ours: Points, gpu: Mapping[str, str]) -> list[Check]:
    pairs = (("hw.name", "name"), ("hw.driver_version", "driver_version"), ("hw.firmware_version", "vbios_version"))
    found = [attributes for attributes, _ in ours.get("hw.gpu.memory.limit", ()) if attributes["hw.id"] == gpu["uuid"]]
    state = _value(ours, "paddle.gpu.performance_state", gpu["uuid"], {})
    return [
        *(
            Check(f"{gpu['uuid']} {key}", bool(found) and found[0].get(key) == gpu[column], found, gpu[column])
            for key, column in pairs
        ),
        Check(
            f"{gpu['uuid']} performance state",
            state is not None and gpu["pstate"] == f"P{state:g}",
            state,
            gpu["pstate"],
        ),
        Check(
            f"{gpu['uuid']} status",
            _value(ours, "hw.status", gpu["uuid"], {"hw.state": "ok"}) == 1,
            _value(ours, "hw.status", gpu["uuid"], {"hw.state": "ok"}),
            1,
        ),
    ]


def _loaded() -> list[Check]:
    """Put work on the first GPU and compare what moves: utilization, energy, own memory, pipes."""
    from cuda_load import MEMORY, CudaLoad

    with Product() as product, CudaLoad(0):
        time.sleep(5)
        before, began = product.collect(), time.monotonic()
        time.sleep(LOAD_SECONDS)
        after, seconds = product.collect(), time.monotonic() - began
    busiest = max(
        after.get("hw.gpu.utilization", [({}, 0.0)]),
        key=lambda point: point[1] if point[0].get("hw.gpu.task") == "general" else -1.0,
    )
    uuid = str(busiest[0].get("hw.id"))
    energy = (_value(after, "hw.energy", uuid, {}) or 0.0) - (_value(before, "hw.energy", uuid, {}) or 0.0)
    power = _value(after, "hw.power", uuid, {}) or 0.0
    own = _value(after, "process.gpu.memory.usage", uuid, {})
    dram = _value(after, "paddle.gpu.pipe.utilization", uuid, {"paddle.gpu.pipe": "dram"})
    return [
        Check("utilization under load", busiest[1] > 0.8, busiest[1], "> 0.8"),
        Check("energy over the load", 0.6 * power * seconds < energy < 1.6 * power * seconds, energy, power * seconds),
        Check("memory of this process", own is not None and MEMORY <= own < MEMORY + 2**30, own, MEMORY),
        Check("DRAM pipe under load (Hopper and later)", dram is None or dram > 0.3, dram, "> 0.3"),
    ]


def _facts() -> dict[str, Any]:
    """Return what is worth knowing about a real driver: which fields it gives and what calls cost."""
    nvml: Any = importlib.import_module("pynvml")
    nvml.nvmlInit()
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fields = [
        74,
        75,
        76,
        77,
        78,
        79,
        82,
        83,
        91,
        138,
        139,
        142,
        185,
        186,
        193,
        194,
        195,
        196,
        197,
        198,
        230,
        269,
        270,
        271,
    ]
    codes = {field: nvml.nvmlDeviceGetFieldValues(handle, [field])[0].nvmlReturn for field in fields}
    calls: dict[str, Callable[[], object]] = {
        "utilization": lambda: nvml.nvmlDeviceGetUtilizationRates(handle),
        "memory": lambda: nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2),
        "temperature": lambda: nvml.nvmlDeviceGetTemperatureV(handle, 0),
        "compute processes": lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle),
        "all fields": lambda: nvml.nvmlDeviceGetFieldValues(handle, fields),
    }
    facts = {
        "driver": nvml.nvmlSystemGetDriverVersion(),
        "name": nvml.nvmlDeviceGetName(handle),
        "field return codes": codes,
        "microseconds per call": {name: _microseconds(call) for name, call in calls.items()},
        "processes": [process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle)],
        "own pid": os.getpid(),
    }
    nvml.nvmlShutdown()
    return facts


def _microseconds(call: Callable[[], object], times: int = 100) -> float:
    before = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - before) / times * 1e6


if __name__ == "__main__":
    main()
