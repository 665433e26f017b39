"""What the tests of GPUs do with a source again and again."""

from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource


def read(source: NvmlSource) -> tuple[GpuReading, ...]:
    """Return the readings of a source that has NVML."""
    readings = source.read()
    assert readings is not None
    return readings


def read_one(source: NvmlSource) -> GpuReading:
    """Return the reading of the only GPU."""
    (reading,) = read(source)
    return reading


def read_by_uuid(source: NvmlSource) -> dict[str, GpuReading]:
    """Return the readings by UUID, each once."""
    readings = read(source)
    by_uuid = {reading.identity.uuid: reading for reading in readings}
    assert len(by_uuid) == len(readings)
    return by_uuid
