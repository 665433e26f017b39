"""The disks behind the paths that the user names: which file system a path is on."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fake_disks import FakeDisks, Marked, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.block_devices import multipath_disk
from paddle_otel.hardware.disks.source import DiskSource


def test_partition(marked: Marked, data: Path) -> None:
    """Its disk, with whatever is below the mount point."""
    assert marked(data) == {"sda"}


def test_whole_disk(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """A file system without a partition table."""
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data) == {"nvme0n1"}


def test_deepest_mount_point(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """By whole parts of the path: ``/data2`` is not below ``/data``."""
    (data / "images" / "train").mkdir(parents=True)
    disks.mount(str(data), "8:17", "ext4", "/dev/sdb1")
    disks.mount(str(data / "images"), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data) == {"sdb"}
    assert marked(data / "images" / "train") == {"nvme0n1"}
    beside = data.with_name("data2")
    beside.mkdir()
    assert marked(beside) == {"sda"}


def test_file(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """A path may be that of a file, and a file may be mounted itself."""
    (data / "one.bin").write_text("")
    (data / "two.bin").write_text("")
    disks.mount(str(data / "two.bin"), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data / "one.bin") == {"sda"}
    assert marked(data / "two.bin") == {"nvme0n1"}


def test_mount_over_a_mount(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """The upper one holds."""
    disks.mount(str(data), "8:17", "ext4", "/dev/sdb1")
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data) == {"nvme0n1"}


def test_mount_that_another_one_hides(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """A longer mount point is not seen where something was mounted above it later."""
    (data / "images").mkdir()
    disks.mount(str(data / "images"), "8:17", "ext4", "/dev/sdb1")
    hider = f"40 20 259:0 / {data} rw - xfs /dev/nvme0n1 rw\n"
    disks.mountinfo.write_text(disks.mountinfo.read_text() + hider)
    assert marked(data / "images") == {"nvme0n1"}


def test_blank_and_backslash_in_a_mount_point(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """The mount table writes them as octal numbers."""
    folder = data / "my images\\2"
    folder.mkdir()
    disks.mount(str(folder), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(folder) == {"nvme0n1"}


def test_several_paths(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """The disks of all of them, one that cannot be told aside."""
    (data / "a").mkdir()
    disks.mount(str(data / "a"), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data / "a", "/nowhere/at/all", data, "") == {"nvme0n1", "sda"}


@pytest.mark.parametrize("relative", [False, True])
def test_symbolic_link(disks: FakeDisks, marked: Marked, data: Path, relative: bool) -> None:
    """Where it leads, also through a second link in the middle of a path and back up."""
    (data / "disk" / "sets" / "v2").mkdir(parents=True)
    (data / "current").symlink_to("disk/sets/v2" if relative else data / "disk" / "sets" / "v2")
    (data / "disk" / "sets" / "latest").symlink_to("../../current")
    disks.mount(str(data / "disk"), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data / "current") == {"nvme0n1"}
    assert marked(data / "disk" / "sets" / "latest") == {"nvme0n1"}
    assert marked(data / "current" / ".." / ".." / "..") == {"sda"}  # of where the link leads, as the kernel has it


def test_relative_path(disks: FakeDisks, marked: Marked, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the working directory on."""
    (data / "images").mkdir()
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    monkeypatch.chdir(data)
    assert marked("images") == {"nvme0n1"}
    assert marked("..") == {"sda"}


def test_path_and_mount_that_come_later(disks: FakeDisks, data: Path, clock: Clock) -> None:
    """Looked up again every minute; the disk that is not the data's any more is no longer marked."""
    source = DiskSource(str(data / "images"), disks.root, clock)

    def roles() -> dict[str, str | None]:
        return {name: one.disk.role for name, one in readings(source).items()}

    assert roles() == {"sda": None, "sdb": None, "nvme0n1": None}
    (data / "images").mkdir()
    clock.now += 61.0
    assert roles() == {"sda": "data", "sdb": None, "nvme0n1": None}
    disks.mount(str(data), "8:17", "ext4", "/dev/sdb1")
    clock.now += 30.0
    assert roles() == {"sda": "data", "sdb": None, "nvme0n1": None}
    clock.now += 31.0
    assert roles() == {"sda": None, "sdb": "data", "nvme0n1": None}


def test_unusual_character_in_a_mount_point(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Only a line feed ends a line of the mount table."""
    folder = data / "a\x0bb\x85c\u2028d"
    folder.mkdir()
    disks.mount(str(folder), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(folder) == {"nvme0n1"}


Tree = Mapping[str, Any]
"""A block device as lsblk tells of it, with those that it lies on."""


def _printed(*command: str) -> Any:
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return json.loads(ended.stdout or "{}")


def _found(trees: Iterable[Tree], number: str) -> Iterator[Tree]:
    for tree in trees:
        if tree["maj:min"] == number:
            yield tree
        yield from _found(tree.get("children", []), number)


def _leaves(tree: Tree) -> set[str]:
    below = [_leaves(child) for child in tree.get("children", [])]
    return set[str]().union(*below) if below else {tree["kname"]}


def _by_name(number: str) -> set[str]:
    """Return the disk of a device or partition where lsblk finds none: Podman hides the numbers from its containers."""
    entries = Path("/sys/class/block").iterdir()
    devices = [entry.resolve() for entry in entries if (entry / "dev").read_text().strip() == number]
    return {device.parent.name if (device / "partition").exists() else device.name for device in devices}


def _by_lsblk(number: str) -> set[str]:
    """Return the disks under a device; a loop device has those of its file."""
    trees = _printed("lsblk", "-s", "-J", "-a", "-o", "KNAME,MAJ:MIN").get("blockdevices", [])
    disks: set[str] = set()
    for name in set[str]().union(*map(_leaves, _found(trees, number))) or _by_name(number):
        loop = Path(f"/sys/block/{name}/loop/backing_file")
        if loop.exists():
            disks |= _by_other_programs(loop.read_text().removesuffix("\n"))
        elif not name.startswith(("loop", "ram", "zram", "zd", "sr", "fd")):
            disks.add(name)
    return disks


def _by_other_programs(path: str) -> set[str]:
    """Return the disks under a file or folder of this machine by findmnt and lsblk; none under one that is not here."""
    try:
        number = os.stat(path).st_dev  # noqa: PTH116 - a text, as these programs have it
    except OSError:  # a folder of the host, seen from a container
        return set()
    if os.major(number):
        return _by_lsblk(f"{os.major(number)}:{os.minor(number)}")
    (mount,) = _printed("findmnt", "-J", "-v", "-o", "SOURCE,FSTYPE,FS-OPTIONS", "-T", path)["filesystems"][-1:]
    if mount["fstype"] == "overlay":
        options = [option.partition("=") for option in mount["fs-options"].split(",")]
        folders = [one for name, _, value in options if name in ("upperdir", "lowerdir") for one in value.split(":")]
        return set[str]().union(*map(_by_other_programs, folders))
    if mount["fstype"] != "btrfs":
        return set()
    name = Path(mount["source"]).resolve().name
    members = next(Path("/sys/fs/btrfs").glob(f"*/devices/{name}")).parent.iterdir()
    return set[str]().union(*(_by_lsblk((member / "dev").read_text().strip()) for member in members))


@pytest.mark.parametrize("path", ["/", "/dev/shm", None])  # noqa: S108 - memory
def test_real_machine(tmp_path: Path, path: str | None) -> None:
    """The disks under a folder are those that other programs find; none for one in memory."""
    assert shutil.which("lsblk"), "the package util-linux is needed"
    path = path or str(tmp_path)
    roles = {name for name, one in readings(DiskSource(path)).items() if one.disk.role == "data"}
    assert {multipath_disk(name) or name for name in roles} == _by_other_programs(path)
