"""What the disks said at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from paddle_otel.conventions import attributes as a


@dataclass(frozen=True, slots=True)
class Disk:
    """One whole disk.

    Attributes:
        name: The kernel's name, ``nvme0n1``. Which disk has it may change with the next boot.
        number: Its device number, ``259:0``.
        role: What it is for, ``data`` for a disk behind a path that the user named; ``None`` if nobody said.
        attributes: The above as attributes of a metric.
        read: The same with the direction of reads.
        write: The same with the direction of writes.
        claim: Its name among the processes of the host.
    """

    name: str
    number: str
    role: str | None = None
    attributes: Mapping[str, str] = field(init=False, repr=False, compare=False)
    read: Mapping[str, str] = field(init=False, repr=False, compare=False)
    write: Mapping[str, str] = field(init=False, repr=False, compare=False)
    claim: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        attributes = {a.SYSTEM_DEVICE: self.name}
        if self.role is not None:
            attributes[a.PADDLE_DISK_ROLE] = self.role
        object.__setattr__(self, "attributes", attributes)
        object.__setattr__(self, "read", {**attributes, a.DISK_IO_DIRECTION: a.DISK_READ})
        object.__setattr__(self, "write", {**attributes, a.DISK_IO_DIRECTION: a.DISK_WRITE})
        object.__setattr__(self, "claim", f"disk-{self.number.replace(':', '-')}")


class Counters(NamedTuple):
    """The kernel's counters of one disk; ``None`` is what it does not count.

    A sector is 512 bytes here, whatever the disk's own are. Times are milliseconds.

    Attributes:
        reads: Reads completed.
        reads_merged: Reads that were merged with a neighbouring one before they reached the disk.
        sectors_read: Sectors read.
        read_time: Time that all reads together took, waiting included.
        writes: Writes completed.
        writes_merged: Writes that were merged with a neighbouring one.
        sectors_written: Sectors written.
        write_time: Time that all writes together took, waiting included.
        io_time: Time in which the disk had at least one request.
        weighted_time: The same, each moment times the number of requests in flight.
    """

    reads: int
    reads_merged: int | None
    sectors_read: int
    read_time: int | None
    writes: int
    writes_merged: int | None
    sectors_written: int
    write_time: int | None
    io_time: int | None
    weighted_time: int | None


@dataclass(frozen=True, slots=True)
class DiskReading:
    """One disk at one moment.

    Attributes:
        disk: Which disk.
        counters: What it has done since it came, by counters that never go back.
    """

    disk: Disk
    counters: Counters


@dataclass(frozen=True, slots=True)
class DisksReading:
    """All disks at one moment.

    Attributes:
        taken: When the kernel was asked, seconds of the source's monotonic clock. Rates go by this and not by the
            beginning of the sampler's pass, in which slower devices may be asked first.
        disks: What each disk said.
    """

    taken: float
    disks: tuple[DiskReading, ...]
