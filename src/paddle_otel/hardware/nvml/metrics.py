"""Which metrics the readings of GPUs become."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import gpu
from paddle_otel.conventions import hardware as hw
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.kind import ObservedMetric, Point, Window
from paddle_otel.hardware.nvml.reading import GpuReading

Gpus = tuple[GpuReading, ...]


def _per_gpu(
    metric: Metric, value: Callable[[GpuReading], int | float | None], extra: Mapping[str, str] | None = None
) -> ObservedMetric[Gpus]:
    """One point per GPU that has the value."""

    def points(window: Window[Gpus]) -> Iterable[Point]:
        for reading in window.now:
            known = value(reading)
            if known is not None:
                yield known, {**reading.identity.attributes, **(extra or {})}

    return ObservedMetric(metric, points)


_IS_GPU: Final = {a.HW_TYPE: a.HW_TYPE_GPU}

METRICS: Final = (
    _per_gpu(gpu.UTILIZATION, lambda reading: reading.utilization, {a.HW_GPU_TASK: a.GPU_TASK_GENERAL}),
    _per_gpu(gpu.MEMORY_USAGE, lambda reading: reading.memory_used),
    _per_gpu(gpu.MEMORY_LIMIT, lambda reading: reading.memory_total),
    _per_gpu(gpu.MEMORY_UTILIZATION, lambda reading: reading.memory_utilization),
    _per_gpu(hw.POWER, lambda reading: reading.power, _IS_GPU),
    _per_gpu(hw.ENERGY, lambda reading: reading.energy, _IS_GPU),
    _per_gpu(hw.TEMPERATURE, lambda reading: reading.temperature, {a.HW_SENSOR_LOCATION: a.SENSOR_LOCATION_GPU}),
)
