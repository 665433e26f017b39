"""What one GPU said about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from paddle_otel.conventions import attributes as a


@dataclass(frozen=True, slots=True)
class GpuIdentity:
    """Who a GPU is; does not change while its driver is loaded.

    Attributes:
        uuid: NVML's UUID, ``GPU-…``. An index is no identity: it changes with the next boot.
        name: Product name.
        driver_version: Version of the driver.
        attributes: The above as attributes of a metric.
    """

    uuid: str
    name: str | None
    driver_version: str | None
    attributes: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = {
            a.HW_ID: self.uuid,
            a.HW_NAME: self.name,
            a.HW_MODEL: self.name,
            a.HW_VENDOR: a.HW_VENDOR_NVIDIA,
            a.HW_DRIVER_VERSION: self.driver_version,
        }
        attributes = MappingProxyType({key: value for key, value in known.items() if value is not None})
        object.__setattr__(self, "attributes", attributes)


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment; ``None`` is what it did not say.

    Attributes:
        identity: Which GPU.
        utilization: Share (0 to 1) of the driver's last sample period in which a kernel ran.
        memory_used: Memory in use, bytes. Without what the driver reserves for itself where the driver tells
            (NVML's second version of this call), with it on older drivers.
        memory_total: Memory in all, bytes.
        power: Power now, W; on drivers that only know the mean of the last second, that.
        energy: Energy since the driver was loaded, J.
        temperature: Of the GPU's core, degrees Celsius.
    """

    identity: GpuIdentity
    utilization: float | None
    memory_used: int | None
    memory_total: int | None
    power: float | None
    energy: float | None
    temperature: float | None

    @property
    def memory_utilization(self) -> float | None:
        """Share (0 to 1) of the memory that is in use."""
        if self.memory_used is None or not self.memory_total:
            return None
        return self.memory_used / self.memory_total

    @property
    def blank(self) -> bool:
        """Whether the GPU said nothing at all."""
        values = (self.utilization, self.memory_used, self.memory_total, self.power, self.energy, self.temperature)
        return all(value is None for value in values)
