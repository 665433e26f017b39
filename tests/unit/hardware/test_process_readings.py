"""This process: what it used, how many CPUs it may use, and that a forked child is another one."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fake_machine import GIB, MIB, FakeMachine, all_points, points
from fake_nvml.sources import Clock
from paddle_otel.hardware.process import KIND
from paddle_otel.hardware.process.portable import PortableProcessSource
from paddle_otel.hardware.process.reading import ProcessReading, Usage
from paddle_otel.hardware.process.source import ProcessSource
from paddle_otel.hardware.process.usable_cpus import usable_cpus

SECOND = 10**9
USAGE = Usage(10.5, 2.25, 1000, 3, 400, 50)
READING = ProcessReading(77, 100 * SECOND, USAGE, 5 * MIB, 4)


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine of 16 GiB and 8 CPUs."""
    return FakeMachine(tmp_path)


def test_first_collection() -> None:
    """Everything but shares of CPU time, which need two readings; seconds are floats, all else whole numbers."""
    found = all_points(KIND, READING)
    assert found == {
        "process.cpu.time": {"user": 10.5, "system": 2.25},
        "process.memory.usage": {"": 5 * MIB},
        "process.context_switches": {"voluntary": 400, "involuntary": 50},
        "process.paging.faults": {"minor": 1000, "major": 3},
    }
    of_type = {name: {type(value) for value in values.values()} for name, values in found.items()}
    assert of_type == {name: {float if name == "process.cpu.time" else int} for name in found}


def test_every_process_reports_itself() -> None:
    """Without asking who holds what."""
    assert all(observed.of_process for observed in KIND.metrics)

    def asked(_: str) -> bool:
        raise AssertionError("no claim is needed")

    assert KIND.reported(READING, asked) is READING


def test_shares_of_cpu_time() -> None:
    """CPU seconds over the seconds that 4 CPUs had."""
    now = replace(READING, moment=110 * SECOND, usage=replace(USAGE, user=30.5, system=3.25))
    assert points(KIND, "process.cpu.utilization", now, READING) == {"user": 0.5, "system": 0.025}
    limited = replace(now, cpus=2.5)
    assert points(KIND, "process.cpu.utilization", limited, READING) == {"user": 0.8, "system": 0.04}


@pytest.mark.parametrize(
    "now",
    [
        replace(READING, pid=78, moment=110 * SECOND, usage=replace(USAGE, user=30.0, system=9.0)),
        replace(READING, moment=110 * SECOND, usage=replace(USAGE, user=10.0, system=9.0)),
        replace(READING, moment=110 * SECOND, usage=replace(USAGE, user=30.0, system=2.0)),
        replace(READING, moment=110 * SECOND, cpus=None),
        replace(READING, moment=110 * SECOND, cpus=0),
        READING,
        replace(READING, moment=90 * SECOND),
    ],
)
def test_no_shares_of_cpu_time(now: ProcessReading) -> None:
    """Of a forked child since its parent's reading, of a counter that went back, without CPUs, without time."""
    assert points(KIND, "process.cpu.utilization", now, READING) == {}


def test_unknown_is_absent() -> None:
    """Nothing is 0 because it is not known."""
    reading = replace(READING, usage=Usage(1.0, 2.0, None, None, None, None), resident=None)
    assert all_points(KIND, reading) == {"process.cpu.time": {"user": 1.0, "system": 2.0}}


@pytest.mark.parametrize(
    ("statm", "pages"),
    [
        ("50000 2500 1000 10 0 9000 0\n", 2500),
        ("50000 0 0 0 0 0 0\n", None),
        ("50000 -1 0 0 0 0 0\n", None),
        ("50000 2500", None),
        ("50000\n", None),
        ("a b c\n", None),
        (b"\x00\xff\n", None),
        ("1" * 10_000_000, None),
        ("", None),
    ],
)
def test_physical_memory(machine: FakeMachine, statm: str | bytes, pages: int | None) -> None:
    """The second column, in pages; a process that runs always has some."""
    machine.write("proc/self/statm", statm)
    resident = ProcessSource(machine.root).read().resident
    assert resident == (pages * os.sysconf("SC_PAGE_SIZE") if pages is not None else None)


def test_memory_that_cannot_be_read(machine: FakeMachine, caplog: pytest.LogCaptureFixture) -> None:
    """All else is there, and one line says what is not."""
    machine.remove("proc/self/statm")
    source = ProcessSource(machine.root)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        readings = [source.read() for _ in range(5)]
    assert {reading.resident for reading in readings} == {None}
    assert readings[-1].usage.user > 0
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "physical memory of this process" in record.getMessage()
    source.close()


def test_this_process() -> None:
    """As psutil has it; all threads are counted, those that have ended, too."""
    source = ProcessSource()
    assert source.name == "process"
    before, mine = psutil.Process().cpu_times(), source.read()
    thread = threading.Thread(target=_busy, args=(0.3,))
    thread.start()
    thread.join()
    after, reading, rest = psutil.Process().cpu_times(), source.read(), psutil.Process().memory_info()
    assert reading.pid == os.getpid()
    spent = reading.usage.user + reading.usage.system - mine.usage.user - mine.usage.system
    assert spent == pytest.approx(after.user + after.system - before.user - before.system, abs=0.05)
    assert spent > 0.03
    assert reading.resident == pytest.approx(rest.rss, abs=16 * MIB)
    assert reading.usage.minor_faults
    assert reading.moment > mine.moment


def test_context_switches_of_all_threads() -> None:
    """The file that tools read counts those of the main thread alone."""
    source = ProcessSource()
    before = source.read().usage.voluntary_switches
    waiting = threading.Thread(target=lambda: [time.sleep(0.0005) for _ in range(200)])
    waiting.start()
    waiting.join()
    after = source.read().usage.voluntary_switches
    assert after is not None
    assert before is not None
    assert after - before >= 200


def test_page_faults(machine: FakeMachine) -> None:
    """A page that is touched for the first time is a fault."""
    source = ProcessSource(machine.root)
    before = source.read().usage.minor_faults
    touched = bytearray(64 * MIB)
    touched[:: os.sysconf("SC_PAGE_SIZE")] = b"1" * (len(touched) // os.sysconf("SC_PAGE_SIZE"))
    after = source.read().usage.minor_faults
    assert after is not None
    assert before is not None
    assert after > before


def test_forked_child_reads_itself() -> None:
    """With the source its parent has read from, and one of its own: its memory and its little CPU time."""
    program = """
import json, os, sys, time
from paddle_otel.hardware.process.source import ProcessSource
def figures(reading):
    return reading.pid, reading.resident, reading.usage.user + reading.usage.system
source = ProcessSource()
ballast = bytearray(100 * 2**20)
end = time.process_time() + 0.3
while time.process_time() < end: pass
parent = source.read()
reader, writer = os.pipe()
if os.fork() == 0:
    del ballast
    child = source.read()
    os.write(writer, json.dumps([os.getpid(), *figures(child)]).encode())
    os._exit(0)
os.wait()
print(json.dumps([*figures(parent), *json.loads(os.read(reader, 1000))]))
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    parent, parent_resident, parent_cpu, child_itself, child, child_resident, child_cpu = json.loads(ended.stdout)
    assert child == child_itself != parent
    assert child_resident < parent_resident - 50 * MIB
    assert parent_cpu > 0.29
    assert child_cpu < 0.15


def test_usable_cpus_of_a_machine_without_limits(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, or those that the process is allowed on."""
    _allow(monkeypatch, set(range(8)))
    assert usable_cpus(machine.root) == 8
    _allow(monkeypatch, {1, 5, 6})
    assert usable_cpus(machine.root) == 3
    machine.remove("sys/devices/system/cpu/online")
    assert usable_cpus(machine.root) == 3


def test_usable_cpus_of_a_limited_container(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tighter one of both, and of all groups around this process."""
    _allow(monkeypatch, {1, 5, 6})
    machine.write("proc/self/cgroup", "0::/pod/container\n")
    machine.cgroup("pod/container", cpu_max="250000 100000")
    assert usable_cpus(machine.root) == 2.5
    machine.cgroup("pod", cpu_max="50000 100000")
    assert usable_cpus(machine.root) == 0.5
    machine.cgroup("pod", cpu_max="400000 100000")
    machine.cgroup("pod/container", cpu_max="max 100000", memory_max=str(GIB))
    assert usable_cpus(machine.root) == 3.0


def test_usable_cpus_when_the_system_does_not_tell(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that forbids the question: the machine's CPUs; without those it is unknown."""

    def refuse(_: int) -> set[int]:
        raise PermissionError

    monkeypatch.setattr("os.sched_getaffinity", refuse)
    assert usable_cpus(machine.root) == 8
    machine.remove("sys/devices/system/cpu/online")
    assert usable_cpus(machine.root) is None


def test_pinned_threads(tmp_path: Path) -> None:
    """OpenMP pins each thread to a CPU of its own, the main thread too: together they use what all may use."""
    online = tmp_path / "sys/devices/system/cpu/online"  # a machine without limits on CPU time
    online.parent.mkdir(parents=True)
    online.write_text("0-1048575\n")
    program = """
import os, sys, threading
from pathlib import Path
from paddle_otel.hardware.process.usable_cpus import usable_cpus
root = Path(sys.argv[1])
allowed = sorted(os.sched_getaffinity(0))
print(len(allowed), usable_cpus(root))
pinned, done = threading.Barrier(len(allowed)), threading.Event()
def pin(cpu):
    os.sched_setaffinity(0, {cpu})
    pinned.wait()
    done.wait()
for cpu in allowed[1:]:
    threading.Thread(target=pin, args=(cpu,)).start()
os.sched_setaffinity(0, {allowed[0]})
pinned.wait()
print(usable_cpus(root))
done.set()
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    allowed, before, pinned = map(float, ended.stdout.split())
    assert allowed == before == pinned


def test_usable_cpus_are_looked_up_every_30_seconds(machine: FakeMachine) -> None:
    """Threads and limits change rarely, and asking for them takes longer than all the rest."""
    clock = Clock()
    source = ProcessSource(machine.root, clock)
    machine.cgroup("", cpu_max="50000 100000")
    assert source.read().cpus == 0.5
    machine.cgroup("", cpu_max="25000 100000")
    clock.now += 29.9
    assert source.read().cpus == 0.5
    clock.now += 0.1
    assert source.read().cpus == 0.25


def test_reader_for_other_systems_reads_this_one_alike() -> None:
    """Through psutil: what means the same on all systems, and nothing else."""
    reading, linux = PortableProcessSource().read(), ProcessSource().read()
    assert reading is not None
    assert reading.pid == linux.pid
    assert reading.usage.user == pytest.approx(linux.usage.user, abs=0.1)
    assert reading.usage.system == pytest.approx(linux.usage.system, abs=0.1)
    assert reading.usage == Usage(reading.usage.user, reading.usage.system, None, None, None, None)
    assert reading.resident == pytest.approx(linux.resident, abs=16 * MIB)
    assert reading.cpus == os.sysconf("SC_NPROCESSORS_ONLN")


def test_reader_for_other_systems_without_permission(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, no reading, no exception."""

    def refuse(*_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr("psutil.Process.cpu_times", refuse)
    source = PortableProcessSource()
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        assert [source.read(), source.read()] == [None, None]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "(AccessDenied)" in record.getMessage()
    source.close()


def _allow(monkeypatch: pytest.MonkeyPatch, cpus: set[int]) -> None:
    def allowed(_: int) -> set[int]:
        return cpus

    monkeypatch.setattr("os.sched_getaffinity", allowed)


def _busy(seconds: float) -> None:
    end = time.thread_time() + seconds / 2
    while time.thread_time() < end:
        pass
