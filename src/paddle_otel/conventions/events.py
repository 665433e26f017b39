"""Events (OpenTelemetry logs with a name)."""

from typing import Final

GPU_XID: Final = "paddle.gpu.xid"
DISK_HEALTH: Final = "paddle.disk.health"
USAGE: Final = "paddle.usage"
BUDGET_EXCEEDED: Final = "paddle.budget.exceeded"
BUDGET_THRESHOLD: Final = "paddle.budget.threshold"
MEMORY_PRESSURE: Final = "paddle.memory.pressure"
BOTTLENECK: Final = "paddle.bottleneck"
