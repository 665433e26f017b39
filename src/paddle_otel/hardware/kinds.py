"""Every kind of device that is sampled, in the order in which it is read."""

from typing import Any, Final

from paddle_otel.hardware import nvml
from paddle_otel.hardware.kind import DeviceKind

KINDS: Final[tuple[DeviceKind[Any], ...]] = (nvml.KIND,)
