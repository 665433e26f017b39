"""Samples in files, data frames and figures."""

import csv
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fake_nvml.driver import FakeDriver, uuid
from fake_nvml.sources import eventually
from paddle_otel.monitor import GPUMonitor, activity

COLUMNS = [
    *("time", "elapsed_seconds", "uuid", "device", "activity"),
    *("utilization_percent", "memory_used_bytes", "memory_used_percent", "memory_controller_percent", "power_watts"),
    *("temperature_celsius", "memory_temperature_celsius", "sm_clock_hertz", "memory_clock_hertz"),
]
LEAST_BYTES = 4096


@pytest.fixture
def driver(fake_nvml: FakeDriver, monkeypatch: pytest.MonkeyPatch, _patient_monitors: None) -> FakeDriver:
    """Two devices."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake_nvml.reset(2)
    return fake_nvml


@pytest.fixture
def measured(driver: FakeDriver) -> GPUMonitor:
    """A monitor that took two samples, the second one after a forward pass."""
    assert driver
    with GPUMonitor(interval=60.0, observe=False) as monitor, activity("forward"):
        driver.set(0, utilization=90)
        time.sleep(0.1)
        monitor.stop()  # before the pass ends, as the machine may be busy
    return monitor


def samples(monitor: GPUMonitor, number: int) -> None:
    """Wait until there are so many samples."""
    assert eventually(lambda: monitor.get_statistics().samples >= number)


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Read a file of this monitor."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_saved_as_csv(measured: GPUMonitor, tmp_path: Path) -> None:
    """A heading, a line for each sample of each GPU, empty where nothing is known."""
    path = tmp_path / "gpu.csv"
    path.write_text("what was there before\n" * 1000)
    measured.save(path)
    rows = csv_rows(path)
    assert list(rows[0]) == COLUMNS
    assert [(row["uuid"], row["device"]) for row in rows] == [(uuid(0), "gpu:0")] * 2 + [(uuid(1), "gpu:1")] * 2
    assert [row["utilization_percent"] for row in rows] == ["50.0", "90.0", "51.0", "51.0"]
    assert [row["sm_clock_hertz"] for row in rows] == ["1720000000.0", "", "1721000000.0", ""]
    assert rows[1]["activity"] == "forward"
    age = datetime.now(timezone.utc) - datetime.fromisoformat(rows[0]["time"])
    assert timedelta(0) <= age < timedelta(minutes=5)


def test_saved_as_json_lines(measured: GPUMonitor, tmp_path: Path) -> None:
    """One object a line, without what is not known, and with the shares of all activities."""
    measured.save(str(tmp_path / "gpu.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text(encoding="utf-8").splitlines()]
    assert list(rows[0]) == [*COLUMNS, "activities"]
    assert list(rows[1]) == [*(name for name in COLUMNS if name not in COLUMNS[-3:]), "activities"]
    assert rows[1]["activities"]["forward"] > 0.5
    assert sum(rows[1]["activities"].values()) == pytest.approx(1, abs=1e-5)
    assert rows[1]["power_watts"] == 350.0


def test_nothing_to_save(tmp_path: Path) -> None:
    """A monitor that was never started has a heading."""
    GPUMonitor(0).save(tmp_path / "gpu.csv")
    assert (tmp_path / "gpu.csv").read_text(encoding="utf-8") == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_logged_as_it_is_measured(driver: FakeDriver, tmp_path: Path, suffix: str) -> None:
    """What is in the file is what would be saved; a second measurement is appended."""
    assert driver
    log, saved = tmp_path / "new" / f"log.{suffix}", tmp_path / f"saved.{suffix}"
    monitor = GPUMonitor(1, interval=0.1, log_to=log)
    with monitor:
        samples(monitor, 3)
    monitor.save(saved)
    assert log.read_bytes() == saved.read_bytes()
    first = len(log.read_bytes().splitlines())
    with monitor:
        pass
    assert len(log.read_bytes().splitlines()) == first + 2
    if suffix == "csv":
        assert [row["uuid"] for row in csv_rows(log)] == [uuid(1)] * (first + 1)


def test_full_files_are_set_aside(driver: FakeDriver, tmp_path: Path) -> None:
    """Each has its heading, none is larger than asked for, and the oldest go."""
    assert driver
    log = tmp_path / "log.csv"
    monitor = GPUMonitor([0, 1], interval=60.0, log_to=log, log_max_bytes=LEAST_BYTES, log_backups=2)
    for _ in range(60):
        with monitor:
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "log.csv.1", "log.csv.2"]
    for path in tmp_path.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text.encode()) <= LEAST_BYTES
        assert text.startswith(",".join(COLUMNS) + "\n")
        assert text.count("elapsed_seconds") == 1
        assert {row["uuid"] for row in csv_rows(path)} == {uuid(0), uuid(1)}


def test_a_file_that_cannot_be_written(driver: FakeDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is said once, by its name without its folder; the measurement goes on."""
    assert driver
    (tmp_path / "log.csv").mkdir()
    with caplog.at_level(logging.INFO), GPUMonitor(0, interval=0.1, log_to=tmp_path / "log.csv") as monitor:
        samples(monitor, 3)
    assert monitor.get_statistics().status == "ok"
    (line,) = [record.getMessage() for record in caplog.records]
    assert "log.csv" in line
    assert str(tmp_path) not in line


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Let a library not be installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    real: Callable[..., Any] = importlib.import_module

    def importing(name: str, package: str | None = None) -> Any:
        if name.partition(".")[0] == library:
            raise ModuleNotFoundError(f"No module named '{library}'", name=library)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", importing)


@pytest.mark.parametrize(("library", "call"), [("pandas", "to_dataframe"), ("matplotlib", "plot")])
def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, library: str, call: str) -> None:
    """The error says what to type; nothing else needs it."""
    without(monkeypatch, library)
    with pytest.raises(ImportError, match=f"needs {library}.*pip install {library}") as caught:
        getattr(GPUMonitor(0), call)()
    assert caught.value.name == library


def test_there_is_no_such_value(measured: GPUMonitor) -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match="no such value: speed; there are: utilization_percent, "):
        measured.plot("speed")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_name_that_no_file_can_have(driver: FakeDriver, tmp_path: Path, suffix: str) -> None:
    """Half a surrogate pair in the name of an activity becomes a question mark; the measurement goes on."""
    assert driver
    log, saved = tmp_path / f"log.{suffix}", tmp_path / f"saved.{suffix}"
    with GPUMonitor(0, interval=60.0, observe=False, log_to=log) as monitor, activity("a\ud800b"):
        time.sleep(0.1)
    monitor.save(saved)
    assert monitor.get_statistics().samples == 2
    assert log.read_bytes() == saved.read_bytes()
    assert "a?b" in log.read_text(encoding="utf-8").splitlines()[-1]


@pytest.mark.parametrize("backups", [0, 2])
def test_a_table_with_other_columns_is_set_aside(driver: FakeDriver, tmp_path: Path, backups: int) -> None:
    """As one of another version of this package: its rows stay as they are, and ours have their heading."""
    assert driver
    log = tmp_path / "log.csv"
    log.write_text("time,power\n1,2\n", encoding="utf-8")
    monitor = GPUMonitor(0, interval=60.0, observe=False, log_to=log, log_backups=backups)
    for measurement in (1, 2):
        with monitor:
            pass
        assert [row["uuid"] for row in csv_rows(log)] == [uuid(0)] * 2 * measurement
    assert log.read_text(encoding="utf-8").count("elapsed_seconds") == 1
    assert (tmp_path / "log.csv.1").read_text(encoding="utf-8") == "time,power\n1,2\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "log.csv.1"]


def test_a_table_with_our_columns_is_gone_on_with(driver: FakeDriver, tmp_path: Path) -> None:
    """Also by another monitor; an empty file gets its heading."""
    assert driver
    log = tmp_path / "log.csv"
    log.touch()
    for measurement in (1, 2):
        with GPUMonitor(0, interval=60.0, observe=False, log_to=log):
            pass
        assert len(csv_rows(log)) == 2 * measurement
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("pipe", ["log.csv", "pipe"])
def test_a_pipe_is_no_table(driver: FakeDriver, tmp_path: Path, pipe: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for somebody to read it or to write to it, also where a link leads to it."""
    assert driver
    os.mkfifo(tmp_path / pipe)
    if pipe != "log.csv":
        (tmp_path / "log.csv").symlink_to(pipe)
    with caplog.at_level(logging.INFO), GPUMonitor(0, interval=60.0, log_to=tmp_path / "log.csv") as monitor:
        pass
    assert monitor.get_statistics().samples == 2
    assert len(caplog.records) == 1
