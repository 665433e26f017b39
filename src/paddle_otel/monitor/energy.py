"""The energy a GPU used between two samples."""

from typing import Final, Literal, NamedTuple

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.monotonic import SHORTEST
from paddle_otel.hardware.nvml.reading import MOST_POWER, GpuReading

EnergyMethod = Literal["counter", "power_estimate", "mixed"]
"""From the driver's counter; from the power at the samples, where the GPU has no counter; or both."""

COUNTER: Final = "counter"
POWER_ESTIMATE: Final = a.ENERGY_POWER_ESTIMATE


class Stretch(NamedTuple):
    """The energy between two samples.

    Attributes:
        joules: How much.
        seconds: In which time.
        method: How it is known.
    """

    joules: float
    seconds: float
    method: Literal["counter", "power_estimate"]


def between(before: GpuReading, now: GpuReading, seconds: float) -> Stretch | None:
    """Return the energy between two readings, ``None`` where it cannot be told.

    Args:
        before: The earlier one.
        now: The later one.
        seconds: The time between them.
    """
    if seconds <= 0:
        return None
    if before.energy is not None and now.energy is not None:
        joules = now.energy - before.energy
        if before.energy_breaks != now.energy_breaks or not 0 <= joules <= MOST_POWER * max(seconds, SHORTEST):
            return None  # the driver's counter began anew meanwhile, or jumped
        return Stretch(joules, seconds, COUNTER)
    if before.energy is None and now.energy is None and before.power is not None and now.power is not None:
        return Stretch((before.power + now.power) / 2 * seconds, seconds, POWER_ESTIMATE)
    return None
