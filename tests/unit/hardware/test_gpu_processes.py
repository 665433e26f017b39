"""What this process uses of a GPU."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fake_nvml.driver import GIB, NOT_AVAILABLE, FakeDriver, Process, ProcessUtilization
from fake_nvml.sources import Clock
from paddle_otel.hardware.nvml.binding import Binding, NvmlError
from paddle_otel.hardware.nvml.processes import OwnProcess, ProcessUse, own_pids

OWN, OTHER, THIRD = 4242, 5151, 6161
SECOND = 1_000_000  # in microseconds
START = 1_700_000_000 * SECOND

LIST, UTILIZATION = "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetProcessUtilization"
DRIVER = "nvmlDeviceGetCount_v2"  # answers as long as the driver is there
OLDER_LIST = "nvmlDeviceGetComputeRunningProcesses_v2"


class _Reader:
    """Reads what process 4242 uses of the first GPU, on clocks that a test moves."""

    def __init__(self, binding: Binding, clock: Clock) -> None:
        self._clock = clock
        self.handle = binding.call("nvmlDeviceGetHandleByIndex", 0)
        self.wall = START
        self.pids = frozenset({OWN})
        self.own = OwnProcess(binding, lambda: self.wall * 1000, lambda: self.pids)

    def read(self) -> ProcessUse | None:
        return self.own.read(self.handle, self._clock.now)

    def uses(self) -> bool | None:
        return self.own.uses(self.handle, self._clock.now)

    def wait(self, seconds: float) -> None:
        self._clock.now += seconds
        self.wall += int(seconds * SECOND)


def _reader(clock: Clock) -> Iterator[_Reader]:
    binding = Binding.load()
    binding.call("nvmlInit")
    yield _Reader(binding, clock)
    binding.call_or_none("nvmlShutdown")


@pytest.fixture
def reader(fake_nvml: FakeDriver, clock: Clock) -> Iterator[_Reader]:  # noqa: ARG001 - the driver is in place first
    """On the fake driver."""
    yield from _reader(clock)


@pytest.fixture
def old_reader(old_fake_nvml: FakeDriver, clock: Clock) -> Iterator[_Reader]:  # noqa: ARG001 - see above
    """On the fake driver of 2020."""
    yield from _reader(clock)


@pytest.mark.parametrize(
    ("processes", "memory", "alone"),
    [
        ([(OWN, 3 * GIB)], 3 * GIB, True),
        ([(OTHER, GIB), (OWN, 3 * GIB)], 3 * GIB, False),
        # In two GPU instances of one GPU.
        ([(OWN, GIB), (OWN, 2 * GIB)], 3 * GIB, True),
        # The driver does not say how much, or says 0, which no process that computes uses.
        ([(OWN, NOT_AVAILABLE)], None, True),
        ([(OWN, 0)], None, True),
        ([(OWN, GIB), (OWN, NOT_AVAILABLE)], None, True),
        ([(OWN, NOT_AVAILABLE), (OTHER, GIB)], None, False),
    ],
)
def test_memory_of_this_process(
    fake_nvml: FakeDriver,
    reader: _Reader,
    processes: list[tuple[int, int]],
    memory: int | None,
    alone: bool | None,
) -> None:
    """Only its own, in bytes, and whether it is alone."""
    fake_nvml.set_processes(0, [Process(*process) for process in processes])
    assert reader.read() == ProcessUse(memory, None, alone)
    assert reader.uses() is True


@pytest.mark.parametrize(("processes", "uses"), [([], False), ([OTHER], None), ([OTHER, THIRD], None)])
def test_process_that_is_not_listed(
    fake_nvml: FakeDriver, reader: _Reader, processes: list[int], uses: bool | None
) -> None:
    """Nothing is known about it: it may be there under an id that it does not know."""
    fake_nvml.set_processes(0, [Process(pid, GIB) for pid in processes])
    assert reader.read() is None
    assert reader.uses() is uses


def test_id_in_another_namespace(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """Any of its ids will do, also a different one in each call."""
    reader.pids = frozenset({7, OWN})
    fake_nvml.set_processes(0, [Process(7, GIB)])
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 40)])
    assert reader.read() == ProcessUse(GIB, 0.4, True)


def test_own_id_is_found(fake_nvml: FakeDriver, clock: Clock) -> None:
    """Without being told which it is."""
    binding = Binding.load()
    binding.call("nvmlInit")
    fake_nvml.set(0, own_memory=5 * GIB, own_utilization=30)
    handle = binding.call("nvmlDeviceGetHandleByIndex", 0)
    assert OwnProcess(binding).read(handle, clock.now) == ProcessUse(5 * GIB, 0.3, True)


def test_utilization_of_this_process(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """Its share of the multiprocessors, from 0 to 1."""
    fake_nvml.set_process_utilization(
        0, [ProcessUtilization(OTHER, START, 90, 80), ProcessUtilization(OWN, START, 35, 70, 10, 20)]
    )
    assert reader.read() == ProcessUse(None, 0.35, None)


def test_samples_are_asked_for_once(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """What was seen is not seen again; several new ones are averaged."""
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 10)])
    reader.read()
    assert reader.read() is None
    reader.wait(10)
    later = [ProcessUtilization(OWN, START + 5 * SECOND, 20), ProcessUtilization(OWN, START + 6 * SECOND, 60)]
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 10), *later])
    assert reader.read() == ProcessUse(None, 0.4, None)


def test_first_read_looks_back_one_second(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """Not over all that the driver remembers."""
    old = ProcessUtilization(OWN, START - 2 * SECOND, 90)
    fake_nvml.set_process_utilization(0, [old])
    assert reader.read() is None
    fake_nvml.set_process_utilization(0, [old, ProcessUtilization(OWN, START - SECOND // 2, 10)])
    assert reader.read() == ProcessUse(None, 0.1, None)


@pytest.mark.parametrize("size_call_succeeds", [0, 1])
def test_no_new_sample(fake_nvml: FakeDriver, reader: _Reader, size_call_succeeds: int) -> None:
    """Idle or not sampled, nobody can tell; it is asked again the next time, without a pause."""
    fake_nvml.set(0, process_size_succeeds=size_call_succeeds)
    for _ in range(3):
        assert reader.read() is None
    assert fake_nvml.calls(UTILIZATION) == 3


def test_idle_beside_a_busy_process(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """The driver leaves out who used nothing, which is 0 once it is known how it calls this process."""
    busy = ProcessUtilization(OTHER, START, 90)
    fake_nvml.set_process_utilization(0, [busy])
    assert reader.read() is None
    reader.wait(10)
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START + 5 * SECOND, 20)])
    assert reader.read() == ProcessUse(None, 0.2, None)
    reader.wait(10)
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OTHER, START + 15 * SECOND, 90)])
    assert reader.read() == ProcessUse(None, 0.0, None)
    reader.pids = frozenset({THIRD})
    reader.wait(10)
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OTHER, START + 25 * SECOND, 90)])
    assert reader.read() is None


def test_share_that_cannot_be_true(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """It is left out, the others count."""
    times = range(START, START + 3)
    for shares, expected in (([101], None), ([101, 40], 0.4), ([0xFFFFFFFF, 20, 40], 0.3), ([0], 0.0), ([100], 1.0)):
        samples = [ProcessUtilization(OWN, time, share) for time, share in zip(times, shares, strict=False)]
        fake_nvml.set_process_utilization(0, samples)
        use = reader.read()
        assert (use and use.utilization) == (pytest.approx(expected) if expected else expected)
        reader.wait(1)
        times = range(reader.wall, reader.wall + 3)


def test_time_in_the_future(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """It does not hide what comes after."""
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, 2**63, 50)])
    assert reader.read() == ProcessUse(None, 0.5, None)
    reader.wait(10)
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START + SECOND, 70)])
    assert reader.read() == ProcessUse(None, 0.7, None)


def test_driver_that_returns_more_than_was_asked_for(reader: _Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old samples and entries that were never written are left out."""
    samples = [
        ProcessUtilization(OWN, START - 5 * SECOND, 90),
        ProcessUtilization(0, 0, 0),
        ProcessUtilization(OWN, 0, 7),
    ]

    def listed(*_: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=one.pid, timeStamp=one.time, smUtil=one.sm) for one in samples]

    monkeypatch.setattr("pynvml.nvmlDeviceGetProcessUtilization", listed)
    assert reader.read() is None
    samples.append(ProcessUtilization(OWN, START, 20))
    assert reader.read() == ProcessUse(None, 0.2, None)
    assert reader.read() is None


def test_clock_before_1970(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """A clock that was never set is no trouble."""
    reader.wall = 0
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 50)])
    assert reader.read() == ProcessUse(None, 0.5, None)


def test_two_gpus_do_not_share_what_was_seen(fake_nvml: FakeDriver, clock: Clock) -> None:
    """Each has samples of its own."""
    fake_nvml.reset(2)
    binding = Binding.load()
    binding.call("nvmlInit")
    for index, share in ((0, 30), (1, 60)):
        fake_nvml.set_process_utilization(index, [ProcessUtilization(OWN, START - index, share)])
        handle = binding.call("nvmlDeviceGetHandleByIndex", index)
        own = OwnProcess(binding, lambda: START * 1000, lambda: frozenset({OWN}))
        assert own.read(handle, clock.now) == ProcessUse(None, share / 100, None)


@pytest.mark.parametrize("code", [2, 3, 4, 13, 25])
def test_what_is_not_supported_is_asked_once(fake_nvml: FakeDriver, reader: _Reader, code: int) -> None:
    """The other half of what is known stays."""
    fake_nvml.set_processes(0, [Process(OWN, GIB)])
    fake_nvml.inject(UTILIZATION, code)
    for _ in range(3):
        assert reader.read() == ProcessUse(GIB, None, True)
        reader.wait(100)
    assert fake_nvml.calls(UTILIZATION) == 1


def test_list_that_is_not_supported(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """Then nobody knows who uses the GPU."""
    fake_nvml.inject(LIST, 3)
    fake_nvml.inject(OLDER_LIST, 3)
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 50)])
    assert reader.read() == ProcessUse(None, 0.5, None)
    assert reader.uses() is None
    assert fake_nvml.calls(LIST) == fake_nvml.calls(OLDER_LIST) == 1


def test_list_in_the_form_of_an_older_driver(fake_nvml: FakeDriver, reader: _Reader) -> None:
    """It says the same."""
    fake_nvml.inject(LIST, 13)
    fake_nvml.set_processes(0, [Process(OWN, GIB), Process(OTHER, GIB)])
    assert reader.read() == ProcessUse(GIB, None, False)
    assert reader.uses() is True
    assert fake_nvml.calls(LIST) == 1


@pytest.mark.parametrize("function", [LIST, UTILIZATION])
@pytest.mark.parametrize("code", [5, 10, 17, 20, 23, 999])
def test_failure_passes(fake_nvml: FakeDriver, reader: _Reader, function: str, code: int) -> None:
    """It is asked again after a pause."""
    fake_nvml.set_processes(0, [Process(OWN, GIB)])
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 50)])
    fake_nvml.inject(function, code, times=1)
    lacking = reader.read()
    assert lacking == (ProcessUse(None, 0.5, None) if function == LIST else ProcessUse(GIB, None, True))
    reader.wait(2)
    fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, reader.wall, 50)])
    assert reader.read() == ProcessUse(GIB, 0.5, True)


@pytest.mark.parametrize("function", [LIST, UTILIZATION])
@pytest.mark.parametrize("code", [1, 9, 12, 15, 16, 18, 28])
def test_lost_device_and_driver_that_is_gone(fake_nvml: FakeDriver, reader: _Reader, function: str, code: int) -> None:
    """Whoever reads the other values has to know."""
    fake_nvml.inject(function, code)
    fake_nvml.inject(DRIVER, code)
    with pytest.raises(NvmlError) as raised:
        reader.read()
    assert raised.value.code == code


def test_old_driver(old_fake_nvml: FakeDriver, old_reader: _Reader) -> None:
    """It lacks the list of processes in the form that this library knows; it is asked for it once."""
    old_fake_nvml.set_process_utilization(0, [ProcessUtilization(OWN, START, 50)])
    assert old_reader.read() == ProcessUse(None, 0.5, None)
    assert old_reader.uses() is None


STATUS = """Name:\tpython3
Tgid:\t12345
Pid:\t12345
NStgid:\t12345\t77\t1
NSpid:\t12345\t77\t1
VmPeak:\t  12345 kB
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STATUS.encode(), {12345, 77, 1}),
        (b"NSpid:\t5\n", {5}),
        (b"NSpid: 5   6", {5, 6}),
        (b"", set[int]()),
        (b"NSpid:\n", set[int]()),
        (b"NSpid:\tabc\t-1\t1.5\t0x10\t\xff\xfe\t9\n", {9}),
        ("NSpid:\t\u0663\t\u00b2\n".encode(), set[int]()),
        (b"NSpid:\t0\n", set[int]()),
        (b"NSpid:\t" + b"9" * 10_000 + b"\n", set[int]()),
        (b"\0" * 100_000 + b"\nNSpid:\t5\n", set[int]()),
        (b"XNSpid:\t5\n", set[int]()),
    ],
)
def test_ids_of_this_process(tmp_path: Path, text: bytes, expected: set[int]) -> None:
    """Its own always, and those in the namespaces around it, whatever else is in the file."""
    status = tmp_path / "status"
    status.write_bytes(text)
    assert own_pids(status) == expected | {os.getpid()}


@pytest.mark.parametrize("missing", ["status", "folder/status", ""])
def test_no_proc(tmp_path: Path, missing: str) -> None:
    """Without it (or with a folder in its place) the process still knows its own id."""
    assert own_pids(tmp_path / missing) == {os.getpid()}


def test_ids_from_this_kernel() -> None:
    """A thread sees those of its process."""
    seen: list[frozenset[int]] = []
    thread = threading.Thread(target=lambda: seen.append(own_pids()))
    thread.start()
    thread.join()
    assert seen == [own_pids()]
    assert os.getpid() in seen[0]


def test_ids_after_a_fork() -> None:
    """The child's, not the parent's."""

    def in_child(function: Callable[[], bool]) -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if function() else 1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    parent = os.getpid()
    assert in_child(lambda: os.getpid() in own_pids() and parent not in own_pids()) == 0
