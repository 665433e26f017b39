"""Answers ``--query-gpu=COLUMN --format=csv,noheader,nounits`` as ``nvidia-smi`` does, from the NVML it finds.

``NVIDIA_SMI_WRONG`` names a column whose values are wrong.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, Final

nvml: Any = importlib.import_module("pynvml")


def _energy_limit(handle: Any) -> str:
    return f"{nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000:.2f}"


def _field(number: int) -> Callable[[Any], Any]:
    def read(handle: Any) -> Any:
        (value,) = nvml.nvmlDeviceGetFieldValues(handle, [number])
        return value.value.uiVal if value.nvmlReturn == 0 else "[N/A]"

    return read


def _clock(function: str, domain: int) -> Callable[[Any], Any]:
    return lambda handle: getattr(nvml, function)(handle, domain)


def _memory(part: str) -> Callable[[Any], Any]:
    return lambda handle: getattr(nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2), part) // 2**20


COLUMNS: Final[dict[str, Callable[[Any], Any]]] = {
    "uuid": nvml.nvmlDeviceGetUUID,
    "name": nvml.nvmlDeviceGetName,
    "driver_version": lambda _: nvml.nvmlSystemGetDriverVersion(),
    "vbios_version": nvml.nvmlDeviceGetVbiosVersion,
    "pstate": lambda handle: f"P{nvml.nvmlDeviceGetPerformanceState(handle)}",
    "memory.total": _memory("total"),
    "memory.used": _memory("used"),
    "temperature.gpu": lambda handle: nvml.nvmlDeviceGetTemperatureV(handle, 0),
    "temperature.memory": _field(82),
    "power.draw.instant": lambda handle: nvml.nvmlDeviceGetFieldValues(handle, [186])[0].value.uiVal / 1000,
    "enforced.power.limit": _energy_limit,
    "clocks.max.sm": _clock("nvmlDeviceGetMaxClockInfo", 1),
    "clocks.max.memory": _clock("nvmlDeviceGetMaxClockInfo", 2),
    "clocks.current.sm": _clock("nvmlDeviceGetClockInfo", 1),
    "clocks.current.memory": _clock("nvmlDeviceGetClockInfo", 2),
    "pcie.link.gen.gpucurrent": nvml.nvmlDeviceGetCurrPcieLinkGeneration,
    "pcie.link.width.current": nvml.nvmlDeviceGetCurrPcieLinkWidth,
    "ecc.errors.corrected.aggregate.total": lambda handle: nvml.nvmlDeviceGetTotalEccErrors(handle, 0, 1),
    "ecc.errors.uncorrected.aggregate.total": lambda handle: nvml.nvmlDeviceGetTotalEccErrors(handle, 1, 1),
    "fan.speed": lambda handle: nvml.nvmlDeviceGetFanSpeed_v2(handle, 0),
    "utilization.gpu": lambda handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
}


def main() -> None:
    """Print one line per GPU; exit with 2 for a column that is not known."""
    (column,) = [argument.partition("=")[2] for argument in sys.argv if argument.startswith("--query-gpu=")]
    if column not in COLUMNS:
        sys.exit(2)
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        sys.exit(9)
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            value = COLUMNS[column](nvml.nvmlDeviceGetHandleByIndex(index))
        except nvml.NVMLError:
            value = "[N/A]"
        if column == os.environ.get("NVIDIA_SMI_WRONG"):
            value = 1_000_000
        sys.stdout.write(f"{value}\n")


if __name__ == "__main__":
    main()
