"""The disks behind the paths that the user names: which file system a path is on."""

import os
from pathlib import Path

import pytest

from fake_disks import FakeDisks, Marked, readings
from fake_nvml.sources import Clock
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


def test_real_machine(tmp_path: Path) -> None:
    """The disk under a folder of this machine is the one that its device number leads to."""
    number = tmp_path.stat().st_dev
    source = DiskSource(str(tmp_path))
    roles = {name for name, one in readings(source).items() if one.disk.role == "data"}
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if device.exists():
        real = device.resolve()
        disk = real.parent.name if (real / "partition").exists() else real.name
        assert roles == {disk}
    else:  # a container's overlay, which has no device here
        assert roles == set()
