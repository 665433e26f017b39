"""Pressure: the share of time in which tasks waited for a CPU, for memory or for a disk (the kernel's PSI).

- :mod:`~paddle_otel.hardware.pressure.reading`: what is read.
- :mod:`~paddle_otel.hardware.pressure.source`: from the container's cgroup, limited or not, else from the host.
- :mod:`~paddle_otel.hardware.pressure.metrics`: which metrics the readings become.

A kind of its own, because it belongs to the container in one place and to the host in another. One process of each
container, and one of the host, reports it.
"""

from typing import Final

from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.pressure.metrics import METRICS
from paddle_otel.hardware.pressure.reading import NAME, PressureReading
from paddle_otel.hardware.pressure.source import PressureSource


def _reported(reading: PressureReading, holds: Holds) -> PressureReading | None:
    return reading if holds(reading.claim) else None


KIND: Final[DeviceKind[PressureReading]] = DeviceKind(NAME, lambda _: PressureSource(), METRICS, _reported)
