"""NVIDIA GPUs, read through NVML, the library the driver brings.

- :mod:`~paddle_otel.hardware.nvml.binding`: the one place where NVML is called.
- :mod:`~paddle_otel.hardware.nvml.question`: one value of one device; remembers what the device does not have.
- :mod:`~paddle_otel.hardware.nvml.fields`: several values in one call.
- :mod:`~paddle_otel.hardware.nvml.load`, :mod:`~paddle_otel.hardware.nvml.state` and
  :mod:`~paddle_otel.hardware.nvml.health`: what is asked at every reading, every 10 s and every 30 s.
- :mod:`~paddle_otel.hardware.nvml.gpu`: everything about one GPU; :mod:`~paddle_otel.hardware.nvml.parts` about the
  parts that MIG makes of it.
- :mod:`~paddle_otel.hardware.nvml.device`: one place in NVML's list, and what happens when the GPU there is lost.
- :mod:`~paddle_otel.hardware.nvml.source`: all GPUs, and what happens when the driver goes.
- :mod:`~paddle_otel.hardware.nvml.metrics` and :mod:`~paddle_otel.hardware.nvml.events`: what the readings become.

A value that NVML does not give is ``None`` in a reading and no point in a metric, never 0. Nothing of NVML, not even
its Python binding, is imported before the first read.
"""

from typing import Final

from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.nvml.events import xid_events
from paddle_otel.hardware.nvml.metrics import METRICS
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NAME, NvmlSource


def _reported(gpus: tuple[GpuReading, ...], holds: Holds) -> tuple[GpuReading, ...]:
    return tuple(gpu for gpu in gpus if holds(gpu.identity.uuid))


KIND: Final[DeviceKind[tuple[GpuReading, ...]]] = DeviceKind(
    NAME, lambda settings: NvmlSource(settings=settings), METRICS, _reported, xid_events
)
