"""Which metrics the readings of the container become."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import host
from paddle_otel.hardware.container.reading import ContainerReading
from paddle_otel.hardware.kind import ObservedMetric
from paddle_otel.hardware.points import NO_ATTRIBUTES, shown

_USER: Final = {a.CPU_MODE: a.CPU_USER}
_SYSTEM: Final = {a.CPU_MODE: a.CPU_SYSTEM}

METRICS: Final[tuple[ObservedMetric[ContainerReading], ...]] = (
    shown(host.CONTAINER_MEMORY_USAGE, lambda reading: [(reading.memory_usage, NO_ATTRIBUTES)]),
    shown(host.CONTAINER_MEMORY_LIMIT, lambda reading: [(reading.memory_limit, NO_ATTRIBUTES)]),
    shown(host.CONTAINER_MEMORY_AVAILABLE, lambda reading: [(reading.memory_available, NO_ATTRIBUTES)]),
    shown(host.CONTAINER_CPU_LIMIT, lambda reading: [(reading.cpu_limit, NO_ATTRIBUTES)]),
    shown(host.CONTAINER_CPU_TIME, lambda reading: [(reading.cpu_user, _USER), (reading.cpu_system, _SYSTEM)]),
    shown(host.CONTAINER_CPU_THROTTLED_TIME, lambda reading: [(reading.cpu_throttled, NO_ATTRIBUTES)]),
)
