"""What one operation is known to have used of a GPU."""

from typing import Final, NamedTuple

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.shared_time import Moment

NANO: Final = 1_000_000_000
"""Nanojoules in a joule, nanoseconds in a second."""


class Stretch(NamedTuple):
    """The time between two samples, and the energy the GPU used in it.

    Attributes:
        start: When the first sample was taken.
        end: When the second was.
        energy: nJ; ``None`` when it is not known.
        estimated: Whether the energy is not the counter's but comes from the power at both ends.
        utilization: Share (0 to 1) of the time in which the GPU was at work, by the second sample; ``None`` when it is
            not known.
    """

    start: Moment
    end: Moment
    energy: int | None
    estimated: bool
    utilization: float | None = None

    @property
    def nanoseconds(self) -> int:
        """How long it is; never 0."""
        return self.end.time - self.start.time


class Account:
    """What one operation is known to have used.

    Args:
        beginning: When it began.
    """

    __slots__ = (
        "_beginning",
        "_busy",
        "_energy",
        "_estimated",
        "_memory_peak",
        "_overlapped",
        "_sampled",
        "_timed",
        "_utilization",
        "_utilization_samples",
        "_withheld",
    )

    def __init__(self, beginning: Moment) -> None:
        self._beginning = beginning
        self._utilization = 0.0
        self._utilization_samples = 0
        self._memory_peak: int | None = None
        self._energy = 0  # nJ: whole numbers, rounded down, cannot add up to more than there was
        self._sampled = 0  # ns
        self._busy = 0  # ns of GPU time; whole numbers for the same reason
        self._timed = 0  # ns for which it is known
        self._overlapped = False
        self._estimated = False
        self._withheld = False

    def began_by(self, time: int) -> bool:
        """Whether the operation had begun at a time."""
        return self._beginning.time <= time

    def note(self, reading: GpuReading) -> None:
        """Note a reading that was taken while the operation ran."""
        if reading.utilization is not None:
            self._utilization += reading.utilization
            self._utilization_samples += 1
        if reading.memory_used is not None:
            self._memory_peak = max(self._memory_peak or 0, reading.memory_used)

    def withhold(self) -> None:
        """State no energy and no GPU time: part of what the GPU said was not this process's."""
        self._withheld = True

    def credit(self, stretch: Stretch, left: int) -> int:
        """Give the operation its part of the energy and GPU time of a stretch at whose end it ran.

        Args:
            stretch: The stretch of time.
            left: What is left of the stretch's energy, nJ.

        Returns:
            Its part, nJ; never more than ``left``.
        """
        since = max(stretch.start, self._beginning)  # in the order of their times
        share = stretch.end.share - since.share
        part = min((stretch.energy or 0) * share // stretch.nanoseconds, left)
        self._energy += part
        if stretch.energy is not None:
            self._sampled += stretch.end.time - since.time
        if stretch.utilization is not None:
            self._busy += int(stretch.utilization * share)
            self._timed += stretch.end.time - since.time
        self._overlapped |= stretch.end.overlap > since.overlap
        self._estimated |= stretch.estimated
        return part

    def attributes(self, uuid: str | None) -> dict[str, AttributeValue]:
        """Return what is known as span attributes.

        Args:
            uuid: The GPU's, if known.
        """
        known: dict[str, AttributeValue] = {}
        if uuid is not None:
            known[a.PADDLE_GPU_IDS] = (uuid,)
        if self._utilization_samples:
            known[a.PADDLE_GPU_UTILIZATION_MEAN] = self._utilization / self._utilization_samples
        if self._memory_peak is not None:
            known[a.PADDLE_GPU_MEMORY_PEAK] = self._memory_peak
        # Nothing at all is no measurement: the counter had not ticked. No GPU that is on uses 0 J.
        if self._energy and not self._withheld:
            known[a.PADDLE_GPU_ENERGY] = self._energy / NANO
            known[a.PADDLE_GPU_ENERGY_METHOD] = self._method
            known[a.PADDLE_GPU_SAMPLED_DURATION] = self._sampled / NANO
        # Of the same time as the energy, or one would be compared with the other.
        if self._busy and not self._withheld and (self._timed == self._sampled or not self._sampled):
            known[a.PADDLE_GPU_TIME] = self._busy / NANO
            known[a.PADDLE_GPU_SAMPLED_DURATION] = self._timed / NANO
        return known

    @property
    def _method(self) -> str:
        if self._estimated:
            return a.ENERGY_POWER_ESTIMATE
        return a.ENERGY_SHARED_SPLIT if self._overlapped else a.ENERGY_EXCLUSIVE
