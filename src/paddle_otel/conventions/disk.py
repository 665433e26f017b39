"""Metrics of disks (system and hardware conventions, semconv v1.44)."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

_DISK: Final = (a.SYSTEM_DEVICE, a.PADDLE_DISK_ROLE)
_DIRECTED: Final = (*_DISK, a.DISK_IO_DIRECTION)
_PHYSICAL_DISK: Final = (
    *(a.HW_ID, a.HW_NAME, a.HW_MODEL, a.HW_VENDOR, a.HW_SERIAL_NUMBER, a.HW_FIRMWARE_VERSION),
    *(a.HW_PHYSICAL_DISK_TYPE, a.SYSTEM_DEVICE),
)

IO: Final = Metric("system.disk.io", "observable_counter", "By", "Bytes read and written.", _DIRECTED)
OPERATIONS: Final = Metric(
    "system.disk.operations", "observable_counter", "{operation}", "Reads and writes completed.", _DIRECTED
)
MERGED: Final = Metric(
    "system.disk.merged",
    "observable_counter",
    "{operation}",
    "Reads and writes that were merged with a neighbouring one.",
    _DIRECTED,
)
IO_TIME: Final = Metric(
    "system.disk.io_time", "observable_counter", "s", "Time in which the disk had at least one request.", _DISK
)
OPERATION_TIME: Final = Metric(
    "system.disk.operation_time",
    "observable_counter",
    "s",
    "Time that all reads and writes together took, waiting included.",
    _DIRECTED,
)
UTILIZATION: Final = Metric(
    "paddle.disk.utilization",
    "observable_gauge",
    "1",
    "Share of the time since the last collection in which the disk had a request (iostat's %util).",
    _DISK,
)
AWAIT: Final = Metric(
    "paddle.disk.await",
    "observable_gauge",
    "s",
    "Mean time of the requests since the last collection, waiting included (iostat's r_await and w_await).",
    _DIRECTED,
)
QUEUE_LENGTH: Final = Metric(
    "paddle.disk.queue_length",
    "observable_gauge",
    "{operation}",
    "Mean number of requests in flight since the last collection (iostat's aqu-sz).",
    _DISK,
)
SMART: Final = Metric(
    "hw.physical_disk.smart",
    "observable_gauge",
    "1",
    "Raw value of a S.M.A.R.T. attribute, under its vendor's name or under one that all disks share (media_errors).",
    (*_PHYSICAL_DISK, a.HW_PHYSICAL_DISK_SMART_ATTRIBUTE),
)
ENDURANCE_UTILIZATION: Final = Metric(
    "hw.physical_disk.endurance_utilization",
    "observable_gauge",
    "1",
    "Share of the disk's write endurance that remains.",
    (*_PHYSICAL_DISK, a.HW_PHYSICAL_DISK_STATE),
)
SIZE: Final = Metric("hw.physical_disk.size", "observable_up_down_counter", "By", "Size of the disk.", _PHYSICAL_DISK)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
