"""The container: which cgroup it is, its limits, and what it uses."""

import logging
import os
from pathlib import Path

import pytest

from fake_machine import GIB, MIB, FakeMachine, all_points, nobody, only
from fake_nvml.sources import Clock
from paddle_otel.hardware.container import KIND
from paddle_otel.hardware.container.reading import ContainerReading
from paddle_otel.hardware.container.source import ContainerSource

CPU_STAT = (
    "usage_usec 7000000\nuser_usec 4500000\nsystem_usec 2500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 1250000"
)
MEMORY_STAT = f"anon {GIB}\nfile {GIB}\ninactive_anon 5\ninactive_file {256 * MIB}\nactive_file 7"


@pytest.fixture
def source(machine: FakeMachine, clock: Clock) -> ContainerSource:
    """Reads the container of that machine."""
    return ContainerSource(machine.root, clock)


def read(source: ContainerSource) -> ContainerReading:
    """Read a container that is there."""
    reading = source.read()
    assert reading is not None
    return reading


def container(machine: FakeMachine, path: str = "", **changes: str) -> None:
    """Make a container of 4 GiB and 1.5 CPUs."""
    files = {
        "memory_max": str(4 * GIB),
        "memory_current": str(2 * GIB),
        "memory_stat": MEMORY_STAT,
        "cpu_max": "150000 100000",
        "cpu_stat": CPU_STAT,
    }
    machine.cgroup(path, **{**files, **changes})


def claim(machine: FakeMachine, folder: str) -> str:
    """Return the name of a cgroup among all of the host."""
    status = (machine.root / folder).stat()
    return f"cgroup-{status.st_dev}-{status.st_ino}"


def test_everything(machine: FakeMachine, source: ContainerSource) -> None:
    """Available is the limit less the working set: what is in use without page cache that was not used lately."""
    container(machine)
    assert source.name == "container"
    available = 4 * GIB - (2 * GIB - 256 * MIB)
    name = claim(machine, "sys/fs/cgroup")
    assert read(source) == ContainerReading(name, 2 * GIB, 4 * GIB, available, 1.5, 4.5, 2.5, 1.25)
    assert all_points(KIND, read(source)) == {
        "container.memory.usage": {"": 2 * GIB},
        "container.memory.available": {"": available},
        "paddle.container.memory.limit": {"": 4 * GIB},
        "paddle.container.cpu.limit": {"": 1.5},
        "container.cpu.time": {"user": 4.5, "system": 2.5},
        "paddle.container.cpu.throttled_time": {"": 1.25},
    }


def test_types(machine: FakeMachine, source: ContainerSource) -> None:
    """Bytes are whole numbers; CPUs and seconds are not."""
    container(machine, cpu_max="200000 100000")
    of_type = {name: {type(value) for value in v.values()} for name, v in all_points(KIND, read(source)).items()}
    assert of_type == {name: {int if "memory" in name else float} for name in of_type}
    assert len(of_type) == 6


@pytest.mark.parametrize(
    ("memory", "cpu"),
    [
        ("max", "max 100000"),
        (str(16 * GIB), "800000 100000"),
        (str(2**63 - 4096), "999999999 100000"),
        ("-1", "-1 100000"),
        ("", ""),
        ("\x00\xff", "150000"),
        ("9" * 100, "0 100000"),
        (f"{GIB}\n{GIB}", "150000 0"),
        (f"{GIB} {GIB}", "150000 999"),
        ("1e9", "1.5 1"),
    ],
)
def test_no_limit_tighter_than_the_machine(
    machine: FakeMachine, source: ContainerSource, memory: str, cpu: str
) -> None:
    """Is no container: the machine's own metrics say it all."""
    container(machine, memory_max=memory, cpu_max=cpu)
    assert source.read() is None


def test_one_limit_only(machine: FakeMachine, clock: Clock) -> None:
    """The other one is absent; what is used is known all the same."""
    container(machine, cpu_max="max 100000")
    reading = read(ContainerSource(machine.root, clock))
    assert (reading.cpu_limit, reading.cpu_throttled, reading.cpu_user) == (None, None, 4.5)
    container(machine, memory_max="max")
    reading = read(ContainerSource(machine.root, clock))
    assert (reading.memory_limit, reading.memory_available, reading.memory_usage) == (None, None, 2 * GIB)
    assert reading.cpu_limit == 1.5


def test_tighter_limits_further_out(machine: FakeMachine, source: ContainerSource) -> None:
    """A pod with less than its container: the pod's limits hold, and the pod's use counts against them."""
    machine.write("proc/self/cgroup", "0::/pod/container\n")
    container(machine, "pod/container", memory_current=str(GIB), memory_stat="inactive_file 0")
    container(
        machine,
        "pod",
        memory_max=str(3 * GIB),
        memory_current=str(5 * GIB // 2),
        memory_stat="inactive_file 0",
        cpu_max="50000 100000",
        cpu_stat="throttled_usec 9000000",
    )
    name = claim(machine, "sys/fs/cgroup/pod/container")
    assert read(source) == ContainerReading(name, GIB, 3 * GIB, GIB // 2, 0.5, 4.5, 2.5, 9.0)


def test_wider_limit_further_out_may_leave_less(machine: FakeMachine, source: ContainerSource) -> None:
    """Neighbours in the same pod use up what the container's own limit would leave it."""
    machine.write("proc/self/cgroup", "0::/pod/container\n")
    container(machine, "pod/container", memory_current=str(GIB), memory_stat="inactive_file 0")
    container(machine, "pod", memory_max=str(8 * GIB), memory_current=str(8 * GIB - 5), memory_stat="inactive_file 0")
    reading = read(source)
    assert (reading.memory_limit, reading.memory_available) == (4 * GIB, 5)


def test_limit_whose_use_is_unknown(machine: FakeMachine, source: ContainerSource) -> None:
    """It may leave less than the others do, so what is available is unknown."""
    machine.write("proc/self/cgroup", "0::/pod/container\n")
    container(machine, "pod/container")
    machine.cgroup("pod", memory_max=str(8 * GIB))
    reading = read(source)
    assert (reading.memory_limit, reading.memory_available) == (4 * GIB, None)


@pytest.mark.parametrize(
    ("limited_in_pod", "limited_in_container"),
    [
        ({"memory_max": str(GIB)}, {"cpu_max": "150000 100000"}),
        ({"cpu_max": "150000 100000"}, {"memory_max": str(GIB)}),
    ],
)
def test_limits_of_different_groups(
    machine: FakeMachine, source: ContainerSource, limited_in_pod: dict[str, str], limited_in_container: dict[str, str]
) -> None:
    """The innermost group with any limit is the container, whatever is limited there."""
    machine.write("proc/self/cgroup", "0::/pod/container\n")
    machine.cgroup("pod", memory_current="9", memory_stat="inactive_file 0", **limited_in_pod)
    stat = {"memory_current": "7", "memory_stat": "inactive_file 0", "cpu_stat": CPU_STAT}
    machine.cgroup("pod/container", **stat, **limited_in_container)
    reading = read(source)
    assert reading.claim == claim(machine, "sys/fs/cgroup/pod/container")
    assert (reading.memory_usage, reading.memory_limit, reading.cpu_limit, reading.cpu_user) == (7, GIB, 1.5, 4.5)
    assert reading.memory_available == GIB - (9 if "memory_max" in limited_in_pod else 7)


def test_group_inside_the_container(machine: FakeMachine, source: ContainerSource) -> None:
    """The container is the innermost group with a limit: the same for all processes in it."""
    machine.write("proc/self/cgroup", "0::/pod/container/worker\n")
    machine.cgroup("pod/container/worker", memory_max="max", memory_current="1", cpu_max="max 100000")
    container(machine, "pod/container")
    reading = read(source)
    assert reading.claim == claim(machine, "sys/fs/cgroup/pod/container")
    assert reading.memory_usage == 2 * GIB
    assert reading.cpu_user == 4.5


@pytest.mark.parametrize(
    ("file", "lost"),
    [
        ("memory.current", {"memory_usage", "memory_available"}),
        ("memory.stat", {"memory_available"}),
        ("cpu.stat", {"cpu_user", "cpu_system", "cpu_throttled"}),
    ],
)
def test_file_that_cannot_be_read_costs_its_own_values_only(
    machine: FakeMachine, source: ContainerSource, caplog: pytest.LogCaptureFixture, file: str, lost: set[str]
) -> None:
    """And nothing is logged: in containers this is ordinary."""
    container(machine)
    machine.unreadable(f"sys/fs/cgroup/{file}")
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        reading = read(source)
    fields = tuple(ContainerReading.__dataclass_fields__)
    assert {name for name in fields if getattr(reading, name) is None} == lost
    assert caplog.records == []


def test_use_above_the_limit(machine: FakeMachine, source: ContainerSource) -> None:
    """Nothing is left then; a negative amount is none."""
    container(machine, memory_current=str(5 * GIB))
    assert read(source).memory_available == 0


def test_page_cache_above_the_use(machine: FakeMachine, source: ContainerSource) -> None:
    """Both are counted at different moments; all of the limit is left."""
    container(machine, memory_current="10", memory_stat="inactive_file 20")
    assert read(source).memory_available == 4 * GIB


def test_limits_are_looked_up_every_30_seconds_and_use_at_each_sample(
    machine: FakeMachine, source: ContainerSource, clock: Clock
) -> None:
    """A container that is given less while it runs."""
    container(machine)
    assert read(source).memory_limit == 4 * GIB
    container(machine, memory_max=str(3 * GIB), memory_current=str(GIB))
    clock.now += 29.9
    reading = read(source)
    assert (reading.memory_limit, reading.memory_usage) == (4 * GIB, GIB)
    clock.now += 0.1
    assert read(source).memory_limit == 3 * GIB


def test_counters_go_on_when_the_process_is_moved(machine: FakeMachine, source: ContainerSource, clock: Clock) -> None:
    """Another container's past is not added and takes nothing away."""
    machine.write("proc/self/cgroup", "0::/a\n")
    container(machine, "a")
    assert read(source).cpu_user == 4.5
    machine.write("proc/self/cgroup", "0::/b\n")
    container(machine, "b", cpu_stat="user_usec 1000000\nsystem_usec 90000000\nthrottled_usec 0")
    clock.now += 30
    reading = read(source)
    assert reading.claim == claim(machine, "sys/fs/cgroup/b")
    assert (reading.cpu_user, reading.cpu_system, reading.cpu_throttled) == (4.5, 2.5, 1.25)
    container(machine, "b", cpu_stat="user_usec 1500000\nsystem_usec 90000000\nthrottled_usec 1")
    reading = read(source)
    assert (reading.cpu_user, reading.cpu_system, reading.cpu_throttled) == (5.0, 2.5, 1.250001)


def test_throttled_time_goes_on_when_the_limit_moves(
    machine: FakeMachine, source: ContainerSource, clock: Clock
) -> None:
    """From the pod to the container and back: neither group's past is added."""
    machine.write("proc/self/cgroup", "0::/pod/container\n")
    container(machine, "pod/container", cpu_max="100000 100000", cpu_stat="user_usec 1\nthrottled_usec 60000000")
    container(machine, "pod", cpu_max="50000 100000", cpu_stat="throttled_usec 9000000")
    assert read(source).cpu_throttled == 9.0
    container(machine, "pod", cpu_max="200000 100000", cpu_stat="throttled_usec 9000000")
    clock.now += 30
    reading = read(source)
    assert (reading.cpu_limit, reading.cpu_throttled) == (1.0, 9.0)
    container(machine, "pod/container", cpu_max="100000 100000", cpu_stat="user_usec 1\nthrottled_usec 60500000")
    assert read(source).cpu_throttled == 9.5
    container(machine, "pod", cpu_max="50000 100000", cpu_stat="throttled_usec 9000000")
    clock.now += 30
    reading = read(source)
    assert (reading.cpu_limit, reading.cpu_throttled) == (0.5, 9.5)


def test_throttled_time_goes_on_after_a_time_without_a_limit(
    machine: FakeMachine, source: ContainerSource, clock: Clock
) -> None:
    """The same group counts on; meanwhile there is nothing to be said."""
    container(machine)
    assert read(source).cpu_throttled == 1.25
    container(machine, cpu_max="max 100000")
    clock.now += 30
    assert read(source).cpu_throttled is None
    container(machine, cpu_stat="throttled_usec 2000000")
    clock.now += 30
    assert read(source).cpu_throttled == 2.0


def test_group_that_vanishes(machine: FakeMachine, source: ContainerSource, clock: Clock) -> None:
    """Its values do, and later the container."""
    machine.write("proc/self/cgroup", "0::/a\n")
    container(machine, "a")
    name = read(source).claim
    for file in (machine.root / "sys/fs/cgroup/a").iterdir():
        file.unlink()
    (machine.root / "sys/fs/cgroup/a").rmdir()
    assert read(source) == ContainerReading(name, None, 4 * GIB, None, 1.5, None, None, None)
    clock.now += 30
    assert source.read() is None
    source.close()


@pytest.mark.parametrize("file", ["proc/meminfo", "sys/devices/system/cpu/online"])
def test_machine_that_does_not_tell_its_size(machine: FakeMachine, source: ContainerSource, file: str) -> None:
    """Then it is not known whether a limit is tighter, and that limit is absent."""
    container(machine)
    machine.remove(file)
    reading = read(source)
    assert (reading.memory_limit is None) == (file == "proc/meminfo")
    assert (reading.cpu_limit is None) == (file != "proc/meminfo")


def version_1(machine: FakeMachine, path: str = "/docker/1") -> None:
    """Make a container of 4 GiB and 2.5 CPUs in version 1."""
    machine.version_1(memory=path, cpu=path, cpuacct=path)
    machine.cgroup_1(
        "memory",
        path,
        memory_limit_in_bytes=str(4 * GIB),
        memory_usage_in_bytes=str(3 * GIB),
        memory_stat=f"inactive_file 1\ntotal_inactive_file {GIB}",
    )
    cpu_stat = "nr_periods 5\nnr_throttled 1\nthrottled_time 1500000000"
    machine.cgroup_1("cpu", path, cpu_cfs_quota_us="250000", cpu_cfs_period_us="100000", cpu_stat=cpu_stat)
    machine.cgroup_1("cpuacct", path, cpuacct_stat="user 150\nsystem 25")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")


def test_version_1(machine: FakeMachine, source: ContainerSource) -> None:
    """Other names and units, the same values."""
    version_1(machine)
    name = claim(machine, "sys/fs/cgroup/memory/docker/1")
    ticks = os.sysconf("SC_CLK_TCK")
    assert read(source) == ContainerReading(name, 3 * GIB, 4 * GIB, 2 * GIB, 2.5, 150 / ticks, 25 / ticks, 1.5)


def test_version_1_without_limits(machine: FakeMachine, source: ContainerSource) -> None:
    """Written as a number near 2**63 and as -1."""
    version_1(machine)
    machine.write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "9223372036854771712\n")
    machine.write("sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "-1\n")
    assert source.read() is None


def test_version_1_with_cpu_time_counted_elsewhere(machine: FakeMachine, source: ContainerSource) -> None:
    """A process whose CPU time is counted for the whole machine: that is not the container's."""
    version_1(machine)
    machine.write("proc/self/cgroup", "1:memory:/docker/1\n2:cpu:/docker/1\n3:cpuacct:/\n")
    machine.write("sys/fs/cgroup/cpuacct/cpuacct.stat", "user 99\nsystem 99\n")
    reading = read(source)
    assert (reading.cpu_user, reading.cpu_system) == (None, None)
    assert reading.cpu_throttled == 1.5


def test_version_1_root_of_a_namespace_is_not_the_machine(machine: FakeMachine, source: ContainerSource) -> None:
    """Where only memory is limited and CPU time belongs to all processes of the machine."""
    machine.version_1(memory="/", cpuacct="/")
    machine.remove("sys/fs/cgroup/memory/release_agent")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{GIB}\n")
    machine.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n")
    machine.write("sys/fs/cgroup/cpuacct/cpuacct.stat", "user 99\nsystem 99\n")
    reading = read(source)
    assert (reading.memory_limit, reading.memory_usage, reading.cpu_user) == (GIB, 5, None)


def test_one_process_of_a_container_reports_it(machine: FakeMachine, source: ContainerSource) -> None:
    """The one that holds it; holding another container or the host does not count."""
    container(machine)
    reading = read(source)
    assert KIND.reported(reading, only(reading.claim)) is reading
    assert KIND.reported(reading, only("host", "cgroup-1-2")) is None
    assert KIND.reported(reading, nobody) is None


def test_machine_without_files(tmp_path: Path) -> None:
    """No container, and nothing is raised."""
    assert ContainerSource(tmp_path / "none").read() is None
