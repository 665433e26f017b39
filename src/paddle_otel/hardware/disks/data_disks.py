"""The disks behind the paths that the user names."""

import contextlib
import os
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from paddle_otel.hardware.disks.block_devices import BlockDevices, multipath_disk
from paddle_otel.hardware.disks.mounts import Mount, MountTable, Untold
from paddle_otel.hardware.once_log import OnceLog

_LAYERS: Final = 128
"""Folders of an overlay that are looked at."""


class DataDisks:
    """Finds the disks of some paths, as far as this process can see them.

    - Partitions, LVM, encryption, RAID and loop files are looked through, to all disks under them.
    - btrfs has several devices, all of them are taken.
    - An overlay has the disks of its folders, which a container does not see: name a volume or a bind mount there.
    - Network and memory file systems, FUSE and ZFS have no disk that can be told. Neither is a network file system
      touched, so that one whose server is gone keeps nobody waiting; symbolic links on it are not followed.

    Args:
        paths: The paths, separated as in ``PATH``; relative ones begin at the working directory.
        devices: What lies under what.
        mount_table: The file of the mount table.
        log: Where it is said for which path there is no disk.
    """

    def __init__(self, paths: str, devices: BlockDevices, mount_table: Path, log: OnceLog) -> None:
        self._paths = tuple(path for path in paths.split(os.pathsep) if path)
        self._devices = devices
        self._mount_table = mount_table
        self._log = log

    def among(self, counted: Collection[str]) -> frozenset[str]:
        """Return those of the counted disks that are behind the paths now.

        Mounts may come later and go, so this is asked from time to time.

        Args:
            counted: The names of the disks.
        """
        if not self._paths:
            return frozenset()
        mounts = self._mounts()
        return frozenset[str]().union(*(self._marked(path, mounts, counted) for path in self._paths))

    def _marked(self, path: str, mounts: MountTable, counted: Collection[str]) -> set[str]:
        try:
            mount = mounts.mount_of(_absolute(path))
        except Untold as error:
            reason = str(error)
        else:
            behind = self._behind(mount, mounts, set())
            marked = {name for name in counted if name in behind or multipath_disk(name) in behind}
            if marked:
                return marked
            disks = f" ({', '.join(sorted(behind))} is not counted as a disk)" if behind else ""
            reason = f"it is on {mount.kind}{disks}"
        self._log.info(
            "The disk of %s (PADDLE_OTEL_DISK_PATHS) cannot be told: %s. Its metrics are there, but not marked as the "
            "data's. This is looked up again every minute.",
            path,
            reason,
        )
        return set()

    def _mounts(self) -> MountTable:
        try:
            return MountTable(self._mount_table.read_text("utf-8", "surrogateescape"))
        except OSError:
            return MountTable("")

    def _behind(self, mount: Mount, mounts: MountTable, seen: set[str]) -> frozenset[str]:
        """Return the disks of a file system.

        Args:
            mount: The file system.
            mounts: All file systems.
            seen: The mounts that were looked at before; they have no other disks.
        """
        if mount.id in seen:
            return frozenset()
        seen.add(mount.id)
        if mount.kind == "overlay":
            folders = [mount.option("upperdir") or "", *(mount.option("lowerdir") or "").split(":")]
            return self._behind_files(folders[:_LAYERS], mounts, seen)
        disks = self._devices.disks_behind(mount.number) if mount.has_device else self._behind_source(mount)
        files = {disk: self._devices.loop_file(disk) for disk in disks}
        return frozenset(disk for disk, file in files.items() if file is None) | self._behind_files(
            [file for file in files.values() if file is not None], mounts, seen
        )

    def _behind_files(self, files: Iterable[str], mounts: MountTable, seen: set[str]) -> frozenset[str]:
        """Return the disks of the files and folders that a file system is made of."""
        disks: set[str] = set()
        for file in files:
            if file.startswith("/"):
                with contextlib.suppress(Untold):  # of the host, seen from a container
                    disks |= self._behind(mounts.mount_of(file), mounts, seen)
        return frozenset(disks)

    def _behind_source(self, mount: Mount) -> frozenset[str]:
        """Return the disks of a file system without a device number, by the device that the mount table names."""
        if not mount.local or not mount.source.startswith("/dev/"):
            return frozenset()
        name = Path(os.path.realpath(mount.source)).name
        members = self._devices.btrfs_devices(name) if mount.kind == "btrfs" else {name}
        numbers = {self._devices.number_of(member) for member in members} | {_number_of_node(mount.source)}
        return frozenset[str]().union(*(self._devices.disks_behind(number) for number in numbers if number))


def _absolute(path: str) -> str:
    """Return a path from the root on; its ``..`` stay, because they may follow a symbolic link."""
    if path.startswith("/"):
        return path
    try:
        return str(Path.cwd() / path)
    except OSError as error:
        raise Untold(f"the working directory is gone ({error.strerror})") from None


def _number_of_node(path: str) -> str | None:
    """Return the number of the device that a file in ``/dev`` stands for, ``None`` if it is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if stat.S_ISBLK(status.st_mode) else None
