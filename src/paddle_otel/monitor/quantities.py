"""What a monitor notes of a GPU at each sample."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.nvml.reading import GpuReading, GpuState

UNKNOWN: Final = math.nan
"""In a row of values: the GPU did not say."""


@dataclass(frozen=True)
class Quantity:
    """One value of a GPU.

    Attributes:
        name: Its name in statistics and files, with its unit.
        title: How it is shown to people.
        unit: The unit in which it is shown.
        read: Takes it from a reading, ``None`` when it is not known.
        scale: By what it is divided to be shown.
        seldom: Whether the driver is asked for it every ten seconds only.
    """

    name: str
    title: str
    unit: str
    read: Callable[[GpuReading], float | None]
    scale: float = 1.0
    seldom: bool = False


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _clock(domain: str) -> Callable[[GpuReading], float | None]:
    return lambda reading: reading.state.clocks.get(domain)


QUANTITIES: Final = (
    Quantity("utilization_percent", "utilization", "%", lambda reading: _percent(reading.utilization)),
    Quantity("memory_used_bytes", "memory used", "GiB", lambda reading: reading.memory_used, 2**30),
    Quantity("memory_used_percent", "memory used", "%", lambda reading: _percent(reading.memory_utilization)),
    Quantity("memory_controller_percent", "memory traffic", "%", lambda reading: _percent(reading.memory_controller)),
    Quantity("power_watts", "power", "W", lambda reading: reading.power),
    Quantity("temperature_celsius", "temperature", "°C", lambda reading: reading.temperature),
    Quantity(
        "memory_temperature_celsius",
        "memory temperature",
        "°C",
        lambda reading: reading.state.memory_temperature,
        seldom=True,
    ),
    Quantity("sm_clock_hertz", "SM clock", "MHz", _clock(a.CLOCK_SM), 1e6, seldom=True),
    Quantity("memory_clock_hertz", "memory clock", "MHz", _clock(a.CLOCK_MEMORY), 1e6, seldom=True),
)
"""In the order in which they are shown."""


def row_of(reading: GpuReading, state_before: GpuState | None) -> tuple[float, ...]:
    """Return the values of a reading in the order of :data:`QUANTITIES`.

    Args:
        reading: What the GPU said.
        state_before: What it said ten seconds ago or less; said again, it is no new value.
    """
    is_new = reading.state is not state_before
    return tuple(
        UNKNOWN if (quantity.seldom and not is_new) or (value := quantity.read(reading)) is None else float(value)
        for quantity in QUANTITIES
    )
