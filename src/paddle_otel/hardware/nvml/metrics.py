"""Which metrics the readings of GPUs become."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import hardware as hw
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.kind import ObservedMetric, Point
from paddle_otel.hardware.nvml.reading import GpuReading

Gpus = tuple[GpuReading, ...]


def _per_gpu(
    metric: Metric, value: Callable[[GpuReading], int | float | None], extra: Mapping[str, str] | None = None
) -> ObservedMetric[Gpus]:
    """One point per GPU that has the value."""

    def points(gpus: Gpus) -> Iterable[Point]:
        for gpu in gpus:
            known = value(gpu)
            if known is not None:
                yield known, {**gpu.identity.attributes, **(extra or {})}

    return ObservedMetric(metric, points)


_IS_GPU: Final = {a.HW_TYPE: a.HW_TYPE_GPU}

METRICS: Final = (
    _per_gpu(hw.GPU_UTILIZATION, lambda gpu: gpu.utilization, {a.HW_GPU_TASK: a.GPU_TASK_GENERAL}),
    _per_gpu(hw.GPU_MEMORY_USAGE, lambda gpu: gpu.memory_used),
    _per_gpu(hw.GPU_MEMORY_LIMIT, lambda gpu: gpu.memory_total),
    _per_gpu(hw.GPU_MEMORY_UTILIZATION, lambda gpu: gpu.memory_utilization),
    _per_gpu(hw.POWER, lambda gpu: gpu.power, _IS_GPU),
    _per_gpu(hw.ENERGY, lambda gpu: gpu.energy, _IS_GPU),
    _per_gpu(hw.TEMPERATURE, lambda gpu: gpu.temperature, {a.HW_SENSOR_LOCATION: a.SENSOR_LOCATION_GPU}),
)
