"""Files of the kernel that are missing, cannot be read or are nonsense."""

import errno
import logging
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fake_disks import USED, FakeDisks, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.source import DiskSource


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    """A machine with two disks."""
    disks = FakeDisks(tmp_path)
    disks.add("sda", "8:0")
    disks.add("sdb", "8:16")
    return disks


@pytest.fixture
def source(disks: FakeDisks, clock: Clock) -> DiskSource:
    """What reads them."""
    return DiskSource(root=disks.root, clock=clock)


@pytest.fixture(autouse=True)
def _all_lines_are_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "paddle_otel")


HOSTILE = [
    "",
    "x",
    "1 2 3",
    "1 2 3 4 5",
    "1 2 3 4 5 6 7 8 9 10",
    "-1 2 3 4 5 6 7 8 9 10 11",
    "1 2 3 4 5 6 7 8 9 10 -11",
    "+1 2 3 4 5 6 7 8 9 10 11",
    "1_0 2 3 4 5 6 7 8 9 10 11",
    "1.5 2 3 4 5 6 7 8 9 10 11",
    "1e9 2 3 4 5 6 7 8 9 10 11",
    "0x1 2 3 4 5 6 7 8 9 10 11",
    "nan 2 3 4 5 6 7 8 9 10 11",
    "\u0661 2 3 4 5 6 7 8 9 10 11",  # a digit, but not the kernel's
    f"{2**64} 2 3 4 5 6 7 8 9 10 11",
    f"{2**53} 2 3 4 5 6 7 8 9 10 11",
    f"1 2 3 4 5 6 7 8 9 {'9' * 5000} 11",
    f"1 2 {'9' * 300} 4 5 6 7 8 9 10 11",
    "\x00 \x01 \x02 \xff",
    "1 2 3 4 5 6 7 8 9 10 \x00",
]


@pytest.mark.parametrize("columns", HOSTILE)
def test_line_that_is_no_line_of_the_kernel(
    disks: FakeDisks, source: DiskSource, caplog: pytest.LogCaptureFixture, columns: str
) -> None:
    """Its disk has no reading as long as it is so, the other has its own; said at most once; then all is as before."""
    before = readings(source)
    disks.set("sda", "8:0", columns)
    for _ in range(3):
        assert set(readings(source)) == {"sdb"}
    assert [record.levelname for record in caplog.records] in (["WARNING"], [])
    disks.set("sda", "8:0", USED)
    assert readings(source) == before


def test_number_in_flight_may_be_anything(disks: FakeDisks, source: DiskSource) -> None:
    """It is no counter and not used, and kernels have shown negative ones."""
    disks.set("sda", "8:0", "1 2 3 4 5 6 7 8 -1 10 11")
    assert readings(source)["sda"].counters.weighted_time == 11


def test_another_number_of_columns(disks: FakeDisks, source: DiskSource) -> None:
    """A kernel does not change its format: such a line is not believed."""
    readings(source)
    disks.set("sda", "8:0", "1 2 3 4")
    assert set(readings(source)) == {"sdb"}


def test_largest_counters(disks: FakeDisks, source: DiskSource) -> None:
    """Bytes still fit into the 64 bits of a data point, however often the counters begin anew."""
    largest = " ".join(["9007199254740991"] * 11)
    for _ in range(5):
        disks.set("sda", "8:0", largest)
        assert max(value or 0 for value in readings(source)["sda"].counters) * 512 < 2**63
        disks.set("sda", "8:0", "0 0 0 0 0 0 0 0 0 0 0")
        assert max(value or 0 for value in readings(source)["sda"].counters) * 512 < 2**63


@pytest.mark.parametrize(
    "name",
    [
        b"..",
        b".",
        b"../../../etc",
        b"/",
        b"\xff\xfe",
        b"\xc3\xa4",
        b"\x1b[31m",
        b"a" * 65,
        b"%s%n",
        b"sda\x00",
    ],
)
def test_name_that_is_no_name_of_the_kernel(disks: FakeDisks, source: DiskSource, name: bytes) -> None:
    """No disk, even if there is such a file in ``/sys``; the others are read."""
    if b"/" not in name and b"\x00" not in name and name.strip(b"."):
        (Path(os.fsdecode(os.fsencode(disks.sys / "block") + b"/" + name))).mkdir()
    disks.write(b"8 32 " + name + b" " + USED.encode() + b"\n")
    expected = {"sda", "sdb", "%s%n"} if name == b"%s%n" else {"sda", "sdb"}
    assert set(readings(source)) == expected


@pytest.mark.parametrize("number", [b"x 0", b"8 -1", b"8 99999999999", b"8.5 0"])
def test_number_that_is_no_number(disks: FakeDisks, source: DiskSource, number: bytes) -> None:
    """No disk: its claim would be nonsense."""
    (disks.sys / "block" / "sdc").mkdir()
    disks.write(number + b" sdc " + USED.encode() + b"\n")
    assert set(readings(source)) == {"sda", "sdb"}


def test_last_line_that_was_cut(disks: FakeDisks, source: DiskSource) -> None:
    """Its last number may have had more digits."""
    readings(source)
    text = disks.diskstats.read_bytes()
    disks.diskstats.write_bytes(text[:-1])
    assert set(readings(source)) == {"sda"}


def test_100_000_lines(disks: FakeDisks, source: DiskSource) -> None:
    """The first mebibyte is looked at, the rest not; that costs a bounded time."""
    disks.write(b"".join(b"8 1 sda%d %s\n" % (index, USED.encode()) for index in range(100_000)))
    before = time.process_time()
    assert set(readings(source)) == {"sda", "sdb"}
    assert time.process_time() - before < 2.0


def test_one_endless_line(disks: FakeDisks, source: DiskSource) -> None:
    """The disks before it are read."""
    disks.write(b"8 32 sdc " + b"1 " * 3_000_000)
    assert set(readings(source)) == {"sda", "sdb"}


def test_random_bytes(disks: FakeDisks, source: DiskSource, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands in the file, reading gives readings and at most one line in the log."""
    dice = random.Random(4)  # noqa: S311 - not for secrets
    good = disks.diskstats.read_bytes()
    for _ in range(500):
        text = bytearray(good)
        for _ in range(dice.randrange(1, 20)):
            place = dice.randrange(len(text))
            text[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
        disks.diskstats.write_bytes(text)
        assert set(readings(source)) <= {"sda", "sdb"}
    assert len(caplog.records) <= 1


def test_no_diskstats(disks: FakeDisks, source: DiskSource, caplog: pytest.LogCaptureFixture) -> None:
    """A sandbox without the file: no reading, one line that it is so; readings when it is there."""
    text = disks.diskstats.read_bytes()
    disks.diskstats.unlink()
    for _ in range(3):
        assert source.read() is None
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert "diskstats" in record.getMessage()
    disks.diskstats.write_bytes(text)
    assert set(readings(source)) == {"sda", "sdb"}


def test_no_sys(disks: FakeDisks, source: DiskSource, caplog: pytest.LogCaptureFixture) -> None:
    """Which lines are whole disks cannot be told, and partitions must not be counted beside them: no reading."""
    (disks.sys / "block").rename(disks.sys / "away")
    for _ in range(3):
        assert source.read() is None
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert "/sys/block" in record.getMessage()
    (disks.sys / "away").rename(disks.sys / "block")
    assert set(readings(source)) == {"sda", "sdb"}


def test_nothing_is_asked_elsewhere_than_on_linux(
    source: DiskSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing is said."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert source.read() is None
    assert caplog.records == []


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ENODEV, errno.EMFILE])
def test_error_of_the_kernel(
    source: DiskSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """While it lasts there is no reading, and one line; then the counters go on."""
    before = readings(source)
    with monkeypatch.context() as broken:

        def fail(*_: Any) -> Any:
            raise OSError(code, os.strerror(code))

        broken.setattr(os, "read", fail)
        assert source.read() is None
        assert source.read() is None
    assert readings(source) == before
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_descriptors_do_not_pile_up(source: DiskSource) -> None:
    """Nothing stays open, so that a fork inherits nothing."""
    readings(source)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names, not files
    for _ in range(50):
        readings(source)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 - names, not files


def test_creating_a_source_touches_nothing(tmp_path: Path, clock: Clock) -> None:
    """Neither files nor the log."""
    DiskSource("/data", tmp_path / "nowhere", clock)


def test_disks_that_come_and_go_for_ever(tmp_path: Path, clock: Clock) -> None:
    """What is remembered of those that went is bounded, and those that stay keep their counters."""
    disks = FakeDisks(tmp_path / "machine")
    disks.add("sda", "8:0")
    source = DiskSource(root=disks.root, clock=clock)
    for start in range(0, 2400, 800):
        names = [f"rbd{index}" for index in range(start, start + 800)]
        for name in names:
            (disks.sys / "block" / name).mkdir()
        disks.write("".join(f"251 {name[3:]} {name} {USED}\n" for name in names).encode())
        assert len(readings(source)) == 801
    disks.set("sda", "8:0", USED.replace("100", "5", 1))
    assert readings(source)["sda"].counters.reads == 105
    followed: Any = vars(source)["_followed"]
    assert len(followed) <= 2 * 1024
