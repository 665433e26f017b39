"""Events (OpenTelemetry logs with a name)."""

from typing import Final

GPU_XID: Final = "paddle.gpu.xid"
DISK_HEALTH: Final = "paddle.disk.health"
