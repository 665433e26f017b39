"""Which metrics the readings of GPUs become."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import gpu
from paddle_otel.conventions import hardware as hw
from paddle_otel.conventions.metric import Metric
from paddle_otel.hardware.kind import ObservedMetric, Point, Window
from paddle_otel.hardware.nvml.means import mean_of, means_of
from paddle_otel.hardware.nvml.reading import GpuReading, Traffic

Gpus = tuple[GpuReading, ...]
Label = tuple[str, str | int]

_IS_GPU: Final = (a.HW_TYPE, a.HW_TYPE_GPU)
_GENERAL: Final = (a.HW_GPU_TASK, a.GPU_TASK_GENERAL)
_STATES: Final = (a.STATE_OK, a.STATE_DEGRADED, a.STATE_PREDICTED_FAILURE, a.STATE_FAILED)


def _per_gpu(
    metric: Metric, value: Callable[[GpuReading], int | float | None], *labels: Label, of_process: bool = False
) -> ObservedMetric[Gpus]:
    """One point per GPU that has the value."""

    def points(window: Window[Gpus]) -> Iterable[Point]:
        for reading in window.now:
            known = value(reading)
            if known is not None:
                yield known, reading.identity.labels(*labels)

    return ObservedMetric(metric, points, of_process)


def _by_name(
    metric: Metric, values: Callable[[GpuReading], Mapping[Any, int | float]], key: str, *labels: Label
) -> ObservedMetric[Gpus]:
    """One point per GPU and name that has a value."""

    def points(window: Window[Gpus]) -> Iterable[Point]:
        for reading in window.now:
            for name, value in values(reading).items():
                yield value, reading.identity.labels((key, name), *labels)

    return ObservedMetric(metric, points)


def _traffic(metric: Metric, traffic: Callable[[GpuReading], Traffic]) -> ObservedMetric[Gpus]:
    """One point per GPU and direction."""

    def values(reading: GpuReading) -> Mapping[str, int]:
        bytes_of = traffic(reading)
        both = {a.DIRECTION_RECEIVE: bytes_of.received, a.DIRECTION_TRANSMIT: bytes_of.transmitted}
        return {direction: number for direction, number in both.items() if number is not None}

    return _by_name(metric, values, a.NETWORK_IO_DIRECTION)


def _status(reading: GpuReading) -> Mapping[str, int]:
    now = reading.status
    return {} if now is None else {state: int(state == now) for state in _STATES}


def _utilizations(window: Window[Gpus]) -> Iterable[Point]:
    yield from mean_of(window, lambda reading: reading.utilization, _GENERAL)
    yield from means_of(window, lambda reading: reading.state.engines, a.HW_GPU_TASK)


def _memory_controller(window: Window[Gpus]) -> Iterable[Point]:
    return mean_of(window, lambda reading: reading.memory_controller)


def _pipes(window: Window[Gpus]) -> Iterable[Point]:
    return means_of(window, lambda reading: reading.pipes, a.PADDLE_GPU_PIPE)


def _temperatures(reading: GpuReading) -> Mapping[str, float]:
    both = {a.SENSOR_LOCATION_GPU: reading.temperature, a.SENSOR_LOCATION_MEMORY: reading.state.memory_temperature}
    return {sensor: degrees for sensor, degrees in both.items() if degrees is not None}


def _temperature_limits(window: Window[Gpus]) -> Iterable[Point]:
    for reading in window.now:
        for (sensor, kind), degrees in reading.health.temperature_limits.items():
            yield degrees, reading.identity.labels((a.HW_SENSOR_LOCATION, sensor), (a.HW_LIMIT_TYPE, kind))


def _fans(window: Window[Gpus]) -> Iterable[Point]:
    for reading in window.now:
        uuid = reading.identity.uuid
        for fan, speed in reading.health.fans.items():
            # A fan is a device of its own in the conventions, and a part of the GPU.
            yield speed, reading.identity.labels((a.HW_ID, f"{uuid}/fan{fan}"), (a.HW_PARENT, uuid))


METRICS: Final[tuple[ObservedMetric[Gpus], ...]] = (
    ObservedMetric(gpu.UTILIZATION, _utilizations),
    ObservedMetric(gpu.MEMORY_CONTROLLER_UTILIZATION, _memory_controller),
    ObservedMetric(gpu.PIPE_UTILIZATION, _pipes),
    _per_gpu(gpu.MEMORY_USAGE, lambda reading: reading.memory_used),
    _per_gpu(gpu.MEMORY_LIMIT, lambda reading: reading.memory_total),
    _per_gpu(gpu.MEMORY_UTILIZATION, lambda reading: reading.memory_utilization),
    _traffic(gpu.IO, lambda reading: reading.state.pcie),
    _traffic(gpu.NVLINK_IO, lambda reading: reading.nvlink),
    _by_name(gpu.NVLINK_LINKS, lambda reading: reading.health.links, a.PADDLE_GPU_LINK_STATE),
    _per_gpu(hw.POWER, lambda reading: reading.power, _IS_GPU),
    _per_gpu(gpu.POWER_LIMIT, lambda reading: reading.health.power_limit),
    _per_gpu(hw.ENERGY, lambda reading: reading.energy, _IS_GPU),
    _by_name(hw.TEMPERATURE, _temperatures, a.HW_SENSOR_LOCATION),
    ObservedMetric(hw.TEMPERATURE_LIMIT, _temperature_limits),
    _by_name(gpu.CLOCK_FREQUENCY, lambda reading: reading.state.clocks, a.PADDLE_GPU_CLOCK_DOMAIN),
    _by_name(gpu.CLOCK_LIMIT, lambda reading: reading.health.clock_limits, a.PADDLE_GPU_CLOCK_DOMAIN),
    _by_name(gpu.THROTTLE_TIME, lambda reading: reading.throttle_time, a.PADDLE_GPU_THROTTLE_REASON),
    _by_name(gpu.THROTTLE_ACTIVE, lambda reading: reading.throttle_active, a.PADDLE_GPU_THROTTLE_REASON),
    _per_gpu(gpu.PERFORMANCE_STATE, lambda reading: reading.state.performance_state),
    _per_gpu(gpu.PCIE_LINK_GENERATION, lambda reading: reading.state.pcie_generation),
    _per_gpu(gpu.PCIE_LINK_WIDTH, lambda reading: reading.state.pcie_width),
    ObservedMetric(hw.FAN_SPEED_RATIO, _fans),
    _by_name(hw.ERRORS, lambda reading: reading.health.errors, a.ERROR_TYPE, _IS_GPU),
    _by_name(hw.STATUS, _status, a.HW_STATE, _IS_GPU),
    _by_name(gpu.XID_LAST_TIMESTAMP, lambda reading: reading.xid_times, a.PADDLE_GPU_XID),
    _per_gpu(gpu.PROCESS_MEMORY_USAGE, lambda reading: reading.process and reading.process.memory, of_process=True),
    _per_gpu(gpu.PROCESS_UTILIZATION, lambda reading: reading.process and reading.process.utilization, of_process=True),
)
