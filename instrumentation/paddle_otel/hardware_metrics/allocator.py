"""Paddle's memory allocator: what it says about itself, by device.

The calls behind this read counters that Paddle keeps in this process's memory anyway. They synchronise nothing, ask no
driver, create no CUDA context and exist in builds without CUDA too (``paddle/phi/core/memory/stats.cc``). How many GPUs
there are would be such a question to the driver, so every number that Paddle has a counter for is looked at, and those
of devices that this process never used stay at zero and are not reported.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from paddle_otel.conventions import allocator as metrics
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric
from paddle_otel.forking import call_in_forked_child
from paddle_otel.hardware import nvml
from paddle_otel.hardware.kind import DeviceKind, ObservedMetric, Point, Window
from paddle_otel.hardware.reporting import SAMPLER
from paddle_otel.sampling.snapshot import Snapshot

NAME: Final = metrics.SOURCE
HOST: Final = "cpu"
MOST_DEVICES: Final = 64
"""More device numbers than Paddle has counters for (16)."""

_BUILDS: Final = (("is_compiled_with_cuda", "gpu"), ("is_compiled_with_xpu", "xpu"))


@dataclass(frozen=True, slots=True)
class AllocatorReading:
    """What the allocator of one device says, bytes.

    Attributes:
        device: As Paddle writes it: ``cpu``, ``gpu:0``.
        allocated: What tensors take.
        reserved: What the allocator holds, free blocks included.
        peak: The most that tensors took, since the start or since the program reset it.
    """

    device: str
    allocated: int
    reserved: int
    peak: int


class _Counters:
    """The functions of a Paddle that is imported.

    Args:
        core: Its module ``paddle.base.core``.

    Raises:
        AttributeError: It is too old, or not imported to its end.
    """

    def __init__(self, core: Any) -> None:
        self._host = (core.host_memory_stat_current_value, core.host_memory_stat_peak_value)
        self._device = (core.device_memory_stat_current_value, core.device_memory_stat_peak_value)
        self._kind = next((kind for build, kind in _BUILDS if getattr(core, build)()), None)
        self._count = self._counted() if self._kind else 0

    def host(self) -> AllocatorReading:
        """Return what the allocator of the host's memory says."""
        return _reading(HOST, self._host, 0)

    def device(self, number: int) -> AllocatorReading:
        """Return what the allocator of a device says."""
        return _reading(f"{self._kind}:{number}", self._device, number)

    def used(self) -> list[int]:
        """Return the numbers of the devices on which this process ever reserved memory."""
        _, peak = self._device
        return [number for number in range(self._count) if peak("Reserved", number) > 0]

    def _counted(self) -> int:
        _, peak = self._device
        counted = 0
        with contextlib.suppress(ValueError):  # Paddle's InvalidArgument: there is no such counter
            while counted < MOST_DEVICES:
                peak("Reserved", counted)
                counted += 1
        return counted


def _reading(device: str, functions: tuple[Any, Any], number: int) -> AllocatorReading:
    current, peak = functions
    return AllocatorReading(
        device, current("Allocated", number), current("Reserved", number), peak("Allocated", number)
    )


def _find_counters() -> _Counters | None:
    """Return the counters of Paddle if the program has imported it; never imports it."""
    paddle = sys.modules.get("paddle")
    if getattr(getattr(paddle, "__spec__", None), "_initializing", False):
        return None
    base = getattr(paddle, "__dict__", {}).get("base")
    try:
        return _Counters(getattr(base, "core", None))
    except AttributeError:
        return None


class Inherited:
    """Whether this process was forked from one that had imported Paddle.

    Paddle's counters have a lock of their own. A thread that the child does not have may have held it during the fork,
    and then a look at the counters would never return, so a child does not look: nothing is worth a program that hangs.
    """

    def __init__(self) -> None:
        self.is_so = False
        call_in_forked_child(self._note)

    def _note(self) -> None:
        self.is_so = "paddle" in sys.modules


class AllocatorSource:
    """Reads the allocator's counters, once the program has imported Paddle.

    Args:
        inherited: Whether Paddle was imported by a process that this one was forked from; then nothing is read.
    """

    def __init__(self, inherited: Inherited) -> None:
        self._inherited = inherited
        self._counters: _Counters | None = None
        self._seen: set[int] = set()

    @property
    def name(self) -> str:
        """``allocator``."""
        return NAME

    def read(self) -> tuple[AllocatorReading, ...] | None:
        """Return what the allocators of the host and of the devices in use say; ``None`` without Paddle of its own."""
        if self._inherited.is_so:
            return None
        if self._counters is None:
            self._counters = _find_counters()
        counters = self._counters
        if counters is None:
            return None
        # Once seen they stay, so that the series goes to zero and does not end when the program resets the peak.
        self._seen.update(counters.used())
        return (counters.host(), *(counters.device(number) for number in sorted(self._seen)))

    def close(self) -> None:
        """Nothing was opened."""


class GpuIds:
    """The UUIDs of the GPUs behind Paddle's names of devices; one that was known once stays, so that series do.

    Args:
        latest: Returns what the sampler saw last.
    """

    def __init__(self, latest: Callable[[], Snapshot | None]) -> None:
        self._latest = latest
        self._attributes: dict[str, dict[str, str]] = {}

    def attributes(self, device: str) -> dict[str, str]:
        """Return the attributes of a device's series."""
        known = self._attributes.get(device)
        if known is not None:
            return known
        uuid = self._uuid(device)
        if uuid is None:
            return {a.PADDLE_DEVICE: device}
        self._attributes[device] = {a.PADDLE_DEVICE: device, a.HW_ID: uuid}
        return self._attributes[device]

    def _uuid(self, device: str) -> str | None:
        snapshot = self._latest() if device.startswith("gpu:") else None
        gpus = nvml.KIND.readings(snapshot) if snapshot is not None else None
        return next((gpu.identity.uuid for gpu in gpus or () if f"gpu:{gpu.ordinal}" == device), None)


def allocator_kind(latest: Callable[[], Snapshot | None]) -> DeviceKind[tuple[AllocatorReading, ...]]:
    """Return the allocator as a kind of device.

    Args:
        latest: Returns what the sampler saw last, for the UUIDs of the GPUs.
    """
    ids, inherited = GpuIds(latest), Inherited()

    def shown(metric: Metric, value: Callable[[AllocatorReading], int]) -> ObservedMetric[tuple[AllocatorReading, ...]]:
        def points(window: Window[tuple[AllocatorReading, ...]]) -> Iterable[Point]:
            return [(value(reading), ids.attributes(reading.device)) for reading in window.now]

        return ObservedMetric(metric, points, of_process=True)

    return DeviceKind(
        NAME,
        lambda _: AllocatorSource(inherited),
        (
            shown(metrics.ALLOCATED, lambda reading: reading.allocated),
            shown(metrics.RESERVED, lambda reading: reading.reserved),
            shown(metrics.PEAK, lambda reading: reading.peak),
        ),
    )


KIND: Final = allocator_kind(SAMPLER.latest)
"""The allocator of the Paddle in this process."""
