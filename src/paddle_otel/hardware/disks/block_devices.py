"""Which of the kernel's block devices are whole disks, each counted once, and which disks are behind a device.

=====================================  ============================================================================
Device                                 Is it a disk here?
=====================================  ============================================================================
``sda``, ``nvme0n1``, ``vda``, …       Yes, and so is whatever else has an entry of its own in ``/sys/block``.
``sda1``                               No: a partition, its requests are those of the disk.
``dm-0``, ``md0``, ``bcache0``,        No if devices lie under it (``slaves``): their requests are counted there. So
``drbd0``                              LVM, encryption, RAID and multipath disks are counted once, on what carries
                                       them.
``nvme0c0n1``                          A path of ``nvme0n1``. Linux counts on both since 6.4: then the disk is taken.
                                       Before, it counted on the paths only: then they are.
``nbd0``, ``rbd0``, iSCSI disks        Yes: what serves them is counted elsewhere.
``loop0``, ``ram0``, ``zram0``         No: files and memory.
``zd0``                                No: a volume of ZFS, whose requests are counted on the disks of its pool.
``sr0``, ``fd0``                       No: drives, most often empty.
size 0 and never a request             No: an empty card reader, an ``nbd`` that is not connected.
=====================================  ============================================================================
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from paddle_otel.hardware.procfs import content_or_none

_NO_DISK: Final = re.compile(r"(?:loop|ram|zram|zd|sr|fd)\d+")
_NVME_PATH: Final = re.compile(r"(nvme\d+)c\d+(n\d+)")


def multipath_disk(name: str) -> str | None:
    """Return the NVMe disk that a device is a path of, ``None`` if it is no path."""
    match = _NVME_PATH.fullmatch(name)
    return match.group(1) + match.group(2) if match else None


class BlockDevices:
    """What ``/sys`` says about block devices; looked up anew at each call.

    Args:
        sys: Where it is.
    """

    def __init__(self, sys: Path = Path("/sys")) -> None:
        self._sys = sys

    def whole_disks(self, requests: Mapping[str, bool]) -> list[str]:
        """Return the devices that are counted, see the table above.

        Args:
            requests: For each device that the kernel counts whether it had any request yet.

        Returns:
            Their names in the given order.

        Raises:
            OSError: There is no list of the whole devices.
        """
        listed = {entry.name for entry in (self._sys / "block").iterdir()}
        doubles = _nvme_doubles(requests)
        return [
            name
            for name, requested in requests.items()
            if _entry(name) in listed and name not in doubles and self._is_disk(name, requested=requested)
        ]

    def disks_behind(self, number: str) -> frozenset[str]:
        """Return the devices at the bottom of a device: a partition's disk, the disks under a volume.

        Args:
            number: The device's number, ``254:1``.

        Returns:
            Their names; empty if there is no such device.
        """
        device = self._device(number)
        return frozenset(_bottom(_real(device))) if device is not None else frozenset()

    def number_of(self, name: str) -> str | None:
        """Return the number of a device or partition by its name."""
        return _first_line(self._sys / "class" / "block" / _entry(name) / "dev")

    def loop_file(self, name: str) -> str | None:
        """Return the file behind a loop device, ``None`` if there is none."""
        return _first_line(self._sys / "block" / _entry(name) / "loop" / "backing_file")

    def btrfs_devices(self, name: str) -> frozenset[str]:
        """Return the names of all devices of the btrfs that a device belongs to, that one alone if it is not known."""
        for file_system in _inside(self._sys / "fs" / "btrfs"):
            members = frozenset(member.name for member in _inside(file_system / "devices"))
            if _entry(name) in members:
                return members
        return frozenset({name})

    def _device(self, number: str) -> Path | None:
        by_number = self._sys / "dev" / "block"
        if _has(by_number, number):
            return by_number / number
        # Podman hides that folder from its containers, not the devices.
        for by_name in _inside(self._sys / "class" / "block"):
            if _first_line(by_name / "dev") == number:
                return by_name
        return None

    def _is_disk(self, name: str, *, requested: bool) -> bool:
        if _NO_DISK.fullmatch(name):
            return False
        folder = self._sys / "block" / _entry(name)
        return not _inside(folder / "slaves") and (requested or _first_line(folder / "size") != "0")


def _bottom(device: Path) -> Iterable[str]:
    ahead, seen = [device], set[Path]()
    while ahead:
        one = ahead.pop()
        disk = one.parent if _has(one, "partition") else one
        if disk in seen:
            continue
        seen.add(disk)
        below = _inside(disk / "slaves")
        if not below:
            yield disk.name.replace("!", "/")
        ahead += map(_real, below)


def _nvme_doubles(requests: Mapping[str, bool]) -> set[str]:
    """Return the NVMe disks or the paths to them, whichever are not to be counted."""
    doubles: set[str] = set()
    for name, requested in requests.items():
        disk = multipath_disk(name)
        if disk is not None and disk in requests:
            counted_on_paths_only = requested and not requests[disk]
            doubles.add(disk if counted_on_paths_only else name)
    return doubles


def _entry(name: str) -> str:
    """Return how ``/sys`` spells a name (``cciss/c0d0``)."""
    return name.replace("/", "!")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises on links in a circle


def _has(folder: Path, name: str) -> bool:
    return os.path.exists(folder / name)  # noqa: PTH110 - Path.exists raises without permission


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # it has none, or went away meanwhile
        return []


def _first_line(path: Path) -> str | None:
    content = content_or_none(path)
    return os.fsdecode(content.partition(b"\n")[0]) if content is not None else None
