"""While operations run on a GPU it is looked at every reading who else is there."""

import gc
import os
from collections.abc import Callable, Iterator

import pytest

from fake_nvml.driver import FakeDriver
from fake_nvml.records import Process
from fake_nvml.samples import ENERGY, METHOD, SAMPLED, SECOND, Usage, snapshot
from fake_nvml.sources import Clock
from gpu_readings import read, read_one
from paddle_otel.hardware.nvml import processes
from paddle_otel.hardware.nvml.gpu import WATCHED
from paddle_otel.hardware.nvml.gpus_in_use import GpusInUse
from paddle_otel.hardware.nvml.processes import own_pids, own_pids_once
from paddle_otel.hardware.nvml.source import NvmlSource

LIST = "nvmlDeviceGetComputeRunningProcesses_v3"
GIB = 1 << 30
OTHER = 1


@pytest.fixture
def usage() -> Iterator[Usage]:
    """Accounts that are gone after the test, so that no other test's GPUs are in use."""
    gc.collect()
    usages = [Usage()]
    yield usages[0]
    usages.clear()
    gc.collect()


@pytest.fixture
def pass_second(source: NvmlSource, clock: Clock, usage: Usage) -> Callable[[], None]:
    """Lets a second pass, and the accounts see what the source says then."""

    def step() -> None:
        clock.now += 1.0
        usage.now = int(clock.now * SECOND)
        usage.note(snapshot(clock.now, *read(source)))

    return step


def _alone(source: NvmlSource) -> list[bool | None]:
    return [one.process and one.process.alone for one in read(source)]


def test_list_of_processes_is_asked_at_each_reading(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, usage: Usage
) -> None:
    """Only of that GPU, and for a while after; otherwise every ten seconds, and in between nothing is known."""
    fake_nvml.reset(2)
    for device in range(2):
        fake_nvml.set_processes(device, [Process(pid=os.getpid(), memory=GIB)])
    clock.now = 1000.0
    assert _alone(source) == [True, True]
    clock.now = 1001.0
    assert _alone(source) == [None, None]
    clock.now = 1010.5
    _alone(source)
    usage.now = int(clock.now * SECOND)
    use = usage.begin("gpu:1")
    assert use is not None
    before = [fake_nvml.calls(LIST, device=device) for device in range(2)]
    for _ in range(3):
        clock.now += 0.1
        assert _alone(source) == [None, True]
        assert [one.process and one.process.memory for one in read(source)] == [GIB, GIB]
    fake_nvml.set_processes(1, [Process(pid=os.getpid(), memory=GIB), Process(pid=OTHER, memory=GIB)])
    assert _alone(source) == [None, False]
    assert [fake_nvml.calls(LIST, device=device) for device in range(2)] == [
        before[0],
        before[1] + 7 * 2,
    ]  # how many, and which
    use.end()
    clock.now += 1.0
    assert _alone(source)[1] is False
    clock.now += WATCHED + 9.0
    _alone(source)
    clock.now += 0.1
    assert _alone(source) == [None, None]


def test_other_process_that_arrives_after_the_look(
    fake_nvml: FakeDriver, usage: Usage, pass_second: Callable[[], None]
) -> None:
    """It is seen at the next reading, not ten seconds later: no energy is stated."""
    own = Process(pid=os.getpid(), memory=GIB)
    fake_nvml.set_processes(0, [own])
    for _ in range(3):
        pass_second()
    use = usage.begin("gpu:0")
    assert use is not None
    pass_second()
    fake_nvml.set_processes(0, [own, Process(pid=OTHER, memory=GIB)])
    fake_nvml.add(0, energy=100_000)
    pass_second()
    assert ENERGY not in use.end()


def test_operation_is_accounted_for_from_the_first_look(
    fake_nvml: FakeDriver, usage: Usage, pass_second: Callable[[], None]
) -> None:
    """A second one soon after it from its beginning."""
    fake_nvml.set_processes(0, [Process(pid=os.getpid(), memory=GIB)])
    for _ in range(3):
        pass_second()
    for sampled in (2.0, 3.0):
        use = usage.begin("gpu:0")
        assert use is not None
        for _ in range(3):
            fake_nvml.add(0, energy=100_000)
            pass_second()
        found = use.end()
        assert (found[ENERGY], found[SAMPLED], found[METHOD]) == (100.0 * sampled, sampled, "exclusive")


@pytest.mark.parametrize("wrong", [0, 2**64 - 1, 4_999_999_999, 2**63])
def test_wrong_value_of_the_energy_counter(
    fake_nvml: FakeDriver, source: NvmlSource, usage: Usage, pass_second: Callable[[], None], wrong: int
) -> None:
    """One is worth nothing: neither the metric nor an operation is given what the GPU used in half a year."""
    fake_nvml.set_processes(0, [Process(pid=os.getpid(), memory=GIB)])
    fake_nvml.set(0, energy=5_000_000_000)
    pass_second()
    use = usage.begin("gpu:0")
    assert use is not None
    for value in (5_000_000_000, 5_000_100_000, wrong, 5_000_200_000, 5_000_300_000):
        fake_nvml.set(0, energy=value)
        pass_second()
    found = use.end()
    assert (found[ENERGY], found[SAMPLED]) == (200.0, 3.0)
    energy = read_one(source).energy
    assert energy is not None
    assert 5_000_200.0 <= energy <= 5_000_300.0


def test_those_that_are_gone_are_not_asked() -> None:
    """And a GPU of unknown ordinal is in nobody's use."""

    class Everything:
        def runs_on(self, ordinal: int) -> bool:
            return ordinal >= 0

    in_use, everything = GpusInUse(), Everything()
    in_use.ask(everything.runs_on)
    assert (in_use.covers(3), in_use.covers(None)) == (True, False)
    del everything
    gc.collect()
    assert not in_use.covers(3)


def test_own_ids_are_found_out_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again where the process is another one."""
    expected = own_pids()
    asked: list[int] = []

    def ask() -> frozenset[int]:
        asked.append(1)
        return expected

    monkeypatch.setattr(processes, "_found", (0, frozenset[int]()))
    monkeypatch.setattr(processes, "own_pids", ask)
    assert [own_pids_once() for _ in range(3)] == [expected] * 3
    assert len(asked) == 1
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    own_pids_once()
    assert len(asked) == 2
