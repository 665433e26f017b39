"""Disks, counted by the Linux kernel in ``/proc/diskstats``.

- :mod:`~paddle_otel.hardware.disks.diskstats`: the kernel's lines.
- :mod:`~paddle_otel.hardware.disks.totals`: counters that go on where the kernel's wrap or begin anew.
- :mod:`~paddle_otel.hardware.disks.block_devices`: which of the devices are whole disks, each counted once.
- :mod:`~paddle_otel.hardware.disks.mounts`, :mod:`~paddle_otel.hardware.disks.data_disks`: the disks behind a path that
  the user names.
- :mod:`~paddle_otel.hardware.disks.source`: all disks, and those that come and go.
- :mod:`~paddle_otel.hardware.disks.metrics`: which metrics the readings become.

The kernel's file is the same in all containers of a host, and so are the numbers. Discards and flushes are neither
reads nor writes and are left out of all metrics but the busy time and the queue length, in which the kernel has them.
Elsewhere than on Linux there are no disk metrics.
"""

from typing import Final

from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.disks.metrics import METRICS
from paddle_otel.hardware.disks.reading import DisksReading
from paddle_otel.hardware.disks.source import NAME, DiskSource
from paddle_otel.hardware.kind import DeviceKind


def _reported(reading: DisksReading, holds: Holds) -> DisksReading:
    held = tuple(one for one in reading.disks if holds(one.disk.claim))
    return DisksReading(reading.taken, held)


KIND: Final[DeviceKind[DisksReading]] = DeviceKind(
    NAME, lambda settings: DiskSource(settings.disk_paths), METRICS, _reported
)
