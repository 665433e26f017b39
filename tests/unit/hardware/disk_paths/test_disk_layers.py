"""The disks behind the paths that the user names: what a file system lies on."""

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from fake_disks import FakeDisks, Lines, Marked


def test_hidden_numbers(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Podman lays an empty folder over the list of device numbers; devices are found by their names then."""
    disks.add("cciss/c0d0", "104:0")
    disks.add_partition("cciss/c0d0", "cciss/c0d0p1", "104:1")
    for link in (disks.sys / "dev" / "block").iterdir():
        link.unlink()
    assert marked(data) == {"sda"}
    disks.mount(str(data), "104:1", "ext4", "/dev/cciss/c0d0p1")
    assert marked(data) == {"cciss/c0d0"}
    disks.mount(str(data), "104:10", "ext4", "/dev/cciss/c0d0p10")
    assert marked(data) == set()


def test_numbers_that_may_not_be_looked_at(
    disks: FakeDisks, marked: Marked, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where that folder is closed."""
    closed, stat = disks.sys / "dev" / "block", os.stat

    def refusing(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if isinstance(path, (str, Path)) and Path(path).is_relative_to(closed):
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refusing)
    assert marked(data) == {"sda"}


def test_volume_on_several_disks(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """LVM on RAID on partitions: all disks at the bottom."""
    disks.add("md0", "9:0", on=["sda2", "sdb1"])
    disks.add("dm-3", "253:3", on=["md0"])
    disks.mount(str(data), "253:3", "ext4", "/dev/mapper/vg-data")
    assert marked(data) == {"sda", "sdb"}


def test_partition_of_a_raid(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Its device first, then the disks under that."""
    disks.add("md0", "9:0", on=["sdb", "nvme0n1"])
    disks.add_partition("md0", "md0p1", "259:7")
    disks.mount(str(data), "259:7", "ext4", "/dev/md0p1")
    assert marked(data) == {"sdb", "nvme0n1"}


def test_nvme_multipath(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Where only the paths are counted, they are marked in place of the disk."""
    disks.add("nvme1n1", "259:10", "0 " * 17)
    disks.add("nvme1c0n1", "259:11")
    disks.mount(str(data), "259:10", "xfs", "/dev/nvme1n1")
    assert marked(data) == {"nvme1c0n1"}


def test_layers_in_a_circle(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Neither do devices that lie under each other."""
    folder = disks.add("dm-0", "253:0")
    disks.add("dm-1", "253:1", on=["dm-0"])
    (folder / "slaves" / "dm-1").symlink_to(disks.sys / "devices" / "dm-1")
    disks.mount(str(data), "253:0", "ext4", "/dev/dm-0")
    assert marked(data) == set()


def test_very_many_layers_in_circles(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Twelve devices that all lie under each other: each is looked at once."""
    names = [f"dm-{index}" for index in range(12)]
    folders = [disks.add(name, f"253:{index}") for index, name in enumerate(names)]
    for folder in folders:
        for name in names:
            (folder / "slaves" / name).symlink_to(disks.sys / "devices" / name)
    disks.mount(str(data), "253:0", "ext4", "/dev/dm-0")
    before = time.process_time()
    assert marked(data) == set()
    assert time.process_time() - before < 5.0


def test_loop_file(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """An image that is mounted: the disk that its file is on."""
    image = data / "images.squashfs"
    image.write_text("")
    (data / "mounted").mkdir()
    loop = disks.add("loop0", "7:0")
    (loop / "loop").mkdir()
    (loop / "loop" / "backing_file").write_text(f"{image}\n")
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    disks.mount(str(data / "mounted"), "7:0", "squashfs", "/dev/loop0", "ro")
    assert marked(data / "mounted") == {"nvme0n1"}


def test_loop_in_a_circle(disks: FakeDisks, marked: Marked, data: Path, lines: Lines) -> None:
    """A loop device whose file is on itself, as hostile files may say: no disk, and no endless search."""
    loop = disks.add("loop0", "7:0")
    (loop / "loop").mkdir()
    (loop / "loop" / "backing_file").write_text(f"{data}\n")
    disks.mount(str(data), "7:0", "ext4", "/dev/loop0")
    assert marked(data) == set()
    assert len(lines()) == 1


def test_md_of_two_loops_on_one_disk(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """The disk that both files are on."""
    for index in range(2):
        (data / f"{index}.img").write_text("")
        loop = disks.add(f"loop{index}", f"7:{index}")
        (loop / "loop").mkdir()
        (loop / "loop" / "backing_file").write_text(f"{data}/{index}.img\n")
    disks.add("md0", "9:0", on=["loop0", "loop1"])
    (data / "mounted").mkdir()
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    disks.mount(str(data / "mounted"), "9:0", "ext4", "/dev/md0")
    assert marked(data / "mounted") == {"nvme0n1"}


def test_btrfs(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Its device number is no device's: the mount table names one of its devices, ``/sys`` all."""
    for member in ("sdb1", "nvme0n1"):
        folder = disks.sys / "fs" / "btrfs" / "0000-1111" / "devices"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / member).symlink_to(disks.sys / "class" / "block" / member)
    (disks.sys / "fs" / "btrfs" / "features").mkdir()
    disks.mount(str(data), "0:44", "btrfs", "/dev/sdb1")
    assert marked(data) == {"sdb", "nvme0n1"}


def test_btrfs_of_one_device(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """That one, also where ``/sys`` does not list it."""
    disks.mount(str(data), "0:44", "btrfs", "/dev/sdb1", "rw,subvol=/home")
    assert marked(data) == {"sdb"}


def test_overlay(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """The disks of its folders, those that are written to and those that are read."""
    for folder in ("upper", "lower1", "lower2", "merged"):
        (data / folder).mkdir()
    disks.mount(str(data / "upper"), "8:17", "ext4", "/dev/sdb1")
    disks.mount(str(data / "lower2"), "259:0", "xfs", "/dev/nvme0n1")
    options = f"rw,lowerdir={data}/lower1:{data}/lower2:{data}/gone,upperdir={data}/upper,workdir={data}/work"
    disks.mount(str(data / "merged"), "0:50", "overlay", "overlay", options)
    assert marked(data / "merged") == {"sda", "sdb", "nvme0n1"}


def test_overlay_of_a_container(disks: FakeDisks, marked: Marked, data: Path, lines: Lines) -> None:
    """Its folders are the host's and not there: nothing is guessed; a volume beside it is told."""
    disks.unmount_all()
    host = "/var/lib/docker/overlay2"
    options = f"rw,lowerdir={host}/l/A:l/B,upperdir={host}/0a1b2c/diff,workdir={host}/0a1b2c/work"
    disks.mount("/", "0:50", "overlay", "overlay", options)
    (data / "volume").mkdir()
    disks.mount(str(data / "volume"), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(data) == set()
    (line,) = lines()
    assert line.startswith(f"INFO The disk of {data} (PADDLE_OTEL_DISK_PATHS) cannot be told: it is on overlay.")
    assert marked(data / "volume") == {"nvme0n1"}


def test_overlays_that_are_made_of_each_other(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """As hostile files may say, each of very many folders: every file system is looked at once."""
    points = [data / str(index) for index in range(8)]
    for index, point in enumerate(points):
        point.mkdir()
        lower = ":".join(str(one) for one in points * 16)
        disks.mount(str(point), f"0:{50 + index}", "overlay", "overlay", f"rw,lowerdir={lower}")
    before = time.process_time()
    assert marked(points[0]) == set()
    assert time.process_time() - before < 5.0


def test_overlay_on_itself(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """No endless search."""
    disks.mount(str(data), "0:50", "overlay", "overlay", f"rw,lowerdir={data}:{data},upperdir={data}")
    assert marked(data) == set()


def test_device_that_is_no_counted_disk(disks: FakeDisks, marked: Marked, data: Path, lines: Lines) -> None:
    """A RAM disk: the line names it."""
    disks.add("ram0", "1:0")
    disks.mount(str(data), "1:0", "ext4", "/dev/ram0")
    assert marked(data) == set()
    assert "ram0 is not counted as a disk" in lines()[0]
