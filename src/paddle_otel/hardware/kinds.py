"""Every kind of device that is sampled, in the order in which it is read."""

from typing import Any, Final

from paddle_otel.hardware import container, disks, host, nvml, pressure, process, smart
from paddle_otel.hardware.kind import DeviceKind

KINDS: Final[tuple[DeviceKind[Any], ...]] = (
    nvml.KIND,
    disks.KIND,
    host.KIND,
    container.KIND,
    pressure.KIND,
    process.KIND,
    smart.KIND,
)
