"""The container this process runs in, where it is given less than the machine has.

- :mod:`~paddle_otel.hardware.container.reading`: what is read.
- :mod:`~paddle_otel.hardware.container.counting`: from the files of its cgroups.
- :mod:`~paddle_otel.hardware.container.source`: reads it.
- :mod:`~paddle_otel.hardware.container.metrics`: which metrics the readings become.

Which cgroup is the container: :mod:`paddle_otel.hardware.cgroups`. One process of each container reports it.
"""

from typing import Final

from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.container.metrics import METRICS
from paddle_otel.hardware.container.reading import NAME, ContainerReading
from paddle_otel.hardware.container.source import ContainerSource
from paddle_otel.hardware.kind import DeviceKind


def _reported(reading: ContainerReading, holds: Holds) -> ContainerReading | None:
    return reading if holds(reading.claim) else None


KIND: Final[DeviceKind[ContainerReading]] = DeviceKind(NAME, lambda _: ContainerSource(), METRICS, _reported)
