"""A driver that is missing, broken, reloaded or hangs."""

import ctypes
import importlib
import logging
import os
import sys
import types
from typing import Any

import pytest

from fake_nvml.driver import GIB, HANG, FakeDriver, uuid
from fake_nvml.sources import Clock, eventually
from gpu_readings import read
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.source import NvmlSource
from paddle_otel.sampling.sampler import Sampler

UNINITIALIZED = 1
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
VERSION_MISMATCH = 18
UNKNOWN = 999


def _uuids(source: NvmlSource) -> list[str] | None:
    readings = source.read()
    return None if readings is None else [reading.identity.uuid for reading in readings]


def _levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records if record.name == "paddle_otel"]


@pytest.fixture
def no_driver_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the driver's library."""

    def missing(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("pynvml.nvmlLib", None)
    monkeypatch.setattr("pynvml.CDLL", missing)


@pytest.mark.usefixtures("no_driver_library")
def test_missing_library_is_one_info_line(source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A machine without a GPU is nothing to warn about; then it is quiet."""
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        for _ in range(1000):
            assert _uuids(source) is None
            clock.now += 1.0
        source.close()
    assert source.errors == 0
    assert _levels(caplog) == ["INFO"]
    assert "no NVIDIA driver" in caplog.text
    assert "Everything else works" in caplog.text


def test_driver_that_is_loaded_later(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is looked for again, less and less often, at last every five minutes."""
    fake_nvml.inject("nvmlInitWithFlags", DRIVER_NOT_LOADED)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        for _ in range(3600):
            assert _uuids(source) is None
            clock.now += 1.0
    assert _levels(caplog) == ["INFO"]
    assert 15 <= fake_nvml.calls("nvmlInitWithFlags") <= 25
    fake_nvml.heal()
    clock.now += 300.0
    assert _uuids(source) == [uuid(0)]


@pytest.mark.parametrize("code", [NO_PERMISSION, VERSION_MISMATCH, UNKNOWN])
def test_initialisation_that_fails_is_one_warning(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """It says what failed, what still works and what to look at."""
    fake_nvml.inject("nvmlInitWithFlags", code)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        for _ in range(20):
            assert _uuids(source) is None
            clock.now += 300.0
    assert _levels(caplog) == ["WARNING"]
    assert source.errors == 20
    assert "nvmlInit: NVMLError_" in caplog.text
    assert "everything else works" in caplog.text
    assert "nvidia-smi" in caplog.text


def test_initialisation_is_undone_when_the_next_call_fails(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock
) -> None:
    """However often it is tried, the driver's count of users does not grow."""
    fake_nvml.inject("nvmlDeviceGetCount_v2", UNKNOWN)
    for _ in range(5):
        assert _uuids(source) is None
        clock.now += 300.0
    assert fake_nvml.calls("nvmlInitWithFlags") == 5
    assert fake_nvml.references == 0


def test_another_pynvml_is_recognised(
    source: NvmlSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The abandoned nvidia-ml-py3 has a module of the same name; the line says how to replace it."""
    monkeypatch.setitem(sys.modules, "pynvml", types.ModuleType("pynvml"))
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        for _ in range(3):
            assert _uuids(source) is None
    assert _levels(caplog) == ["WARNING"]
    assert "pip uninstall -y nvidia-ml-py3" in caplog.text
    assert "pip install --force-reinstall nvidia-ml-py" in caplog.text


def test_binding_that_is_not_installed(
    source: NvmlSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, no exception."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        for _ in range(3):
            assert _uuids(source) is None
    assert _levels(caplog) == ["INFO"]
    assert "nvidia-ml-py is not installed" in caplog.text


def test_driver_that_is_reloaded(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """NVML is initialised again, after a pause."""
    assert _uuids(source) == [uuid(0)]
    assert source.errors == 0
    fake_nvml.reload()
    assert _uuids(source) is None
    assert source.errors == 1
    clock.now += 1.0
    assert _uuids(source) == [uuid(0)]
    assert source.errors == 1
    assert fake_nvml.references == 1


def test_driver_that_was_replaced_by_another_version(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Until the process restarts it cannot work, so it is tried ever more seldom; nothing else happens."""
    assert _uuids(source) == [uuid(0)]
    for function in ("nvmlDeviceGetFieldValues", "nvmlDeviceGetCount_v2", "nvmlInitWithFlags"):
        fake_nvml.inject(function, VERSION_MISMATCH)
    for _ in range(1000):
        assert _uuids(source) is None
        clock.now += 1.0
    assert fake_nvml.calls("nvmlInitWithFlags") < 15
    fake_nvml.heal()
    clock.now += 300.0
    assert _uuids(source) == [uuid(0)]


@pytest.mark.parametrize("code", [UNINITIALIZED, DRIVER_NOT_LOADED, VERSION_MISMATCH])
def test_call_that_wrongly_says_that_the_driver_is_gone(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, code: int
) -> None:
    """The driver answers other calls, so only that value is missing; nothing is initialised again."""
    fake_nvml.reset(2)
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", code, device=1)
    for _ in range(50):
        first, second = read(source)
        assert (first.utilization, second.utilization) == (0.5, None)
        assert (first.memory_used, second.memory_used) == (10 * GIB, 11 * GIB)
        clock.now += 1.0
    assert fake_nvml.calls("nvmlInitWithFlags") == 1


def test_silence_of_all_devices_initialises_anew(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """A container that lost its devices answers "unknown error" to everything; a fresh start may find them."""
    fake_nvml.reset(2)
    assert _uuids(source) == [uuid(0), uuid(1)]
    everything = (
        "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetMemoryInfo_v2",
        "nvmlDeviceGetTemperatureV",
        "nvmlDeviceGetTemperature",
    )
    for function in everything:
        fake_nvml.inject(function, UNKNOWN)
    for seconds in range(1, 41):
        clock.now += 1.0
        assert _uuids(source) is None
        assert source.errors <= seconds
    assert source.errors >= 30
    assert fake_nvml.calls("nvmlInitWithFlags") == 2
    assert fake_nvml.references == 1
    fake_nvml.heal()
    clock.now += 60.0
    assert _uuids(source) == [uuid(0), uuid(1)]


def test_source_of_another_process_is_not_shut_down(
    fake_nvml: FakeDriver, source: NvmlSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process id that changed (a fork that Python did not notice): initialised here, the parent's left alone."""
    assert _uuids(source) == [uuid(0)]
    monkeypatch.setattr(os, "getpid", lambda: 4_000_000)
    assert _uuids(source) == [uuid(0)]
    assert fake_nvml.calls("nvmlInitWithFlags") == 2
    assert fake_nvml.calls("nvmlShutdown") == 0
    source.close()
    assert fake_nvml.calls("nvmlShutdown") == 1


@pytest.mark.usefixtures("fake_nvml")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_the_binding_holds_its_lock() -> None:
    """The child can use NVML: the lock of a thread that it does not have is replaced."""
    Binding.load()
    pynvml: Any = importlib.import_module("pynvml")
    with pynvml.libLoadLock:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if pynvml.libLoadLock.acquire(timeout=1) else 1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("function", ["nvmlInitWithFlags", "nvmlDeviceGetMemoryInfo_v2", "nvmlShutdown"])
def test_driver_call_that_hangs(fake_nvml: FakeDriver, function: str) -> None:
    """Only the sampler's thread waits for it; when it returns, the values come."""
    sampler = Sampler(lambda: [NvmlSource()], stale_after=0.2)
    if function != "nvmlShutdown":
        fake_nvml.inject(function, HANG)
    sampler.start("test", interval=0.02)
    if function == "nvmlShutdown":
        assert eventually(lambda: _value(sampler))
        fake_nvml.inject(function, HANG)
        sampler.stop("test")
        assert eventually(lambda: fake_nvml.hanging == 1)
        sampler.start("test", interval=0.02)
    assert eventually(lambda: fake_nvml.hanging == 1)
    assert _value(sampler) is None
    fake_nvml.heal()
    assert eventually(lambda: _value(sampler))
    sampler.stop("test")


def _value(sampler: Sampler) -> Any:
    snapshot = sampler.latest()
    return snapshot and snapshot.readings.get("nvml")
