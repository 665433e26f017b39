"""S.M.A.R.T. values of the disks, read with ``smartctl``; off unless ``PADDLE_OTEL_SMART`` is true.

- :mod:`~paddle_otel.hardware.smart.source`: what the sampler reads: the last results, at once.
- :mod:`~paddle_otel.hardware.smart.rounds`: when the disks are read, and how long what they said holds.
- :mod:`~paddle_otel.hardware.smart.round`: reading all disks once, in a thread of its own.
- :mod:`~paddle_otel.hardware.smart.reader`: asking smartctl about all disks, one after the other.
- :mod:`~paddle_otel.hardware.smart.program`: running a program with limits on its time and output.
- :mod:`~paddle_otel.hardware.smart.device`: which disks there are and how smartctl is to address them.
- :mod:`~paddle_otel.hardware.smart.json_fields`: fields of a JSON text that nobody vouches for.
- :mod:`~paddle_otel.hardware.smart.identity`, :mod:`~paddle_otel.hardware.smart.values`,
  :mod:`~paddle_otel.hardware.smart.health`: what an answer says about a disk.
- :mod:`~paddle_otel.hardware.smart.changes`: what became worse since the round before.
- :mod:`~paddle_otel.hardware.smart.value_names`: the names of the values.
- :mod:`~paddle_otel.hardware.smart.metrics`: which metrics the readings become.

``smartctl`` needs 20 to 50 ms per disk and may hang in the kernel, so the sampler never waits for it. One process of a
host runs it for all of them. A sleeping disk is never woken: its last values are shown, without its temperature, until
they are three intervals old. The device nodes and the right to use them are the operator's to give: root, or
``CAP_SYS_RAWIO`` (ATA) and ``CAP_SYS_ADMIN`` (NVMe).
"""

from typing import Final

from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.smart.metrics import METRICS
from paddle_otel.hardware.smart.reading import NAME, SmartReadings, events, reported
from paddle_otel.hardware.smart.source import SmartSource

KIND: Final[DeviceKind[SmartReadings]] = DeviceKind(NAME, SmartSource, METRICS, reported, events)
