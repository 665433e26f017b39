"""Fixtures of the fake NVIDIA driver; a plugin of ``tests/conftest.py``."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_nvml import scenarios
from fake_nvml.driver import FakeDriver, build, environment

RunWithFakeDriver = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def fake_nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled fake driver library."""
    return build(tmp_path_factory.mktemp("fake_nvml"))


@pytest.fixture(scope="session")
def old_fake_nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without what older drivers do not export."""
    return build(tmp_path_factory.mktemp("old_fake_nvml"), "OLD_DRIVER")


def load_instead_of_the_driver(library: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """Make ``pynvml`` of this process use a fake driver library until the end of the test."""
    driver = FakeDriver(library)
    driver.reset()
    pynvml: Any = importlib.import_module("pynvml")
    monkeypatch.setattr(pynvml, "nvmlLib", driver.library)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    return driver


@pytest.fixture
def fake_nvml(fake_nvml_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDriver]:
    """The fake driver with one healthy device, in place of the real one in this process."""
    driver = load_instead_of_the_driver(fake_nvml_library, monkeypatch)
    yield driver
    driver.heal()


@pytest.fixture
def old_fake_nvml(old_fake_nvml_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDriver]:
    """The same as ``fake_nvml`` for a driver that lacks the newer functions."""
    driver = load_instead_of_the_driver(old_fake_nvml_library, monkeypatch)
    yield driver
    driver.heal()


def _initialised() -> Any:
    pynvml: Any = importlib.import_module("pynvml")
    pynvml.nvmlInit()
    return pynvml


@pytest.fixture
def nvml(fake_nvml: FakeDriver) -> Any:
    """The module ``pynvml``, initialised, with three devices."""
    fake_nvml.reset(3)
    return _initialised()


@pytest.fixture
def old_nvml(old_fake_nvml: FakeDriver) -> Any:  # noqa: ARG001 - it is in place of the driver
    """The same with a driver of 2020 and one device."""
    return _initialised()


@pytest.fixture
def mig_nvml(fake_nvml: FakeDriver) -> Any:
    """The same with two devices, the first one with MIG devices."""
    scenarios.mig_and_whole(fake_nvml)
    return _initialised()


@pytest.fixture
def mig_gpu(mig_nvml: Any) -> Any:
    """The handle of the device with MIG devices."""
    return mig_nvml.nvmlDeviceGetHandleByIndex(0)


@pytest.fixture
def whole_gpu(mig_nvml: Any) -> Any:
    """The handle of the device without."""
    return mig_nvml.nvmlDeviceGetHandleByIndex(1)


@pytest.fixture
def run_with_fake_nvml(fake_nvml_library: Path, tmp_path: Path) -> RunWithFakeDriver:
    """Run Python code in a program that finds the fake driver, and an empty ``paddle`` module unless told otherwise."""

    def run(
        code: str, *, count: int = 1, rules: str = "", values: str = "", real_paddle: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        env = environment(fake_nvml_library, count=count, rules=rules, values=values)
        if not real_paddle:
            (tmp_path / "paddle.py").write_text("")
            env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), env.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False
        )

    return run
