"""A machine's ``/proc`` and ``/sys`` as far as they tell about disks, in a folder."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from paddle_otel.hardware.disks.reading import DiskReading
from paddle_otel.hardware.disks.source import DiskSource

Marked = Callable[..., set[str]]
"""Tells which disks are marked as those of the data at some paths."""
Lines = Callable[[], list[str]]
"""Tells what was logged so far."""

IDLE = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
USED = "100 1 800 40 200 2 1600 80 0 110 120 0 0 0 0 0 0"


class FakeDisks:
    """The files of a machine without disks; a test adds and removes them.

    Args:
        root: An empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sys = root / "sys"
        self.diskstats = root / "proc" / "diskstats"
        self.mountinfo = root / "proc" / "self" / "mountinfo"
        self._lines: dict[str, str] = {}
        self._mounts: list[str] = []
        for folder in (
            self.sys / "block",
            self.sys / "dev" / "block",
            self.sys / "class" / "block",
            self.sys / "devices",
            self.mountinfo.parent,
        ):
            folder.mkdir(parents=True)
        self.write()

    def add(
        self, name: str, number: str, columns: str = USED, *, on: Iterable[str] = (), size: int | None = 4096
    ) -> Path:
        """Add a whole device on top of others; return its folder in ``/sys``."""
        folder = self.sys / "devices" / name.replace("/", "!")
        (folder / "slaves").mkdir(parents=True)
        for lower in on:
            (folder / "slaves" / lower).symlink_to(os.path.realpath(self.sys / "class" / "block" / lower))
        if size is not None:
            (folder / "size").write_text(f"{size}\n")
        self._link(folder, number)
        (self.sys / "block" / folder.name).symlink_to(folder)
        self.set(name, number, columns)
        return folder

    def add_partition(self, disk: str, name: str, number: str, columns: str = USED) -> None:
        """Add a partition of a disk."""
        folder = self.sys / "devices" / disk.replace("/", "!") / name.replace("/", "!")
        folder.mkdir()
        (folder / "partition").write_text("1\n")
        self._link(folder, number)
        self.set(name, number, columns)

    def set(self, name: str, number: str, columns: str) -> None:
        """Have the kernel count something else on a device."""
        self._lines[name] = f"{number.replace(':', ' ')} {name} {columns}"
        self.write()

    def remove(self, name: str) -> None:
        """Take a device away; its folder in ``/sys`` stays behind, which the kernel's list no longer leads to."""
        del self._lines[name]
        (self.sys / "block" / name.replace("/", "!")).unlink(missing_ok=True)
        self.write()

    def bring_back(self, name: str, number: str, columns: str) -> None:
        """Let a device that was removed appear again."""
        (self.sys / "block" / name).symlink_to(self.sys / "devices" / name)
        self.set(name, number, columns)

    def write(self, more: bytes = b"") -> None:
        """Write the kernel's counters, and something else behind them, in one step."""
        new = self.diskstats.with_suffix(".new")
        new.write_bytes("".join(f" {line}\n" for line in self._lines.values()).encode() + more)
        new.replace(self.diskstats)

    def mount(self, point: str, number: str, kind: str, source: str, options: str = "rw") -> None:
        """Mount a file system on the one that is mounted last at the longest beginning of this path."""
        escaped = str(point).replace("\\", "\\134").replace(" ", "\\040")
        parent = 1
        for index, line in enumerate(self._mounts):
            above = line.split(" ")[4].replace("\\040", " ").replace("\\134", "\\")
            if above == point or point.startswith(above.rstrip("/") + "/"):
                parent = index + 20
        line = (
            f"{len(self._mounts) + 20} {parent} {number} / {escaped} rw,relatime shared:1 - {kind} {source} {options}"
        )
        self._mounts.append(line)
        self.mountinfo.write_text("".join(f"{one}\n" for one in self._mounts))

    def unmount_all(self) -> None:
        """Empty the mount table."""
        self._mounts.clear()
        self.mountinfo.write_text("")

    def _link(self, folder: Path, number: str) -> None:
        (folder / "dev").write_text(f"{number}\n")
        (self.sys / "dev" / "block" / number).symlink_to(folder)
        (self.sys / "class" / "block" / folder.name).symlink_to(folder)


def readings(source: DiskSource) -> dict[str, DiskReading]:
    """Read once; return what each disk said, by its name."""
    reading = source.read()
    assert reading is not None
    by_name = {one.disk.name: one for one in reading.disks}
    assert len(by_name) == len(reading.disks)
    return by_name
