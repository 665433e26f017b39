"""Paths whose disk cannot be told, file systems that must not be touched, and mount tables that are none."""

import os
from pathlib import Path
from typing import Any

import pytest

from fake_disks import FakeDisks, Lines, Marked, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.source import DiskSource


def test_no_path(disks: FakeDisks, marked: Marked, lines: Lines) -> None:
    """No disk is marked, the mount table is not even read, and nothing is said."""
    disks.mountinfo.unlink()
    assert marked() == set()
    assert marked(":") == set()
    assert lines() == []


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
    lines: Lines,
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


def test_symbolic_link_to_a_file_system_that_may_hang(disks: FakeDisks, marked: Marked, data: Path) -> None:
    """It is followed up to there."""
    (data / "server").mkdir()
    (data / "link").symlink_to(data / "server")
    disks.mount(str(data / "server"), "0:60", "nfs4", "server:/export")
    assert marked(data / "link" / "images") == set()


def test_symbolic_links_in_a_circle(marked: Marked, data: Path, lines: Lines) -> None:
    """Said once."""
    (data / "a").symlink_to(data / "b")
    (data / "b").symlink_to(data / "a")
    assert marked(data / "a" / "c") == set()
    assert len(lines()) == 1
    assert "circle" in lines()[0]


def test_working_directory_that_is_gone(
    marked: Marked, data: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """One line, and no disk; a path that does not begin there has its own."""
    (data / "gone").mkdir()
    monkeypatch.chdir(data / "gone")
    (data / "gone").rmdir()
    assert marked(data) == {"sda"}
    assert marked("images") == set()
    assert len(lines()) == 1
    assert "working directory" in lines()[0]


def test_path_with_a_zero_byte(marked: Marked, lines: Lines) -> None:
    """No path at all."""
    assert marked("/data\x00") == set()
    assert len(lines()) == 1


def test_lines_do_not_repeat(disks: FakeDisks, data: Path, clock: Clock, lines: Lines) -> None:
    """One for each path and reason, however often it is looked up."""
    source = DiskSource(f"{data}/a:{data}/b", disks.root, clock)
    for _ in range(5):
        readings(source)
        clock.now += 61.0
    assert len(lines()) == 2


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
def test_mount_table_that_is_none(disks: FakeDisks, marked: Marked, data: Path, lines: Lines, text: str) -> None:
    """No disk is marked, one line says so, and all disks are measured."""
    disks.mountinfo.write_bytes(text.encode("latin-1"))
    assert marked(data) == set()
    assert len(lines()) == 1


def test_no_mount_table(disks: FakeDisks, marked: Marked, data: Path, lines: Lines) -> None:
    """As without ``/proc``."""
    disks.mountinfo.unlink()
    assert marked(data) == set()
    assert len(lines()) == 1
