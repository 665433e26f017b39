"""The figures of disks are those of the real ``iostat -x``: under load of the real ``fio``, and of recorded counters.

``fio`` has a file of 64 MiB and is held to 360 requests of 64 KiB a second for ten seconds, which it makes in bursts so
that they wait for each other. Slower disks make fewer.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fake_disks import FakeDisks
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks import KIND
from paddle_otel.hardware.disks.reading import DisksReading
from paddle_otel.hardware.disks.source import DiskSource
from paddle_otel.hardware.kind import Window

Figures = dict[str, float]

IOSTAT = ("iostat", "-x", "-d", "-y", "-o", "JSON")
ENVIRONMENT = {**os.environ, "LC_ALL": "C"}
"""Other languages have decimal commas."""
LOAD_SECONDS = 10
MEASURED_SECONDS = 5
ROUNDING = 0.005
"""``iostat`` prints two decimals."""
IOSTAT_ENDS_SECONDS = 0.02
"""More than an ``iostat`` takes from its last look to its end."""
SLOWEST = 20
"""Reads a second; a disk that turns makes more."""
IGNORED = Path(__file__).parents[2] / "build"
"""A folder of the checkout that git ignores."""
LIMIT_SECONDS = 60
"""A program that has not ended by then hangs."""


def _read(source: DiskSource) -> DisksReading:
    reading = source.read()
    assert reading is not None
    return reading


def _by_ours(before: DisksReading, now: DisksReading, disk: str) -> Figures:
    """Return what a collection at the end of this time says about a disk, by iostat's names and in its units."""
    seconds = now.taken - before.taken
    window = Window(now, before, seconds, lambda: (now,))
    earlier = Window(before, None, 0.0, lambda: (before,))

    def values(window: Window[DisksReading]) -> Figures:
        return {
            f"{observed.metric.name} {attributes.get('disk.io.direction', '')}".strip(): value
            for observed in KIND.metrics
            for value, attributes in observed.points(window)
            if attributes["system.device"] == disk
        }

    then, later = values(earlier), values(window)
    figures = {
        "r/s": (later["system.disk.operations read"] - then["system.disk.operations read"]) / seconds,
        "w/s": (later["system.disk.operations write"] - then["system.disk.operations write"]) / seconds,
        "rkB/s": (later["system.disk.io read"] - then["system.disk.io read"]) / 1024 / seconds,
        "wkB/s": (later["system.disk.io write"] - then["system.disk.io write"]) / 1024 / seconds,
        "aqu-sz": later["paddle.disk.queue_length"],
        "util": later["paddle.disk.utilization"] * 100,
    }
    for name, metric in (("r_await", "paddle.disk.await read"), ("w_await", "paddle.disk.await write")):
        if metric in later:
            figures[name] = later[metric] * 1000
    return figures


def _by_iostat(output: str, disk: str) -> Figures:
    """Return what iostat says about a disk."""
    (host,) = json.loads(output)["sysstat"]["hosts"]
    (statistics,) = host["statistics"]
    return next(one for one in statistics["disk"] if one["disk_device"] == disk)


def _agree(ours: Figures, iostat: Figures, names: Sequence[str], share: float) -> None:
    """Assert that figures differ by at most a share, beside iostat's rounding."""
    for name in names:
        assert abs(ours[name] - iostat[name]) <= share * iostat[name] + ROUNDING, (name, ours, iostat)


def _has_looked(iostat: "subprocess.Popen[str]") -> None:
    """Wait until an iostat sleeps for the first time, right after its first look at the counters."""
    status = Path(f"/proc/{iostat.pid}/stat")
    deadline = time.monotonic() + LIMIT_SECONDS
    while status.read_text().rpartition(")")[2].split()[0] != "S":
        assert time.monotonic() < deadline


def _iostat_of_recorded(folder: Path, texts: Mapping[str, tuple[str, str]]) -> str:
    """Run an iostat that sees two texts for each disk, one at its first look and one at its second.

    Args:
        folder: An empty folder.
        texts: The columns of each disk.

    Returns:
        What it prints.
    """
    for name, (text, _) in texts.items():
        (folder / "block" / name).mkdir(parents=True)
        (folder / "block" / name / "stat").write_text(f"{text}\n")
    command = [*IOSTAT, "-f", str(folder), "1", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as iostat:
        _has_looked(iostat)
        for name, (_, text) in texts.items():
            (folder / "block" / name / "stat").write_text(f"{text}\n")
        output, _ = iostat.communicate(timeout=LIMIT_SECONDS)
    return output


def _disks_behind(folder: Path) -> list[str]:
    return [one.disk.name for one in _read(DiskSource(str(folder))).disks if one.disk.role == "data"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a single disk: pytest's, or the checkout's where that is in memory or on a container's layers."""
    if len(_disks_behind(tmp_path)) == 1:
        yield tmp_path
        return
    IGNORED.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=IGNORED, prefix="disk-load-") as folder:
        yield Path(folder)


@pytest.fixture
def load(folder: Path) -> Iterator[str]:
    """The disk that the folder is on, while it is read and written at a steady rate."""
    marked = _disks_behind(folder)
    assert len(marked) == 1, f"no single disk is behind {folder}: choose another folder by pytest's --basetemp"
    command = [
        *("fio", "--name=load", f"--directory={folder}", "--size=64M", "--rw=randrw", "--bs=64k", "--direct=1"),
        *("--ioengine=libaio", "--iodepth=32", "--thinktime=80ms", "--thinktime_blocks=32", "--rate_iops=240,120"),
        *(f"--runtime={LOAD_SECONDS}", "--time_based"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as fio:
        _wait_for_reads(marked[0], fio)
        yield marked[0]
        _, trouble = fio.communicate(timeout=LIMIT_SECONDS)
    assert fio.returncode == 0, trouble


def _wait_for_reads(disk: str, fio: "subprocess.Popen[str]") -> None:
    """Wait until fio has laid out its file and reads it."""
    source = DiskSource()
    deadline = time.monotonic() + LIMIT_SECONDS
    rate = 0.0
    while rate < SLOWEST:
        assert time.monotonic() < deadline, f"fio reads only {rate} times a second"
        before = _read(source)
        time.sleep(0.5)
        rate = _by_ours(before, _read(source), disk)["r/s"]
        assert fio.poll() is None, f"fio ended with {fio.returncode}: {fio.communicate()[1]}"


def test_live(load: str) -> None:
    """Within 1 % of an iostat that reads the kernel's files beside us, over the same five seconds.

    Each of its two looks is between two of our readings, some milliseconds apart, in which other programs may use the
    disk, too. So its figures are compared with the least and the most of what we say about the time between.
    """
    source = DiskSource()
    _read(source)  # the first look at /sys takes longer
    before = [_read(source)]
    command = [*IOSTAT, load, str(MEASURED_SECONDS), "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as iostat:
        _has_looked(iostat)
        before.append(_read(source))
        seen = [before[-1]]
        while iostat.poll() is None:
            seen.append(_read(source))
            time.sleep(0.002)
        now = [_read(source)]
        output, _ = iostat.communicate(timeout=LIMIT_SECONDS)
    now.append([one for one in seen if now[0].taken - one.taken > IOSTAT_ENDS_SECONDS][-1])
    ours = [_by_ours(first, second, load) for first in before for second in now]
    figures = _by_iostat(output, load)
    assert figures["r/s"] > SLOWEST / 2  # fio is slower where others use the disk, too
    assert figures["w/s"] > SLOWEST / 4
    assert figures["r_await"] > 0.1
    for name in ("r/s", "w/s", "r_await", "w_await", "util"):
        least, most = min(one[name] for one in ours), max(one[name] for one in ours)
        assert least * 0.99 - ROUNDING <= figures[name] <= most * 1.01 + ROUNDING, (name, ours, figures)


RECORDED = {
    "steady": (
        "5000 11 1000000 31500 7000 13 4000000 77007 3 61250 200000",
        "5400 12 1016000 32500 7050 14 4004000 79007 9 61950 208000",
    ),
    "discards": (
        "5000 11 1000000 31500 7000 13 4000000 77007 3 61250 200000 100 0 800 50 20 30",
        "5400 12 1016000 32500 7050 14 4004000 79007 9 61950 208000 900 0 9000 700 90 400",
    ),
    "only_reads": ("5000 11 1000000 31500 0 0 0 0 0 31000 31500", "5001 11 1000008 31503 0 0 0 0 0 31003 31503"),
    "read_time_wraps": (
        "5000 11 1000000 4294967000 7000 13 4000000 77007 3 61250 200000",
        "5400 12 1016000 704 7050 14 4004000 79007 9 61950 208000",
    ),
    "write_time_wraps": (
        "5000 11 1000000 31500 7000 13 4000000 4294967295 3 61250 200000",
        "5400 12 1016000 32500 7050 14 4004000 1999 9 61950 208000",
    ),
    "io_time_wraps": (
        "5000 11 1000000 31500 7000 13 4000000 77007 3 4294967000 200000",
        "5400 12 1016000 32500 7050 14 4004000 79007 9 404 208000",
    ),
    "weighted_time_wraps": (
        "5000 11 1000000 31500 7000 13 4000000 77007 3 61250 4294960000",
        "5400 12 1016000 32500 7050 14 4004000 79007 9 61950 704",
    ),
    "begins_anew": (
        "5000 11 1000000 31500 7000 13 4000000 77007 3 61250 200000",
        "400 1 16000 1000 50 1 4000 2000 9 700 8000",
    ),
}
"""The columns of disks at two moments; all but one moved in the same way between them."""
CLOCK = ("0 0 0 0 0 0 0 0 0 0 0", "1000000 0 0 0 0 0 0 0 0 0 0")
"""A disk whose reads per second tell how long the time is that iostat goes by."""


def test_recorded(tmp_path: Path) -> None:
    """To the last digit that iostat prints, also where the kernel's 32-bit times wrap and where a disk begins anew."""
    disks = FakeDisks(tmp_path / "machine")
    for minor, (name, (then, _)) in enumerate(RECORDED.items()):
        disks.add(name, f"8:{minor}", then)
    clock = Clock()
    source = DiskSource(root=disks.root, clock=clock)
    before = _read(source)
    output = _iostat_of_recorded(tmp_path / "recorded", {**RECORDED, "clock": CLOCK})
    clock.now += 1_000_000 / _by_iostat(output, "clock")["r/s"]
    for minor, (name, (_, later)) in enumerate(RECORDED.items()):
        disks.set(name, f"8:{minor}", later)
    now = _read(source)
    names = ("r/s", "w/s", "rkB/s", "wkB/s", "r_await", "w_await", "aqu-sz", "util")
    for name in RECORDED:
        ours, figures = _by_ours(before, now, name), _by_iostat(output, name)
        if name == "only_reads":
            assert "w_await" not in ours  # iostat shows 0, as if there had been writes that took no time
            assert figures.pop("w_await") == 0
        _agree(ours, figures, [one for one in names if one in figures], 0.0001)


def test_share_that_cannot_be(tmp_path: Path) -> None:
    """``iostat`` shows 120 % of a disk whose ticks the kernel counted so; a share ends at 100 %."""
    disks = FakeDisks(tmp_path / "machine")
    columns = ("1 0 0 0 0 0 0 0 0 1000 0", "1 0 0 0 0 0 0 0 0 2200 0")
    disks.add("sda", "8:0", columns[0])
    clock = Clock()
    source = DiskSource(root=disks.root, clock=clock)
    before = _read(source)
    output = _iostat_of_recorded(tmp_path / "recorded", {"sda": columns})
    disks.set("sda", "8:0", columns[1])
    clock.now += 1.0
    assert _by_iostat(output, "sda")["util"] > 110
    assert _by_ours(before, _read(source), "sda")["util"] == 100
