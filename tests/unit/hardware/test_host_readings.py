"""What is read off the machine, and what happens when its files are not as they should be."""

import logging
from pathlib import Path

import pytest

from fake_machine import GIB, MIB, FakeMachine
from fake_nvml.sources import Clock
from paddle_otel.hardware.host.portable import PortableHostSource
from paddle_otel.hardware.host.reading import HostReading, Memory, Paging, Swap
from paddle_otel.hardware.host.source import HostSource


@pytest.fixture
def source(machine: FakeMachine, clock: Clock) -> HostSource:
    """Reads it."""
    return HostSource(machine.root, clock)


def read(source: HostSource) -> HostReading:
    """Read something."""
    reading = source.read()
    assert reading is not None
    return reading


def test_everything(source: HostSource) -> None:
    """Interrupts are hard and soft ones; guests are not added, because they are part of user and nice."""
    cpu = (10.0, 2.0, 3.0, 40.0, 0.5, 0.13, 0.8)
    memory = Memory(16 * GIB, 16 * GIB - 4 * GIB - 512 * MIB - 4 * GIB, 4 * GIB, 512 * MIB, 4 * GIB, 9 * GIB)
    paging = Paging(11, 22, 2960, 40)
    assert source.name == "host"
    assert read(source) == HostReading(8, cpu, cpu, memory, Swap(2 * GIB, 1536 * MIB), paging)


@pytest.mark.parametrize(
    ("stat", "cpu"),
    [
        ("cpu  1 2 3 4\n", (0.01, 0.02, 0.03, 0.04, None, None, None)),
        ("cpu  1 2 3 4 5 6\n", (0.01, 0.02, 0.03, 0.04, 0.05, None, None)),
        ("cpu  1 2 3 4 5 6 7\n", (0.01, 0.02, 0.03, 0.04, 0.05, 0.13, None)),
        ("cpu  1 2 3 4 5 6 7 8 junk\n", (0.01, 0.02, 0.03, 0.04, 0.05, 0.13, 0.08)),
        ("cpu  1 2 3\n", None),
        ("cpu  1 2 3 4 5 6 7 8", None),
        ("cpu  1 2 3 4 5 -6 7 8\n", None),
        ("cpu  1 2 3 4 5 6 7 99999999999999999999999\n", None),
        ("cpu  0 0 0 0 0 0 0 0 0 0\n", None),
        ("cpu0  1 2 3 4 5 6 7 8\n", None),
        ("cpu\n", None),
        ("\n", None),
        ("", None),
        (b"\x00\xff" * 100, None),
        ("cpu " + "1" * 10_000_000 + "\n", None),
    ],
)
def test_cpu_line(machine: FakeMachine, source: HostSource, stat: str | bytes, cpu: object) -> None:
    """Old kernels tell fewer modes; a line that is not as the kernel writes it tells none."""
    machine.write("proc/stat", stat)
    reading = read(source)
    assert reading.cpu == reading.cpu_counted == cpu
    assert reading.memory is not None
    assert reading.paging is not None


@pytest.mark.parametrize("missing", ["MemFree", "Buffers", "Cached", "SReclaimable", "MemTotal"])
def test_used_memory_needs_all_its_parts(machine: FakeMachine, source: HostSource, missing: str) -> None:
    """It is what is left of the whole, so one missing part makes it unknown."""
    machine.meminfo(**{missing: None})
    memory = read(source).memory
    assert memory is not None
    assert memory.used is None
    assert memory.available == 9 * GIB
    assert (memory.cached is None) == (missing in ("Cached", "SReclaimable"))
    assert (memory.total is None) == (missing == "MemTotal")


def test_used_memory_is_never_negative(machine: FakeMachine, source: HostSource) -> None:
    """Parts that are more than the whole (LXCFS mixes the container's and the host's) do not tell what is used."""
    machine.meminfo(MemTotal=1024)
    memory = read(source).memory
    assert memory is not None
    assert memory.used is None
    assert memory.total == MIB


def test_kernel_that_does_not_tell_what_is_available(machine: FakeMachine, source: HostSource) -> None:
    """Before Linux 3.14: unknown, not made up from the others."""
    machine.meminfo(MemAvailable=None)
    memory = read(source).memory
    assert memory is not None
    assert memory.available is None
    assert memory.free == 4 * GIB


@pytest.mark.parametrize(
    ("changes", "swap"),
    [
        ({"SwapTotal": 0, "SwapFree": 0}, Swap(0, 0)),
        ({"SwapTotal": None}, None),
        ({"SwapFree": None}, None),
        ({"SwapTotal": 1, "SwapFree": 2}, None),
    ],
)
def test_swap_space(machine: FakeMachine, source: HostSource, changes: dict[str, int | None], swap: object) -> None:
    """None at all is known to be 0; half a story is unknown."""
    machine.meminfo(**changes)
    assert read(source).swap == swap


@pytest.mark.parametrize(
    ("changes", "paging"),
    [
        ({"pswpin": None}, Paging(None, 22, 2960, 40)),
        ({"pgmajfault": None}, Paging(11, 22, None, None)),
        ({"pgfault": None}, Paging(11, 22, None, 40)),
        ({"pgfault": 39}, Paging(11, 22, None, 40)),
        ({"pswpin": None, "pswpout": None, "pgfault": None, "pgmajfault": None}, None),
    ],
)
def test_paging(machine: FakeMachine, source: HostSource, changes: dict[str, int | None], paging: object) -> None:
    """Minor faults are those of all that are not major."""
    machine.vmstat(**changes)
    assert read(source).paging == paging


@pytest.mark.parametrize(
    ("file", "lost"),
    [("proc/stat", {"cpu", "cpu_counted"}), ("proc/meminfo", {"memory", "swap"}), ("proc/vmstat", {"paging"})],
)
def test_file_that_cannot_be_read_costs_its_own_values_only(
    machine: FakeMachine, source: HostSource, caplog: pytest.LogCaptureFixture, file: str, lost: set[str]
) -> None:
    """One log line, however often it is tried; and the values come back with the file."""
    whole = (machine.root / file).read_bytes()
    machine.unreadable(file)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        readings = [read(source) for _ in range(10)]
    fields = ("cpus", "cpu", "cpu_counted", "memory", "swap", "paging")
    assert {name for name in fields if getattr(readings[-1], name) is None} == lost
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert f"{file} cannot be read (Is a directory)" in record.getMessage()
    (machine.root / file).rmdir()
    machine.write(file, whole)
    assert all(getattr(read(source), name) is not None for name in fields)


def test_machine_without_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There is no reading then, not an empty one, and three log lines in all."""
    source = HostSource(tmp_path)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        assert [source.read() for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 3
    source.close()


def test_number_of_cpus_is_looked_up_every_30_seconds(machine: FakeMachine, source: HostSource, clock: Clock) -> None:
    """It changes where CPUs are added to a virtual machine; reading it each time would cost more than it is worth."""
    assert read(source).cpus == 8
    machine.write("sys/devices/system/cpu/online", "0-3\n")
    clock.now += 29.9
    assert read(source).cpus == 8
    clock.now += 0.1
    assert read(source).cpus == 4


def test_counters_never_go_back_while_times_are_as_they_are(machine: FakeMachine, source: HostSource) -> None:
    """Waiting for disks wavers; the counter stands still, and the shares can tell that something is wrong."""
    machine.write("proc/stat", "cpu  100 0 0 1000 50 0 0 0\n")
    first = read(source)
    machine.write("proc/stat", "cpu  110 0 0 1005 49 0 0 0\n")
    second = read(source)
    assert first.cpu_counted == (1.0, 0.0, 0.0, 10.0, 0.5, 0.0, 0.0)
    assert second.cpu_counted == (1.1, 0.0, 0.0, 10.05, 0.5, 0.0, 0.0)
    assert second.cpu == (1.1, 0.0, 0.0, 10.05, 0.49, 0.0, 0.0)
    machine.vmstat(pgfault=2999, pgmajfault=39)
    assert read(source).paging == Paging(11, 22, 2960, 40)


def test_reader_for_other_systems_reads_this_one_alike() -> None:
    """Through psutil: what means the same on all systems, and nothing else."""
    reading, linux = PortableHostSource().read(), HostSource().read()
    assert reading is not None
    assert linux is not None
    assert reading.cpus == linux.cpus
    assert reading.cpu is not None
    assert reading.cpu_counted == reading.cpu
    assert linux.cpu is not None
    assert reading.cpu[:4] == pytest.approx(linux.cpu[:4], abs=1.0)
    assert reading.cpu[4:] == (None, None, None)
    assert reading.memory is not None
    assert linux.memory is not None
    assert reading.memory.total == linux.memory.total
    assert reading.memory.free == pytest.approx(linux.memory.free, abs=256 * MIB)
    assert reading.memory.used is not None
    assert (reading.memory.buffers, reading.memory.cached, reading.memory.available) == (None, None, None)
    assert reading.swap == linux.swap
    assert reading.paging is None


def test_reader_for_other_systems_without_permission(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, no reading, no exception."""

    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr("psutil.virtual_memory", refuse)
    source = PortableHostSource()
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        assert [source.read(), source.read()] == [None, None]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "(PermissionError)" in record.getMessage()
    source.close()
