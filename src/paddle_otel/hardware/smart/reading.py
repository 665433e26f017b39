"""What smartctl said about one disk, and about all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.claims import Holds
from paddle_otel.hardware.kind import Event

NAME: Final = "smart"
"""Name of the source, and what the process claims that runs smartctl for all processes of the host."""


@dataclass(frozen=True, slots=True)
class DiskIdentity:
    """Who a disk is.

    Attributes:
        id: The same after a reboot and in another slot.
        device: The kernel's name of it: where its I/O is counted.
        model: Product name.
        vendor: As the disk says it, which only SCSI disks do.
        serial_number: As the disk says it.
        firmware_version: As the disk says it.
        type: ``hdd``, ``ssd`` or ``nvme``.
        attributes: Attributes of metrics that several kinds of devices have.
        disk_attributes: Attributes of metrics that only disks have.
    """

    id: str
    device: str | None
    model: str | None
    vendor: str | None
    serial_number: str | None
    firmware_version: str | None
    type: str | None
    attributes: Mapping[str, str] = field(init=False, repr=False, compare=False)
    disk_attributes: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        common = {
            a.HW_ID: self.id,
            a.HW_MODEL: self.model,
            a.HW_VENDOR: self.vendor,
            a.HW_SERIAL_NUMBER: self.serial_number,
            a.HW_FIRMWARE_VERSION: self.firmware_version,
        }
        disk = {**common, a.HW_PHYSICAL_DISK_TYPE: self.type, a.SYSTEM_DEVICE: self.device}
        object.__setattr__(self, "attributes", _known(common))
        object.__setattr__(self, "disk_attributes", _known(disk))


@dataclass(frozen=True, slots=True)
class Health:
    """What a disk thinks of itself.

    Attributes:
        state: One of the states of ``hw.status``.
        attribute: The value that made it think so, if it tells.
        value: That value.
    """

    state: str
    attribute: str | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class DiskReading:
    """One disk at one moment; ``None`` is what it did not say.

    Attributes:
        identity: Which disk.
        taken: When it answered, seconds of the source's clock.
        wall: The same, ``time.time_ns()``.
        health: Its own judgement of itself.
        values: Its S.M.A.R.T. values by name, see :mod:`paddle_otel.hardware.smart.value_names`.
        temperature: Degrees Celsius.
        size: Bytes.
    """

    identity: DiskIdentity
    taken: float
    wall: int
    health: Health | None
    values: Mapping[str, int]
    temperature: float | None
    size: int | None

    @property
    def blank(self) -> bool:
        """Whether the disk said nothing that only S.M.A.R.T. tells: virtual disks have a size, too."""
        return self.health is None and self.temperature is None and not self.values

    def asleep(self) -> "DiskReading":
        """Return what still holds of a disk that has gone to sleep since: all but its temperature."""
        return replace(self, temperature=None)


class Duty:
    """Whether this process runs smartctl for all processes of the host.

    Attributes:
        held: Whether it reports the disks, as far as it was asked; not before a collection claimed them.
        wanted: Whether anybody has asked for the disks since the last round began: without, no other one begins.
    """

    def __init__(self) -> None:
        self.held = False
        self.wanted = False

    def answer(self, held: bool) -> None:
        """Note what was said to somebody who asked."""
        self.held = self.wanted = held


@dataclass(frozen=True, slots=True)
class SmartReadings:
    """What is known of all disks.

    Attributes:
        duty: Told whether this process reports the disks, as often as that is asked.
        disks: Those that answered.
        events: What became worse; in one reading only.
    """

    duty: Duty = field(compare=False)
    disks: tuple[DiskReading, ...] = ()
    events: tuple[Event, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is known: readings without disks are no success."""
        return bool(self.disks)


def reported(readings: SmartReadings, holds: Holds) -> SmartReadings | None:
    """Return the readings if this process reports the disks, and let the source know whether it does.

    The returned ones have a duty of their own: who keeps them and asks again later does not ask for another round.
    """
    held = holds(NAME)
    readings.duty.answer(held)
    return replace(readings, duty=Duty()) if held else None


def events(readings: SmartReadings) -> Iterable[Event]:
    """Return what became worse."""
    return readings.events


def _known(attributes: Mapping[str, str | None]) -> Mapping[str, str]:
    # A plain one: merging a read-only view into the attributes of each of 200 points takes several times as long.
    return {key: value for key, value in attributes.items() if value is not None}
