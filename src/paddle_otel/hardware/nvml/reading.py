"""What one GPU said about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.processes import ProcessUse
from paddle_otel.hardware.nvml.xid import Xid

MOST_POWER: Final = 10_000.0
"""W. No GPU draws as much: a counter of energy that says so is wrong."""
NONE: Final[Mapping[Any, Any]] = MappingProxyType({})
"""No values by name."""


def _none() -> Mapping[Any, Any]:
    return NONE


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes over a link since the counter was first read, or since the driver was loaded before that.

    Attributes:
        received: Into the GPU.
        transmitted: Out of the GPU.
    """

    received: int | None = None
    transmitted: int | None = None


@dataclass(frozen=True, slots=True)
class GpuState:
    """What is asked every ten seconds.

    Attributes:
        engines: Share (0 to 1) of the driver's last sample period in which an engine was at work, by task.
        clocks: Clocks now in Hz, by domain.
        performance_state: 0 (fastest) to 15.
        pcie_generation: Generation at which the PCIe link runs now.
        pcie_width: Lanes it uses now.
        pcie: Bytes over PCIe.
        memory_temperature: Temperature of the memory, degrees Celsius.
    """

    engines: Mapping[str, float] = field(default_factory=_none)
    clocks: Mapping[str, int] = field(default_factory=_none)
    performance_state: int | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    pcie: Traffic = Traffic()
    memory_temperature: float | None = None


@dataclass(frozen=True, slots=True)
class GpuHealth:
    """What changes seldom and is asked every thirty seconds.

    Attributes:
        status: ``ok``, ``degraded`` or ``predicted_failure``; ``None`` when the GPU tells nothing about it.
        errors: Errors counted, by type; never goes back.
        fans: Speed of each fan as a share of its maximum, by the fan's number.
        links: NVLinks, by state.
        power_limit: Power at which the driver lowers the clocks, W.
        temperature_limits: Limits in degrees Celsius, by sensor and kind of limit.
        clock_limits: Highest clocks in Hz, by domain.
    """

    status: str | None = None
    errors: Mapping[str, int] = field(default_factory=_none)
    fans: Mapping[int, float] = field(default_factory=_none)
    links: Mapping[str, int] = field(default_factory=_none)
    power_limit: float | None = None
    temperature_limits: Mapping[tuple[str, str], float] = field(default_factory=_none)
    clock_limits: Mapping[str, int] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU, or one MIG instance, at one moment; ``None`` and missing names are what it did not say.

    Attributes:
        identity: Which GPU.
        utilization: Share (0 to 1) of the driver's last sample period in which a kernel ran.
        memory_used: Memory in use, bytes. Without what the driver reserves for itself where the driver tells
            (NVML's second version of this call), with it on older drivers.
        memory_total: Memory in all, bytes.
        power: Power now, W; on drivers that only know the mean of the last second, that.
        energy: Energy, J: since the driver was loaded when it is first read, and what was used since then; never
            goes back, also where the driver's own counter begins anew.
        energy_breaks: How often the driver's counter began anew or jumped; between two readings that differ in this the
            energy is not known.
        temperature: Of the GPU's core, degrees Celsius.
        memory_controller: Share (0 to 1) of the driver's last sample period in which memory was read or written.
        nvlink: Data bytes over all NVLinks.
        throttle_time: Seconds for which clocks were held down, by reason; never goes back.
        throttle_active: Whether they are held down now, 1 or 0, by reason.
        pipes: Share (0 to 1) of its peak at which a part of the GPU worked since the reading before, by part.
        state: What is asked less often.
        health: What changes seldom.
        process: What this process uses of the GPU, ``None`` when it is not known.
        ordinal: The GPU's CUDA ordinal in this process, ``None`` when it is not known.
        mig: Whether the GPU is split by MIG, or is one of the parts.
        lost: Whether the GPU answers nothing until it is reset; nothing else is known then but ``xids``.
        xids: Errors that the driver reported since the reading before; each is in one reading only.
        xid_times: When each XID error was last reported, Unix time in seconds, by its number.
    """

    identity: GpuIdentity
    utilization: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    power: float | None = None
    energy: float | None = None
    energy_breaks: int = 0
    temperature: float | None = None
    memory_controller: float | None = None
    nvlink: Traffic = Traffic()
    throttle_time: Mapping[str, float] = field(default_factory=_none)
    throttle_active: Mapping[str, int] = field(default_factory=_none)
    pipes: Mapping[str, float] = field(default_factory=_none)
    state: GpuState = GpuState()
    health: GpuHealth = GpuHealth()
    process: ProcessUse | None = None
    ordinal: int | None = None
    mig: bool = False
    lost: bool = False
    xids: tuple[Xid, ...] = ()
    xid_times: Mapping[int, float] = field(default_factory=_none)

    @property
    def memory_utilization(self) -> float | None:
        """Share (0 to 1) of the memory that is in use."""
        if self.memory_used is None or not self.memory_total:
            return None
        return self.memory_used / self.memory_total

    @property
    def status(self) -> str | None:
        """``ok``, ``degraded``, ``predicted_failure`` or ``failed``."""
        return a.STATE_FAILED if self.lost else self.health.status

    @property
    def blank(self) -> bool:
        """Whether the GPU said nothing at all."""
        values = (self.utilization, self.memory_used, self.memory_total, self.power, self.energy, self.temperature)
        return all(value is None for value in values)
