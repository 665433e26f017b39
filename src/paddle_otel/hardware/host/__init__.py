"""The machine as a whole: CPUs, memory, swap space and page faults, also when this process is in a container.

- :mod:`~paddle_otel.hardware.host.reading`: what is read.
- :mod:`~paddle_otel.hardware.host.source`: from ``/proc`` on Linux.
- :mod:`~paddle_otel.hardware.host.portable`: through psutil on other systems.
- :mod:`~paddle_otel.hardware.host.metrics`: which metrics the readings become.

One process of a host reports it.
"""

import sys
from typing import Final

from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.host.metrics import METRICS
from paddle_otel.hardware.host.portable import PortableHostSource
from paddle_otel.hardware.host.reading import NAME, HostReading
from paddle_otel.hardware.host.source import HostSource
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.sampling.source import Source
from paddle_otel.settings import Settings

CLAIM: Final = "host"
"""The name under which the processes of a host agree on who reports it."""


def _source(_: Settings) -> Source[HostReading]:
    return HostSource() if sys.platform == "linux" else PortableHostSource()


def _reported(reading: HostReading, holds: Holds) -> HostReading | None:
    return reading if holds(CLAIM) else None


KIND: Final[DeviceKind[HostReading]] = DeviceKind(NAME, _source, METRICS, _reported)
