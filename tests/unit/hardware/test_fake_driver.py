"""The fake driver is steered by tests: codes, delays, hangs, counts, the environment of a program."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fake_nvml.asking import code
from fake_nvml.codes import GPU_IS_LOST, UNKNOWN
from fake_nvml.driver import HANG, NAME, FakeDriver
from fake_nvml.fixtures import RunWithFakeDriver
from fake_nvml.sources import eventually


def test_injected_codes(fake_nvml: FakeDriver, nvml: Any) -> None:
    """For one device or all, a number of times or for ever; the first rule that matches wins."""
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(2)]
    fake_nvml.inject("nvmlDeviceGetPowerUsage", UNKNOWN, device=1, times=2)
    fake_nvml.inject("nvmlDeviceGetPowerUsage", GPU_IS_LOST, device=1)
    assert nvml.nvmlDeviceGetPowerUsage(handles[0]) == 300_000
    codes = [code(nvml, "nvmlDeviceGetPowerUsage", handles[1]) for _ in range(4)]
    assert codes == [UNKNOWN, UNKNOWN, GPU_IS_LOST, GPU_IS_LOST]
    fake_nvml.heal()
    assert nvml.nvmlDeviceGetPowerUsage(handles[1]) == 300_001
    assert fake_nvml.calls("nvmlDeviceGetPowerUsage", device=1) == 5
    assert fake_nvml.calls("nvmlDeviceGetPowerUsage") == 6


def test_injected_delay(fake_nvml: FakeDriver, nvml: Any) -> None:
    """The call takes at least as long; another thread's call does not."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fake_nvml.inject("nvmlDeviceGetPowerUsage", 0, sleep=0.2)
    slow = threading.Thread(target=nvml.nvmlDeviceGetPowerUsage, args=(handle,))
    before = time.monotonic()
    slow.start()
    assert nvml.nvmlDeviceGetTemperature(handle, 0) == 40
    assert slow.is_alive()
    slow.join()
    assert time.monotonic() - before >= 0.2


def test_injected_hang(fake_nvml: FakeDriver, nvml: Any) -> None:
    """The call returns when the driver is healed, and works then."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fake_nvml.inject("nvmlDeviceGetPowerUsage", HANG)
    answers: list[int] = []
    stuck = threading.Thread(target=lambda: answers.append(nvml.nvmlDeviceGetPowerUsage(handle)))
    stuck.start()
    assert eventually(lambda: fake_nvml.hanging == 1)
    assert answers == []
    fake_nvml.heal()
    stuck.join(10)
    assert answers == [300_000]
    assert fake_nvml.hanging == 0


def test_all_calls_are_counted(fake_nvml: FakeDriver, nvml: Any) -> None:
    """Fields are no calls of their own; a reset forgets."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    before = fake_nvml.all_calls
    nvml.nvmlDeviceGetFieldValues(handle, [83, 186])
    nvml.nvmlDeviceGetPowerUsage(handle)
    assert fake_nvml.all_calls - before == 2
    fake_nvml.reset()
    assert fake_nvml.all_calls == fake_nvml.calls("field:83") == 0


def test_calls_of_many_threads(fake_nvml: FakeDriver, nvml: Any) -> None:
    """None is lost."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    threads = [
        threading.Thread(target=lambda: [nvml.nvmlDeviceGetPowerUsage(handle) for _ in range(2000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake_nvml.calls("nvmlDeviceGetPowerUsage") == 8000


def test_wrong_tests_are_told(fake_nvml: FakeDriver) -> None:
    """A value, a function, a device or a text that does not exist."""
    wrong: list[Callable[[], object]] = [
        lambda: fake_nvml.set(0, utilisation=1),
        lambda: fake_nvml.get(0, "utilisation"),
        lambda: fake_nvml.add(0, utilisation=1),
        lambda: fake_nvml.set(128, utilization=1),
        lambda: fake_nvml.set_field(0, 512, 1, 1),
        lambda: fake_nvml.set_gpm(0, {477: 1.0}),
        lambda: fake_nvml.inject("nvmlDeviceGetPower", UNKNOWN),
        lambda: fake_nvml.mig(16, []),
    ]
    for mistake in wrong:
        with pytest.raises(ValueError, match="the fake driver has no"):
            mistake()
    for _ in range(1024):
        fake_nvml.inject("field:1", UNKNOWN)
    with pytest.raises(ValueError, match="no room for rules"):
        fake_nvml.inject("field:1", UNKNOWN)


PROGRAM = """
import os, pynvml
pynvml.nvmlInit()
for i in range(pynvml.nvmlDeviceGetCount()):
    handle = pynvml.nvmlDeviceGetHandleByIndex(i)
    print(pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetPowerUsage(handle), sep="|")
handle = pynvml.nvmlDeviceGetHandleByIndex(0)
print([(p.pid == os.getpid(), p.usedGpuMemory) for p in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)])
print([(s.pid == os.getpid(), s.smUtil) for s in pynvml.nvmlDeviceGetProcessUtilization(handle, 0)])
parent = pynvml.nvmlDeviceGetHandleByIndex(1)
mig = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(parent, 1)
memory = pynvml.nvmlDeviceGetMemoryInfo(mig).total >> 30
print(pynvml.nvmlDeviceGetName(mig), pynvml.nvmlDeviceGetGpuInstanceId(mig), memory, sep="|")
"""


def test_environment_of_a_program(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Count, rules and values; a process that finds itself on a device; MIG devices."""
    values = "*.power=0x10; 1.power=5;0.name=NVIDIA A; 0.own_memory=4096; 0.own_utilization=7; 1.mig=1g.10gb+2g.20gb;"
    result = run_with_fake_nvml(PROGRAM, count=3, values=values)
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "NVIDIA A|16",
        f"{NAME}|5",
        f"{NAME}|16",
        "[(True, 4096)]",
        "[(True, 7)]",
        f"{NAME} MIG 2g.20gb|2|20",
    ]


@pytest.mark.parametrize("values", ["0.powr=1", "0.power", "0.power=x", "nonsense", "0.mig=huge", "128.power=1"])
def test_environment_that_cannot_be_read(run_with_fake_nvml: RunWithFakeDriver, values: str) -> None:
    """The program ends at once and says why."""
    result = run_with_fake_nvml("import ctypes; ctypes.CDLL('libnvidia-ml.so.1')", values=values)
    assert result.returncode != 0
    assert f'FAKE_NVML_SET: cannot read "{values}"' in result.stderr


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_a_call_hangs(fake_nvml: FakeDriver, nvml: Any) -> None:
    """The child's driver is free, and nothing hangs in it."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fake_nvml.inject("nvmlDeviceGetPowerUsage", HANG)
    stuck = threading.Thread(target=nvml.nvmlDeviceGetPowerUsage, args=(handle,))
    stuck.start()
    assert eventually(lambda: fake_nvml.hanging == 1)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if nvml.nvmlDeviceGetTemperature(handle, 0) == 40 and fake_nvml.hanging == 0 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    fake_nvml.heal()
    stuck.join(10)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_calls_are_made(nvml: Any) -> None:
    """No child is left waiting for a lock that another thread of its parent held."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            nvml.nvmlDeviceGetFieldValues(handle, [83] * 400)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    exits: list[int] = []
    for _ in range(40):
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            os._exit(0 if nvml.nvmlDeviceGetTemperature(handle, 0) == 40 else 1)
        exits.append(os.waitpid(pid, 0)[1])
    done.set()
    for thread in threads:
        thread.join()
    assert exits == [0] * 40
