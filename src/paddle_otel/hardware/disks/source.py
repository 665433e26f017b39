"""All disks of the machine, and those that come and go."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.disks.block_devices import BlockDevices
from paddle_otel.hardware.disks.data_disks import DataDisks
from paddle_otel.hardware.disks.diskstats import SIZE_LIMIT, Line, counters, lines_by_name, numbers
from paddle_otel.hardware.disks.reading import Disk, DiskReading, DisksReading
from paddle_otel.hardware.disks.totals import Totals
from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.procfs import KernelFile

NAME: Final = "disks"

LOOK_AGAIN: Final = 60.0
"""Seconds after which it is looked again which devices are disks, and which of them are behind the named paths; at once
when a device comes or goes."""
MOST_DISKS: Final = 1024
"""Disks that are read; each has a dozen series."""

_LONGEST_NAME: Final = 64  # twice the kernel's own limit
_LONGEST_NUMBER: Final = 10


class DiskSource:
    """Reads the kernel's counters of every disk.

    Args:
        data_paths: Paths whose disks are marked, separated as in ``PATH``.
        root: Where ``proc`` and ``sys`` are.
        clock: Seconds of a monotonic clock.
        log: Where trouble is said, each line once.
    """

    def __init__(
        self,
        data_paths: str = "",
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
        log: OnceLog | None = None,
    ) -> None:
        self._clock = clock
        self._log = log or OnceLog()
        self._file = KernelFile(
            root / "proc" / "diskstats",
            self._log,
            "all metrics of disks",
            longest=SIZE_LIMIT,
        )
        self._devices = BlockDevices(root / "sys")
        self._data_disks = DataDisks(data_paths, self._devices, root / "proc" / "self" / "mountinfo", self._log)
        self._followed: dict[bytes, _FollowedDisk] = {}
        self._disks: tuple[bytes, ...] = ()
        self._names: frozenset[bytes] = frozenset()
        self._due = 0.0

    @property
    def name(self) -> str:
        """``disks``."""
        return NAME

    def read(self) -> DisksReading | None:
        """Return what the disks say; ``None`` where the kernel tells nothing about them."""
        if sys.platform != "linux":
            return None
        taken = self._clock()
        content = self._file.read()
        if content is None:
            return None
        lines = lines_by_name(content)
        if lines.keys() != self._names or taken >= self._due:
            try:
                self._look_again(lines)
            except OSError as error:
                self._log.info(
                    "No metrics of disks: which devices are whole disks cannot be told without /sys/block (%s). "
                    "Everything else works. A container has it where sysfs is mounted.",
                    error.strerror or type(error).__name__,
                )
                return None
            self._due = taken + LOOK_AGAIN
        return DisksReading(taken, tuple(self._readings(lines)))

    def close(self) -> None:
        """Forget which devices there are; nothing stays open between two reads."""
        self._names, self._due = frozenset(), 0.0

    def _look_again(self, lines: Mapping[bytes, Line]) -> None:
        """Tell the disks among the kernel's devices.

        Raises:
            OSError: There is no list of the whole devices.
        """
        requests = {
            name.decode(): bool(columns.replace(b" ", b"").strip(b"0"))
            for name, (major, minor, columns) in lines.items()
            if _is_name(name) and _is_number(major) and _is_number(minor)
        }
        names = self._devices.whole_disks(requests)
        if len(names) > MOST_DISKS:
            self._log.warning("This machine has more than %d disks; the others have no metrics.", MOST_DISKS)
            del names[MOST_DISKS:]
        data = self._data_disks.among(names)
        self._disks = tuple(name.encode() for name in names)
        for key, name in zip(self._disks, names, strict=True):
            major, minor, _ = lines[key]
            disk = Disk(name, f"{int(major)}:{int(minor)}", a.DISK_ROLE_DATA if name in data else None)
            self._followed.setdefault(key, _FollowedDisk()).disk = disk
        self._names = frozenset(lines)
        if len(self._followed) > 2 * MOST_DISKS:  # those that went are remembered, but not without end
            self._followed = {key: self._followed[key] for key in self._disks}

    def _readings(self, lines: Mapping[bytes, Line]) -> Iterable[DiskReading]:
        for key in self._disks:
            reading = self._followed[key].read(lines[key][2])
            if reading is not None:
                yield reading
            else:
                self._log.warning(
                    "A line of /proc/diskstats is not as Linux writes it; its disk has no metrics for as long as that "
                    "is so, all others have theirs.",
                )


class _FollowedDisk:
    """One disk from one reading to the next; remembered when it goes, because it may come back."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._disk: Disk | None = None
        self._columns = b""
        self._reading: DiskReading | None = None

    @property
    def disk(self) -> Disk | None:
        """Which disk it is now."""
        return self._disk

    @disk.setter
    def disk(self, disk: Disk) -> None:
        if disk != self._disk:
            self._disk, self._reading = disk, None

    def read(self, columns: bytes) -> DiskReading | None:
        """Return what the columns of its line say, ``None`` if they cannot be true."""
        if self._reading is not None and columns == self._columns:
            return self._reading  # idle: the history holds one object however often it is read
        values = numbers(columns)
        totals = self._totals.total(values) if values is not None else None
        if self._disk is None or totals is None:
            return None
        self._columns, self._reading = columns, DiskReading(self._disk, counters(totals))
        return self._reading


def _is_name(name: bytes) -> bool:
    return len(name) <= _LONGEST_NAME and name.isascii() and name.decode().isprintable()


def _is_number(number: bytes) -> bool:
    return len(number) <= _LONGEST_NUMBER and number.isdigit()
