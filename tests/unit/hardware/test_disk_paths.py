"""The disks behind the paths that the user names, told by the mount table and ``/sys``."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_disks import FakeDisks, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.source import DiskSource

Marked = Callable[..., set[str]]


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    """A machine with three disks; ``/`` is on a partition of ``sda``."""
    disks = FakeDisks(tmp_path / "machine")
    disks.add("sda", "8:0")
    disks.add_partition("sda", "sda1", "8:1")
    disks.add_partition("sda", "sda2", "8:2")
    disks.add("sdb", "8:16")
    disks.add_partition("sdb", "sdb1", "8:17")
    disks.add("nvme0n1", "259:0")
    disks.mount("/", "8:1", "ext4", "/dev/sda1")
    return disks


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder for data."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def marked(disks: FakeDisks, clock: Clock) -> Marked:
    """Tell which disks have the role of the data for these paths."""

    def read(*paths: Path | str) -> set[str]:
        source = DiskSource(os.pathsep.join(map(str, paths)), disks.root, clock)
        by_name = readings(source)
        roles = {name: one.disk.role for name, one in by_name.items()}
        assert set(roles.values()) <= {"data", None}
        for one in by_name.values():
            role = {"paddle.disk.role": one.disk.role} if one.disk.role else {}
            assert one.disk.attributes == {"system.device": one.disk.name, **role}
        return {name for name, role in roles.items() if role}

    return read


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged so far."""
    caplog.set_level(logging.DEBUG, "paddle_otel")
    return lambda: [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_no_path(disks: FakeDisks, marked: Marked, lines: Callable[[], list[str]]) -> None:
    """No disk is marked, the mount table is not even read, and nothing is said."""
    disks.mountinfo.unlink()
    assert marked() == set()
    assert marked(":") == set()
    assert lines() == []


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


def test_loop_in_a_circle(disks: FakeDisks, marked: Marked, data: Path, lines: Callable[[], list[str]]) -> None:
    """A loop device whose file is on itself, as hostile files may say: no disk, and no endless search."""
    loop = disks.add("loop0", "7:0")
    (loop / "loop").mkdir()
    (loop / "loop" / "backing_file").write_text(f"{data}\n")
    disks.mount(str(data), "7:0", "ext4", "/dev/loop0")
    assert marked(data) == set()
    assert len(lines()) == 1


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


def test_overlay_of_a_container(disks: FakeDisks, marked: Marked, data: Path, lines: Callable[[], list[str]]) -> None:
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


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("nfs4", "server:/export"),
        ("nfs", "/dev/sdb1"),  # no device, whatever it is called
        ("cifs", "//server/share"),
        ("fuse.sshfs", "user@server:"),
        ("ceph", "10.0.0.1:/"),
        ("lustre", "10.0.0.1@tcp:/scratch"),
        ("9p", "hostshare"),
        ("virtiofs", "hostshare"),
        ("autofs", "systemd-1"),
        ("tmpfs", "tmpfs"),
        ("zfs", "tank/data"),
        ("a-file-system-of-tomorrow", "none"),
    ],
)
def test_no_disk_can_be_told(
    disks: FakeDisks,
    marked: Marked,
    data: Path,
    lines: Callable[[], list[str]],
    kind: str,
    source: str,
) -> None:
    """One line says so and why; all disks are measured."""
    disks.mount(str(data), "0:60", kind, source)
    assert marked(data) == set()
    (line,) = lines()
    assert line.startswith(f"INFO The disk of {data} (PADDLE_OTEL_DISK_PATHS) cannot be told: it is on {kind}.")


@pytest.mark.parametrize(
    ("number", "kind"),
    [("0:60", "nfs4"), ("0:60", "fuse.sshfs"), ("8:17", "fuseblk"), ("0:60", "autofs"), ("0:60", "of-tomorrow")],
)
def test_file_system_that_may_hang_is_not_touched(
    disks: FakeDisks, marked: Marked, data: Path, monkeypatch: pytest.MonkeyPatch, number: str, kind: str
) -> None:
    """A server that is gone, or the process behind a FUSE file system, would keep the sampler waiting for ever."""
    touched: list[str] = []

    def noting(name: str) -> Any:
        real: Any = getattr(os, name)

        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(path, (str, os.PathLike)):
                touched.append(os.fspath(path))
            return real(path, *args, **kwargs)

        return call

    disks.mount(str(data), number, kind, "/dev/sdb1" if kind == "fuseblk" else "server:/export")
    (data / "images").mkdir()
    for name in ("stat", "lstat", "readlink", "open", "listdir", "scandir", "access"):
        monkeypatch.setattr(os, name, noting(name))
    assert marked(data / "images" / "train") == ({"sdb"} if kind == "fuseblk" else set())
    monkeypatch.undo()
    assert touched
    assert [path for path in touched if Path(path).is_relative_to(data)] == []


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


def test_symbolic_link_to_a_file_system_that_may_hang(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """It is followed up to there."""
    (data / "server").mkdir()
    (data / "link").symlink_to(data / "server")
    disks.mount(str(data / "server"), "0:60", "nfs4", "server:/export")
    assert marked(data / "link" / "images") == set()


def test_symbolic_links_in_a_circle(marked: Marked, data: Path, lines: Callable[[], list[str]]) -> None:
    """Said once."""
    (data / "a").symlink_to(data / "b")
    (data / "b").symlink_to(data / "a")
    assert marked(data / "a" / "c") == set()
    assert len(lines()) == 1
    assert "circle" in lines()[0]


def test_relative_path(disks: FakeDisks, marked: Marked, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the working directory on."""
    (data / "images").mkdir()
    disks.mount(str(data), "259:0", "xfs", "/dev/nvme0n1")
    monkeypatch.chdir(data)
    assert marked("images") == {"nvme0n1"}
    assert marked("..") == {"sda"}


def test_working_directory_that_is_gone(
    marked: Marked, data: Path, monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[str]]
) -> None:
    """One line, and no disk; a path that does not begin there has its own."""
    (data / "gone").mkdir()
    monkeypatch.chdir(data / "gone")
    (data / "gone").rmdir()
    assert marked(data) == {"sda"}
    assert marked("images") == set()
    assert len(lines()) == 1
    assert "working directory" in lines()[0]


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


def test_lines_do_not_repeat(disks: FakeDisks, data: Path, clock: Clock, lines: Callable[[], list[str]]) -> None:
    """One for each path and reason, however often it is looked up."""
    source = DiskSource(f"{data}/a:{data}/b", disks.root, clock)
    for _ in range(5):
        readings(source)
        clock.now += 61.0
    assert len(lines()) == 2


def test_unusual_character_in_a_mount_point(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Only a line feed ends a line of the mount table."""
    folder = data / "a\x0bb\x85c\u2028d"
    folder.mkdir()
    disks.mount(str(folder), "259:0", "xfs", "/dev/nvme0n1")
    assert marked(folder) == {"nvme0n1"}


def test_mounts_in_a_circle(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """Mounts that lie over each other, as a hostile table may say: no endless search."""
    ring = [(40, 20), (41, 40), (40, 41)]
    lines = "".join(f"{one} {parent} 259:0 / {data} rw - xfs /dev/nvme0n1 rw\n" for one, parent in ring)
    disks.mountinfo.write_text(disks.mountinfo.read_text() + lines)
    assert marked(data) == {"nvme0n1"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "nonsense",
        "20 1 8:1 / / rw\n",
        "20 1 8:1 / / rw - ext4\n",
        "20 1 x / / rw - ext4 /dev/sda1 rw\n",
        "20 1 8:1 / /elsewhere rw - ext4 /dev/sda1 rw\n",
        "20 20 0:1 / / rw - rootfs rootfs rw\n",
        "20 21 8:77 / / rw - ext4 /dev/sda1 rw\n",
        "20 1 ../../../..:1 / / rw - ext4 /dev/sda1 rw\n",
        "20 1 0:9 / / rw - btrfs /dev/../../etc rw\n",
        "20 1 0:9 / / rw - btrfs /dev/\x00 rw\n",
        "20 1 0:9 / / rw - btrfs /dev/\\000 rw\n",
        "20 1 8:1 / \\999 rw - \xff \\777 rw\n",
    ],
)
def test_mount_table_that_is_none(
    disks: FakeDisks, marked: Marked, data: Path, lines: Callable[[], list[str]], text: str
) -> None:
    """No disk is marked, one line says so, and all disks are measured."""
    disks.mountinfo.write_bytes(text.encode("latin-1"))
    assert marked(data) == set()
    assert len(lines()) == 1


def test_no_mount_table(disks: FakeDisks, marked: Marked, data: Path, lines: Callable[[], list[str]]) -> None:
    """As without ``/proc``."""
    disks.mountinfo.unlink()
    assert marked(data) == set()
    assert len(lines()) == 1


def test_device_that_is_no_counted_disk(
    disks: FakeDisks, marked: Marked, data: Path, lines: Callable[[], list[str]]
) -> None:
    """A RAM disk: the line names it."""
    disks.add("ram0", "1:0")
    disks.mount(str(data), "1:0", "ext4", "/dev/ram0")
    assert marked(data) == set()
    assert "ram0 is not counted as a disk" in lines()[0]


def test_path_with_a_zero_byte(marked: Marked, lines: Callable[[], list[str]]) -> None:
    """No path at all."""
    assert marked("/data\x00") == set()
    assert len(lines()) == 1


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
