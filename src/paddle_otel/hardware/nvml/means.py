"""Means over all samples between two collections, so that a burst between them is not missed.

Each sample weighs the same: NVML's shares are averages over the time before the sample already.
"""

from collections.abc import Callable, Iterable, Mapping

from paddle_otel.hardware.kind import Point, Window
from paddle_otel.hardware.nvml.reading import GpuReading

Gpus = tuple[GpuReading, ...]


def mean_of(
    window: Window[Gpus], value: Callable[[GpuReading], float | None], *labels: tuple[str, str | int]
) -> Iterable[Point]:
    """Return the mean of a value for each GPU that has it now.

    Args:
        window: Between which collections.
        value: The value in a reading.
        labels: Attributes to add.
    """
    samples = window.samples()
    for reading in window.now:
        if value(reading) is not None:
            uuid = reading.identity.uuid
            known = [number for one in _of_gpu(samples, uuid) if (number := value(one)) is not None]
            yield _mean(known), reading.identity.labels(*labels)


def means_of(window: Window[Gpus], values: Callable[[GpuReading], Mapping[str, float]], key: str) -> Iterable[Point]:
    """Return the means of values that have names, for each GPU and name that has one now.

    Args:
        window: Between which collections.
        values: The values in a reading, by name.
        key: The attribute that holds the name.
    """
    samples = window.samples()
    for reading in window.now:
        now = values(reading)
        if now:
            before = [values(one) for one in _of_gpu(samples, reading.identity.uuid)]
            for name in now:
                known = [one[name] for one in before if name in one]
                yield _mean(known), reading.identity.labels((key, name))


def _of_gpu(samples: Iterable[Gpus], uuid: str) -> Iterable[GpuReading]:
    for gpus in samples:
        for reading in gpus:
            if reading.identity.uuid == uuid:
                yield reading
                break


def _mean(known: list[float]) -> float:
    return sum(known) / len(known)
