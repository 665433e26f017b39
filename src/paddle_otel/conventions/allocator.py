"""Metrics of Paddle's memory allocator."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

SOURCE: Final = "allocator"
"""The name under which the sampler has its readings."""

_DEVICE: Final = (a.PADDLE_DEVICE, a.HW_ID)

ALLOCATED: Final = Metric(
    "paddle.memory.allocated",
    "observable_up_down_counter",
    "By",
    "Memory that this process's tensors take, by device.",
    _DEVICE,
)
RESERVED: Final = Metric(
    "paddle.memory.reserved",
    "observable_up_down_counter",
    "By",
    "Memory that Paddle's allocator holds in this process, free blocks included, by device.",
    _DEVICE,
)
PEAK: Final = Metric(
    "paddle.memory.peak",
    "observable_up_down_counter",
    "By",
    "Most memory that this process's tensors ever took, by device.",
    _DEVICE,
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
