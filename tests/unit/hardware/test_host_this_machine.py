"""The figures of the machine that the tests run on, compared with what the kernel and other programs say."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fake_machine import MIB, points
from paddle_otel.hardware.host import KIND
from paddle_otel.hardware.host.reading import HostReading
from paddle_otel.hardware.host.source import HostSource
from paddle_otel.hardware.pressure import KIND as PRESSURE
from paddle_otel.hardware.pressure.source import PressureSource

TICKS = os.sysconf("SC_CLK_TCK")
_MEMORY = ["MemTotal", "MemFree", "Buffers", "Cached", "SReclaimable", "MemAvailable", "SwapTotal", "SwapFree"]


@pytest.fixture
def source() -> HostSource:
    """Reads this machine."""
    return HostSource()


def _read(source: HostSource) -> HostReading:
    reading = source.read()
    assert reading is not None
    return reading


def _meminfo() -> dict[str, int]:
    """Return ``/proc/meminfo`` in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    values = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}
    return {name: values[name] for name in _MEMORY}


def _vmstat() -> dict[str, int]:
    return {name: int(value) for name, value in map(str.split, Path("/proc/vmstat").read_text().splitlines())}


def _cpu(root: Path = Path("/")) -> list[int]:
    return [int(column) for column in re.findall(r"\d+", (root / "proc/stat").read_text().split("\n")[0])]


def _between_equal(theirs: Callable[[], Any], ours: Callable[[], Any]) -> tuple[Any, Any]:
    """Return both, once theirs was the same before and after ours."""
    for _ in range(1000):
        before, mine = theirs(), ours()
        if theirs() == before:
            return before, mine
    raise AssertionError("the machine never stood still")


def test_memory_equals_that_of_the_kernel(source: HostSource) -> None:
    """Byte for byte."""
    kernel, reading = _between_equal(_meminfo, lambda: _read(source))
    usage = points(KIND, "system.memory.usage", reading)
    cached = kernel["Cached"] + kernel["SReclaimable"]
    assert usage == {
        "used": kernel["MemTotal"] - kernel["MemFree"] - kernel["Buffers"] - cached,
        "free": kernel["MemFree"],
        "buffers": kernel["Buffers"],
        "cached": cached,
    }
    assert points(KIND, "system.memory.limit", reading) == {"": kernel["MemTotal"]}
    assert points(KIND, "system.memory.linux.available", reading) == {"": kernel["MemAvailable"]}
    assert points(KIND, "system.paging.usage", reading) == {
        "used": kernel["SwapTotal"] - kernel["SwapFree"],
        "free": kernel["SwapFree"],
    }


def test_memory_agrees_with_psutil(source: HostSource) -> None:
    """But for what is used: psutil means all that is not available."""
    names = ("total", "free", "buffers", "cached", "available")

    def psutils() -> list[int]:
        memory = psutil.virtual_memory()
        return [getattr(memory, name) for name in names]

    theirs, reading = _between_equal(psutils, lambda: _read(source))
    assert [getattr(reading.memory, name) for name in names] == theirs


def test_memory_agrees_with_free(source: HostSource) -> None:
    """Which runs as a program of its own, so the figures are not of the same moment."""
    output = subprocess.run(["free", "-b", "-w"], check=True, capture_output=True, text=True).stdout
    _, total, _, free, _, buffers, cache, available = output.splitlines()[1].split()
    memory = _read(source).memory
    assert memory is not None
    assert memory.total == int(total)
    for ours, theirs in ((memory.free, free), (memory.buffers, buffers), (memory.cached, cache)):
        assert ours == pytest.approx(int(theirs), abs=512 * MIB)
    assert memory.available == pytest.approx(int(available), abs=512 * MIB)


def test_counters_are_the_kernels(source: HostSource) -> None:
    """Between what it says before and afterwards."""
    before, reading, after = (_cpu(), _vmstat()), _read(source), (_cpu(), _vmstat())
    times = points(KIND, "system.cpu.time", reading)
    columns = {"user": [0], "nice": [1], "system": [2], "interrupt": [5, 6], "steal": [7]}
    for mode, places in columns.items():
        low, high = (sum(cpu[place] for place in places) / TICKS for cpu in (before[0], after[0]))
        assert low <= times[mode] <= high
    assert set(times) == {*columns, "idle", "iowait"}
    pages = points(KIND, "system.paging.operations", reading)
    assert before[1]["pswpin"] <= pages["in"] <= after[1]["pswpin"]
    assert before[1]["pswpout"] <= pages["out"] <= after[1]["pswpout"]
    faults = points(KIND, "system.paging.faults", reading)
    assert before[1]["pgmajfault"] <= faults["major"] <= after[1]["pgmajfault"]
    assert before[1]["pgfault"] <= faults["major"] + faults["minor"] <= after[1]["pgfault"]


@pytest.fixture
def load() -> Iterator[None]:
    """One CPU is busy."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time\nend = time.time() + 60\nwhile time.time() < end: pass"]
    )
    time.sleep(0.2)
    yield
    process.kill()
    process.wait()


@pytest.mark.usefixtures("load")
def test_shares_of_cpu_time_under_load(tmp_path: Path) -> None:
    """Those that the kernel's own figures give, and at least what one busy process takes."""
    source = HostSource(tmp_path)
    (tmp_path / "proc").mkdir()

    def look() -> tuple[list[int], HostReading]:
        """Copy the kernel's figures, which never stand still where many CPUs work, and return what they say."""
        (tmp_path / "proc/stat").write_bytes(Path("/proc/stat").read_bytes())
        return _cpu(tmp_path), _read(source)

    theirs, before = look()
    time.sleep(1.5)
    theirs_now, now = look()
    # The kernel may take back some idle or waiting time.
    spent = [max(end - start, 0) for end, start in zip(theirs_now, theirs, strict=True)]
    spent = [*spent[:5], spent[5] + spent[6], spent[7]]
    shares = points(KIND, "system.cpu.utilization", now, before)
    assert list(shares.values()) == pytest.approx([ticks / sum(spent) for ticks in spent], abs=1e-9)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["idle"] + shares["iowait"] < 1.0 - 0.3 / os.sysconf("SC_NPROCESSORS_ONLN")


def _container_folder(claim: str) -> Path:
    """Return the cgroup of version 2 with this claim: that of this process, or one around it."""
    (path,) = re.findall(r"^0::/(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    innermost = Path("/sys/fs/cgroup", path)
    claims = {f"cgroup-{one.stat().st_dev}-{one.stat().st_ino}": one for one in (innermost, *innermost.parents)}
    return claims[claim]


def _averages(text: str) -> dict[str, float]:
    return {line.split()[0]: float(re.findall(r"avg10=(\S+)", line)[0]) / 100 for line in text.splitlines()}


def _pressure_of_host() -> dict[str, dict[str, float]]:
    """Return what the kernel says about the host; empty if it was built or started without that."""
    try:
        return {name: _averages(Path(f"/proc/pressure/{name}").read_text()) for name in ("memory", "io")}
    except OSError:
        return {}


def test_pressure_is_the_kernels() -> None:
    """Of the files that the scope names; a kernel that tells none has no reading."""
    source = PressureSource()
    reading = source.read()
    if reading is None:
        assert _pressure_of_host() == {}
        return

    def of_container() -> dict[str, dict[str, float]]:
        folder = _container_folder(reading.claim)
        return {name: _averages((folder / f"{name}.pressure").read_text()) for name in ("memory", "io")}

    theirs, ours = _between_equal(of_container if reading.scope == "container" else _pressure_of_host, source.read)
    assert set(theirs) == {"memory", "io"}
    for name, averages in theirs.items():
        shares = points(PRESSURE, f"paddle.pressure.{name}", ours)
        assert shares == pytest.approx({f"{reading.scope}/{stall}": share for stall, share in averages.items()})
