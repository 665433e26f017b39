"""The metrics that the readings of the machine become: values, types, states, and what is left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from fake_machine import GIB, MIB, FakeMachine, all_points, nobody, only, points
from paddle_otel.hardware.host import KIND
from paddle_otel.hardware.host.reading import CPU_MODES, HostReading, Memory, Swap
from paddle_otel.hardware.host.source import HostSource


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine of 16 GiB and 8 CPUs."""
    return FakeMachine(tmp_path)


@pytest.fixture
def reading(machine: FakeMachine) -> HostReading:
    """What it says."""
    reading = HostSource(machine.root).read()
    assert reading is not None
    return reading


def test_first_collection(reading: HostReading) -> None:
    """Everything but shares of CPU time, which need two readings."""
    used = 16 * GIB - 4 * GIB - 512 * MIB - 4 * GIB
    assert all_points(KIND, reading) == {
        "system.cpu.time": {
            "user": 10.0,
            "nice": 2.0,
            "system": 3.0,
            "idle": 40.0,
            "iowait": 0.5,
            "interrupt": 0.13,
            "steal": 0.8,
        },
        "system.cpu.logical.count": {"": 8},
        "system.memory.usage": {"used": used, "free": 4 * GIB, "buffers": 512 * MIB, "cached": 4 * GIB},
        "system.memory.limit": {"": 16 * GIB},
        "system.memory.utilization": {"used": 7.5 / 16, "free": 0.25, "buffers": 1 / 32, "cached": 0.25},
        "system.memory.linux.available": {"": 9 * GIB},
        "system.paging.usage": {"used": 512 * MIB, "free": 1536 * MIB},
        "system.paging.utilization": {"used": 0.25, "free": 0.75},
        "system.paging.operations": {"in": 11, "out": 22},
        "system.paging.faults": {"minor": 2960, "major": 40},
    }


def test_types(reading: HostReading) -> None:
    """Bytes and counts are whole numbers, times and shares are not."""
    of_type = {name: {type(value) for value in values.values()} for name, values in all_points(KIND, reading).items()}
    floats = {"system.cpu.time", "system.memory.utilization", "system.paging.utilization"}
    assert of_type == {name: {float if name in floats else int} for name in of_type}


def test_states_of_memory_add_up(reading: HostReading) -> None:
    """To all of it."""
    assert sum(points(KIND, "system.memory.usage", reading).values()) == 16 * GIB
    assert sum(points(KIND, "system.memory.utilization", reading).values()) == 1.0


def _with_cpu(reading: HostReading, *times: float | None) -> HostReading:
    return replace(reading, cpu=times, cpu_counted=times)


def _utilization(now: HostReading, before: HostReading) -> dict[str, int | float]:
    return points(KIND, "system.cpu.utilization", now, before)


def test_shares_of_cpu_time(reading: HostReading) -> None:
    """What each mode took of what all took between two readings."""
    before = _with_cpu(reading, 10.0, 1.0, 5.0, 100.0, 2.0, 0.5, 0.0)
    now = _with_cpu(reading, 14.0, 1.0, 6.0, 104.5, 2.25, 0.75, 0.0)
    assert _utilization(now, before) == {
        "user": 0.4,
        "nice": 0.0,
        "system": 0.1,
        "idle": 0.45,
        "iowait": 0.025,
        "interrupt": 0.025,
        "steal": 0.0,
    }


def test_shares_of_cpu_time_of_guests(machine: FakeMachine) -> None:
    """A host whose CPUs do nothing but run guests: all of it is user, and the shares add up to 1."""
    source = HostSource(machine.root)
    machine.write("proc/stat", "cpu  100 0 0 100 0 0 0 0 90 0\n")
    before = source.read()
    machine.write("proc/stat", "cpu  180 20 0 100 0 0 0 0 170 20\n")
    now = source.read()
    assert now is not None
    assert before is not None
    shares = _utilization(now, before)
    assert shares["user"] == pytest.approx(0.8)
    assert shares["nice"] == pytest.approx(0.2)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_shares_where_an_old_kernel_tells_fewer_modes(reading: HostReading) -> None:
    """Of those that it tells; the others have none."""
    before = _with_cpu(reading, 10.0, 1.0, 5.0, 100.0, None, None, None)
    now = _with_cpu(reading, 11.0, 1.0, 5.0, 103.0, None, None, None)
    assert _utilization(now, before) == {"user": 0.25, "nice": 0.0, "system": 0.0, "idle": 0.75}


WAVERING = {"idle", "iowait"}


@pytest.mark.parametrize("mode", [mode for mode, name in enumerate(CPU_MODES) if name in WAVERING])
def test_what_the_kernel_takes_back_is_no_time(reading: HostReading, mode: int) -> None:
    """Idle and waiting time waver on CPUs that sleep; that costs no share of the others."""
    times = [10.0] * len(CPU_MODES)
    before = _with_cpu(reading, *times)
    times = [20.0] * len(CPU_MODES)
    times[mode] = 9.99
    shares = _utilization(_with_cpu(reading, *times), before)
    assert shares == {name: 0.0 if name == CPU_MODES[mode] else 10 / 60 for name in CPU_MODES}


@pytest.mark.parametrize("mode", [mode for mode, name in enumerate(CPU_MODES) if name not in WAVERING])
def test_counter_that_went_back_leaves_no_shares(reading: HostReading, mode: int) -> None:
    """Of any other mode: one wrong difference makes all the others wrong."""
    times = [10.0] * len(CPU_MODES)
    before = _with_cpu(reading, *times)
    times = [20.0] * len(CPU_MODES)
    times[mode] = 9.99
    assert _utilization(_with_cpu(reading, *times), before) == {}


def test_no_shares_without_time_or_readings(reading: HostReading) -> None:
    """The same reading twice, none before, or CPU times that are unknown."""
    unknown = replace(reading, cpu=None, cpu_counted=None)
    assert _utilization(reading, reading) == {}
    assert _utilization(reading, unknown) == {}
    assert _utilization(unknown, reading) == {}
    assert points(KIND, "system.cpu.utilization", reading) == {}
    assert points(KIND, "system.cpu.time", unknown) == {}


def test_counters_are_those_that_never_go_back(reading: HostReading) -> None:
    """Whatever the kernel says at the moment."""
    wavered = replace(reading, cpu=(9.0,) * 7, cpu_counted=(10.0,) * 7)
    assert set(points(KIND, "system.cpu.time", wavered).values()) == {10.0}


def test_machine_without_swap_space(reading: HostReading) -> None:
    """0 is known; a share of nothing is not."""
    reading = replace(reading, swap=Swap(0, 0))
    assert points(KIND, "system.paging.usage", reading) == {"used": 0, "free": 0}
    assert points(KIND, "system.paging.utilization", reading) == {}


def test_unknown_is_absent(reading: HostReading) -> None:
    """Nothing is 0 because it is not known."""
    nothing = HostReading(None, None, None, None, None, None)
    assert all_points(KIND, nothing) == {}
    some = replace(reading, memory=Memory(None, None, 5, None, 6, None))
    assert points(KIND, "system.memory.usage", some) == {"free": 5, "cached": 6}
    for name in ("system.memory.limit", "system.memory.utilization", "system.memory.linux.available"):
        assert points(KIND, name, some) == {}


@pytest.mark.parametrize("total", [0, 4])
def test_no_share_above_one(reading: HostReading, total: int) -> None:
    """A part that is larger than the whole is no share of it."""
    some = replace(reading, memory=Memory(total, None, 5, None, 2, None))
    assert points(KIND, "system.memory.utilization", some) == ({"cached": 0.5} if total else {})


def test_one_process_of_a_host_reports_it(reading: HostReading) -> None:
    """The one that holds the host."""
    assert KIND.reported(reading, only("host")) is reading
    assert KIND.reported(reading, nobody) is None
