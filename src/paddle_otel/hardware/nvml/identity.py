"""Who a GPU is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paddle_otel.conventions import attributes as a

Labels = Mapping[str, str | int]
"""Attributes of a metric's point; shared by many points, so never to be changed."""


@dataclass(frozen=True, slots=True)
class GpuIdentity:
    """Who a GPU, or a part of one that MIG made, is; does not change while its driver is loaded.

    Attributes:
        uuid: NVML's UUID, ``GPU-…`` or ``MIG-…``. An index is no identity: it changes with the next boot.
        name: Product name.
        driver_version: Version of the driver.
        firmware_version: Version of the VBIOS.
        serial_number: Serial number of the board.
        parent: UUID of the GPU that a MIG instance is a part of.
        mig_instance_id: The MIG instance's GPU instance, a number on its GPU.
        index: Where NVML lists the GPU at present.
        bus_id: PCI bus id, in NVML's form.
        attributes: What of the above are attributes of a metric.
    """

    uuid: str
    name: str | None
    driver_version: str | None
    firmware_version: str | None = None
    serial_number: str | None = None
    parent: str | None = None
    mig_instance_id: int | None = None
    index: int | None = field(default=None, compare=False)
    bus_id: str | None = field(default=None, compare=False)
    attributes: Labels = field(init=False, repr=False, compare=False)
    _labels: dict[object, Labels] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known: dict[str, str | int | None] = {
            a.HW_ID: self.uuid,
            a.HW_NAME: self.name,
            a.HW_MODEL: self.name,
            a.HW_VENDOR: a.HW_VENDOR_NVIDIA,
            a.HW_SERIAL_NUMBER: self.serial_number,
            a.HW_DRIVER_VERSION: self.driver_version,
            a.HW_FIRMWARE_VERSION: self.firmware_version,
            a.HW_PARENT: self.parent,
            a.PADDLE_GPU_MIG_INSTANCE_ID: self.mig_instance_id,
        }
        attributes = {key: value for key, value in known.items() if value is not None}
        object.__setattr__(self, "attributes", attributes)
        object.__setattr__(self, "_labels", {})

    def labels(self, *extra: tuple[str, str | int]) -> Labels:
        """Return the attributes with others added; made once, because every collection wants the same again."""
        labels = self._labels.get(extra)
        if labels is None:
            labels = self._labels[extra] = {**self.attributes, **dict(extra)}
        return labels
