"""Pressure: of the container first, else of the host, and which of them says so."""

import logging

import pytest

from fake_machine import GIB, PRESSURE, FakeMachine, all_points, nobody, only
from fake_nvml.sources import Clock
from paddle_otel.hardware.pressure import KIND
from paddle_otel.hardware.pressure.reading import PressureReading, Stall
from paddle_otel.hardware.pressure.source import PressureSource

HOST = PressureReading("host-pressure", "host", Stall(0.1234, None), Stall(0.01, 0.0025), Stall(1.0, 0.505))
OF_GROUP = "some avg10=7.00 avg60=5.00 avg300=1.00 total=1\nfull avg10=3.50 avg60=0.00 avg300=0.00 total=0"
SEVEN = Stall(0.07, 0.035)
FILES = {"cpu_pressure": OF_GROUP, "memory_pressure": OF_GROUP, "io_pressure": OF_GROUP}


@pytest.fixture
def source(machine: FakeMachine, clock: Clock) -> PressureSource:
    """Reads it."""
    return PressureSource(machine.root, clock)


def _claim(machine: FakeMachine, path: str = "") -> str:
    status = (machine.root / "sys/fs/cgroup" / path).stat()
    return f"cgroup-{status.st_dev}-{status.st_ino}"


def test_host(source: PressureSource) -> None:
    """All tasks never wait for the CPU at once: what the kernel writes there means nothing and is absent."""
    assert source.name == "pressure"
    reading = source.read()
    assert reading == HOST
    assert all_points(KIND, reading) == {
        "paddle.pressure.cpu": {"host/some": 0.1234},
        "paddle.pressure.memory": {"host/some": 0.01, "host/full": 0.0025},
        "paddle.pressure.io": {"host/some": 1.0, "host/full": 0.505},
    }


def test_root_group_is_the_host(machine: FakeMachine, source: PressureSource) -> None:
    """Its files are the host's under another name."""
    for name in FILES:
        machine.write(f"sys/fs/cgroup/{name.replace('_', '.')}", OF_GROUP + "\n")
    assert source.read() == HOST


@pytest.mark.parametrize("path", ["/service", "/user.slice/session-1.scope"])
def test_group_of_this_process(machine: FakeMachine, source: PressureSource, path: str) -> None:
    """A service or a session without limits is no container: the host's."""
    machine.write("proc/self/cgroup", f"0::{path}\n")
    machine.cgroup(path, **FILES)
    assert source.read() == HOST


def test_container_whose_namespace_is_the_hosts(machine: FakeMachine, source: PressureSource) -> None:
    """Without limits it looks like a service, even where its own group is mounted as if it were the root."""
    machine.write("proc/self/cgroup", "0::/docker/1\n")
    machine.write("proc/self/mountinfo", "31 23 0:28 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    machine.cgroup("", **FILES)
    assert source.read() == HOST


def test_container_around_the_group_of_this_process(machine: FakeMachine, source: PressureSource) -> None:
    """The group with the limits: the same for all processes of the container."""
    machine.write("proc/self/cgroup", "0::/container/worker\n")
    machine.cgroup("container", memory_max=str(GIB), **FILES)
    machine.cgroup("container/worker", **{name: OF_GROUP.replace("7", "9") for name in FILES})
    assert source.read() == PressureReading(_claim(machine, "container"), "container", SEVEN, SEVEN, SEVEN)


def test_namespace(machine: FakeMachine, source: PressureSource) -> None:
    """The group looks like the root, but is not: a container without limits, where all tasks may wait for the CPU."""
    machine.cgroup("", **FILES)
    reading = source.read()
    assert reading == PressureReading(_claim(machine), "container", SEVEN, SEVEN, SEVEN)
    assert all_points(KIND, reading)["paddle.pressure.cpu"] == {"container/some": 0.07, "container/full": 0.035}


def test_group_inside_a_namespace(machine: FakeMachine, source: PressureSource) -> None:
    """The container is around it: the same for all of its processes."""
    machine.write("proc/self/cgroup", "0::/init.scope\n")
    machine.cgroup("", **FILES)
    machine.cgroup("init.scope", **{name: OF_GROUP.replace("7", "9") for name in FILES})
    assert source.read() == PressureReading(_claim(machine), "container", SEVEN, SEVEN, SEVEN)


def test_group_without_pressure(machine: FakeMachine, source: PressureSource) -> None:
    """Version 1, or switched off for the group: the host's."""
    machine.cgroup("")
    assert source.read() == HOST
    machine.version_1(memory="/docker/1")
    assert PressureSource(machine.root).read() == HOST


def test_container_of_version_1(machine: FakeMachine, source: PressureSource) -> None:
    """Has no pressure, and that of a group of version 2 somewhere else is not its own."""
    machine.write("proc/self/cgroup", "4:memory:/docker/1\n0::/elsewhere\n")
    machine.write(
        "proc/self/mountinfo",
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    )
    machine.cgroup("elsewhere", **FILES)
    machine.cgroup_1("memory", "docker/1", memory_limit_in_bytes=str(GIB))
    assert source.read() == HOST


def test_scope_is_looked_up_every_30_seconds(machine: FakeMachine, source: PressureSource, clock: Clock) -> None:
    """Values at each sample."""
    machine.cgroup("")
    assert source.read() == HOST
    machine.cgroup("", **FILES)
    clock.now += 29.9
    assert source.read() == HOST
    clock.now += 0.1
    reading = source.read()
    assert reading is not None
    assert reading.scope == "container"
    machine.cgroup("", io_pressure=OF_GROUP.replace("7.00", "8.00"))
    reading = source.read()
    assert reading is not None
    assert reading.io == Stall(0.08, 0.035)


@pytest.mark.parametrize(
    ("text", "stall"),
    [
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", Stall(0.0, None)),
        ("full avg10=0.01 avg60=0.00 avg300=0.00 total=0\n", Stall(None, 0.0001)),
        ("some avg60=9.00 avg10=99.99\n", Stall(0.9999, None)),
        ("some avg10=100.01\n", None),
        ("some avg10=-1.00\n", None),
        ("some avg10=nan\n", None),
        ("some avg10=inf\n", None),
        ("some avg10=1e1\n", None),
        ("some avg10=1.0\n", None),
        ("some avg10=1\n", None),
        ("some avg10=\n", None),
        ("some avg10=1.00", None),
        ("some\n", None),
        ("someavg10=1.00\n", None),
        ("\n", None),
        ("", None),
        (b"\x00\xff\n" * 1000, None),
        ("some avg10=" + "1" * 10_000_000 + ".00\n", None),
    ],
)
def test_text_of_the_kernel(
    machine: FakeMachine, source: PressureSource, text: str | bytes, stall: Stall | None
) -> None:
    """A per cent value from 0 to 100 with two decimals, in a whole line; anything else is unknown."""
    machine.write("proc/pressure/memory", text)
    reading = source.read()
    assert reading is not None
    assert reading.memory == stall
    assert reading.io == HOST.io


@pytest.mark.parametrize("resource", PRESSURE)
def test_file_that_cannot_be_read(
    machine: FakeMachine, source: PressureSource, caplog: pytest.LogCaptureFixture, resource: str
) -> None:
    """Costs its own values; nothing is logged, because many kernels have none."""
    machine.unreadable(f"proc/pressure/{resource}")
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        reading = source.read()
    assert reading is not None
    assert [name for name in PRESSURE if getattr(reading, name) is None] == [resource]
    assert caplog.records == []


def test_kernel_without_pressure(machine: FakeMachine, source: PressureSource) -> None:
    """Has no reading."""
    for resource in PRESSURE:
        machine.remove(f"proc/pressure/{resource}")
    assert source.read() is None
    source.close()


def test_each_pressure_is_reported_by_one_process(machine: FakeMachine, source: PressureSource) -> None:
    """The host's by another claim than its other metrics, whose holder may be in a container of its own."""
    host = source.read()
    assert host is not None
    assert KIND.reported(host, only("host-pressure")) is host
    assert KIND.reported(host, only("host")) is None
    machine.cgroup("", **FILES)
    container = PressureSource(machine.root).read()
    assert container is not None
    assert KIND.reported(container, only(_claim(machine))) is container
    assert KIND.reported(container, only("host-pressure")) is None
    assert KIND.reported(container, nobody) is None
