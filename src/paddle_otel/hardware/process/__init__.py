"""This process: CPU time, memory, context switches and page faults.

- :mod:`~paddle_otel.hardware.process.reading`: what is read.
- :mod:`~paddle_otel.hardware.process.source`: from the kernel on Linux.
- :mod:`~paddle_otel.hardware.process.portable`: through psutil on other systems.
- :mod:`~paddle_otel.hardware.process.usable_cpus`: how many CPUs it may use.
- :mod:`~paddle_otel.hardware.process.metrics`: which metrics the readings become.

Every process reports itself.
"""

import sys
from typing import Final

from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.process.metrics import METRICS
from paddle_otel.hardware.process.portable import PortableProcessSource
from paddle_otel.hardware.process.reading import NAME, ProcessReading
from paddle_otel.sampling.source import Source
from paddle_otel.settings import Settings


def _source(_: Settings) -> Source[ProcessReading]:
    if sys.platform == "linux":
        from paddle_otel.hardware.process.source import ProcessSource  # noqa: PLC0415 - Windows has no getrusage

        return ProcessSource()
    return PortableProcessSource()


KIND: Final[DeviceKind[ProcessReading]] = DeviceKind(NAME, _source, METRICS)
