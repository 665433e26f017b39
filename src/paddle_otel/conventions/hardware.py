"""Metrics of the hardware, with the instrument types of the hardware conventions (semconv v1.44)."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

_GPU: Final = (a.HW_ID, a.HW_NAME, a.HW_MODEL, a.HW_VENDOR, a.HW_DRIVER_VERSION)

GPU_UTILIZATION: Final = Metric(
    "hw.gpu.utilization",
    "observable_gauge",
    "1",
    "Share of the driver's last sample period (at most one second) in which the GPU ran at least one kernel.",
    (*_GPU, a.HW_GPU_TASK),
)
GPU_MEMORY_USAGE: Final = Metric("hw.gpu.memory.usage", "observable_up_down_counter", "By", "GPU memory in use.", _GPU)
GPU_MEMORY_LIMIT: Final = Metric("hw.gpu.memory.limit", "observable_up_down_counter", "By", "GPU memory in all.", _GPU)
GPU_MEMORY_UTILIZATION: Final = Metric(
    "hw.gpu.memory.utilization", "observable_gauge", "1", "Share of the GPU memory in use.", _GPU
)
POWER: Final = Metric("hw.power", "observable_gauge", "W", "Power the device draws.", (*_GPU, a.HW_TYPE))
ENERGY: Final = Metric(
    "hw.energy",
    "observable_counter",
    "J",
    "Energy the device has used since its driver was loaded.",
    (*_GPU, a.HW_TYPE),
)
TEMPERATURE: Final = Metric(
    "hw.temperature",
    "observable_gauge",
    "Cel",
    "Temperature of a sensor of the device.",
    (*_GPU, a.HW_SENSOR_LOCATION),
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
