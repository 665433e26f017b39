"""Metrics of GPUs."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

_GPU: Final = (
    *(a.HW_ID, a.HW_NAME, a.HW_MODEL, a.HW_VENDOR, a.HW_SERIAL_NUMBER),
    *(a.HW_DRIVER_VERSION, a.HW_FIRMWARE_VERSION, a.HW_PARENT, a.PADDLE_GPU_MIG_INSTANCE_ID),
)

UTILIZATION: Final = Metric(
    "hw.gpu.utilization",
    "observable_gauge",
    "1",
    "Share of the time since the last collection in which the GPU (general) or one of its engines was at work.",
    (*_GPU, a.HW_GPU_TASK),
)
MEMORY_USAGE: Final = Metric("hw.gpu.memory.usage", "observable_up_down_counter", "By", "GPU memory in use.", _GPU)
MEMORY_LIMIT: Final = Metric("hw.gpu.memory.limit", "observable_up_down_counter", "By", "GPU memory in all.", _GPU)
MEMORY_UTILIZATION: Final = Metric(
    "hw.gpu.memory.utilization", "observable_gauge", "1", "Share of the GPU memory in use.", _GPU
)
IO: Final = Metric(
    "hw.gpu.io",
    "observable_counter",
    "By",
    "Bytes over the GPU's PCIe link.",
    (*_GPU, a.NETWORK_IO_DIRECTION),
)
MEMORY_CONTROLLER_UTILIZATION: Final = Metric(
    "paddle.gpu.memory.controller.utilization",
    "observable_gauge",
    "1",
    "Share of the time since the last collection in which GPU memory was read or written.",
    _GPU,
)
POWER_LIMIT: Final = Metric(
    "paddle.gpu.power.limit", "observable_gauge", "W", "Power at which the driver lowers the clocks.", _GPU
)
CLOCK_FREQUENCY: Final = Metric(
    "paddle.gpu.clock.frequency", "observable_gauge", "Hz", "Clock now, by domain.", (*_GPU, a.PADDLE_GPU_CLOCK_DOMAIN)
)
CLOCK_LIMIT: Final = Metric(
    "paddle.gpu.clock.limit",
    "observable_gauge",
    "Hz",
    "Highest clock the GPU can run at, by domain.",
    (*_GPU, a.PADDLE_GPU_CLOCK_DOMAIN),
)
THROTTLE_TIME: Final = Metric(
    "paddle.gpu.throttle.time",
    "observable_counter",
    "s",
    "Time for which clocks were held down, by reason.",
    (*_GPU, a.PADDLE_GPU_THROTTLE_REASON),
)
THROTTLE_ACTIVE: Final = Metric(
    "paddle.gpu.throttle.active",
    "observable_gauge",
    "1",
    "Whether clocks are held down now for this reason: 1 or 0.",
    (*_GPU, a.PADDLE_GPU_THROTTLE_REASON),
)
PCIE_LINK_GENERATION: Final = Metric(
    "paddle.gpu.pcie.link.generation", "observable_gauge", "1", "PCIe generation the link runs at now.", _GPU
)
PCIE_LINK_WIDTH: Final = Metric(
    "paddle.gpu.pcie.link.width", "observable_gauge", "1", "PCIe lanes the link uses now.", _GPU
)
NVLINK_IO: Final = Metric(
    "paddle.gpu.nvlink.io",
    "observable_counter",
    "By",
    "Data bytes over all NVLinks of the GPU.",
    (*_GPU, a.NETWORK_IO_DIRECTION),
)
NVLINK_LINKS: Final = Metric(
    "paddle.gpu.nvlink.links",
    "observable_up_down_counter",
    "{link}",
    "NVLinks of the GPU, by state.",
    (*_GPU, a.PADDLE_GPU_LINK_STATE),
)
PERFORMANCE_STATE: Final = Metric(
    "paddle.gpu.performance_state",
    "observable_gauge",
    "1",
    "Performance state, 0 (fastest) to 15 (slowest).",
    _GPU,
)
PIPE_UTILIZATION: Final = Metric(
    "paddle.gpu.pipe.utilization",
    "observable_gauge",
    "1",
    "Share of its peak at which a part of the GPU worked since the last collection (Hopper and later).",
    (*_GPU, a.PADDLE_GPU_PIPE),
)
XID_LAST_TIMESTAMP: Final = Metric(
    "paddle.gpu.xid.last_timestamp",
    "observable_gauge",
    "s",
    "When the driver last reported this XID error, Unix time.",
    (*_GPU, a.PADDLE_GPU_XID),
)
PROCESS_MEMORY_USAGE: Final = Metric(
    "process.gpu.memory.usage", "observable_up_down_counter", "By", "GPU memory that this process uses.", _GPU
)
PROCESS_UTILIZATION: Final = Metric(
    "process.gpu.utilization", "observable_gauge", "1", "Share of the GPU's multiprocessors this process used.", _GPU
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
