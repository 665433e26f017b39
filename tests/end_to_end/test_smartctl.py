"""The real smartctl: on this machine, without permission, and on a synthetic ATA disk that it replays."""

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from fake_nvml.sources import eventually
from fake_smartctl.program import FakeSmartctl
from fake_smartctl.replay import AtaDisk, Attribute
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.hardware.smart import KIND
from paddle_otel.hardware.smart.device import find_smartctl
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings

Points = dict[tuple[str, str | None], Any]
Start = Callable[[float], InMemoryMetricReader]

ONE_ROUND = 5.0
"""Seconds between two rounds where the first one tells all; what it said is shown for three times as long."""

DISK = AtaDisk(
    attributes=(
        Attribute(5, 24, threshold=10, flags=0x33),
        Attribute(9, 12345),
        Attribute(12, 57),
        Attribute(187, 5),
        Attribute(194, 31 | 20 << 16 | 45 << 32),
        Attribute(197, 7),
        Attribute(198, 3),
        Attribute(199, 2),
        Attribute(250, 99),
    )
)
COMMON = {"hw.id": "naa.5000c500a1b2c3d4", "hw.model": "ACME ROTOR4000", "hw.serial_number": "SYNTH0001"}


@pytest.fixture
def real() -> str:
    """The path of the real smartctl, before any other is put on the path."""
    found = find_smartctl()
    assert found is not None, "the package smartmontools is needed"
    return found


@pytest.fixture
def smartctl(real: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSmartctl:
    """A program that stands in for smartctl's scan, and hands the rest to the real one."""
    assert real
    program = FakeSmartctl(tmp_path / "bin")
    program.put_on_path(monkeypatch)
    return program


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start to report the disks, with this many seconds between two rounds."""
    started: list[tuple[HardwareReporting, MeterProvider]] = []

    def report(interval: float) -> InMemoryMetricReader:
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader], shutdown_on_exit=False)
        folder = str(tmp_path / "locks")
        settings = Settings(smart=True, smart_interval=interval, lock_directory=folder)
        locks = Claims(lambda: folder)
        reporting = HardwareReporting(Sampler(lambda: [KIND.source(settings)]), [KIND], locks)
        started.append((reporting, provider))
        reporting.start(provider, 0.02)
        return reader

    yield report
    for reporting, provider in started:
        reporting.stop()
        provider.shutdown()


def _points(reader: InMemoryMetricReader, differing: str = "hw.physical_disk.smart_attribute") -> Points:
    """Collect once; return the values by metric and one of their attributes."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        (metric.name, str((point.attributes or {}).get(differing))): getattr(point, "value", None)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if not metric.name.startswith("paddle.sampler.")
    }


def _replay(disk: AtaDisk, real: str, smartctl: FakeSmartctl) -> None:
    """Have the real smartctl read a synthetic disk, with all our options but those that address the disk."""
    dump = smartctl.folder / f"dump{time.monotonic_ns()}"
    dump.write_text(disk.dump(), encoding="ascii")
    smartctl.script("/dev/sda", f"exec {real} $(echo \"$*\" | sed 's| -d sat /dev/sda$||') - < {dump}")


def test_synthetic_disk(real: str, smartctl: FakeSmartctl, start: Start) -> None:
    """What the disk's sectors hold is what is reported, decoded by the real program."""
    _replay(DISK, real, smartctl)
    reader = start(ONE_ROUND)
    assert eventually(lambda: _points(reader), 30)
    assert _points(reader) == {
        ("hw.physical_disk.smart", "Reallocated_Sector_Ct"): 24,
        ("hw.physical_disk.smart", "Power_On_Hours"): 12345,
        ("hw.physical_disk.smart", "Power_Cycle_Count"): 57,
        ("hw.physical_disk.smart", "Reported_Uncorrect"): 5,
        ("hw.physical_disk.smart", "Temperature_Celsius"): 31,
        ("hw.physical_disk.smart", "Current_Pending_Sector"): 7,
        ("hw.physical_disk.smart", "Offline_Uncorrectable"): 3,
        ("hw.physical_disk.smart", "UDMA_CRC_Error_Count"): 2,
        ("hw.physical_disk.smart", "Read_Error_Retry_Rate"): 99,
        ("hw.physical_disk.smart", "reallocated_sectors"): 24,
        ("hw.physical_disk.smart", "pending_sectors"): 7,
        ("hw.physical_disk.smart", "uncorrectable_sectors"): 3,
        ("hw.physical_disk.smart", "media_errors"): 5,
        ("hw.physical_disk.smart", "power_on_hours"): 12345,
        ("hw.physical_disk.smart", "power_cycles"): 57,
        ("hw.physical_disk.size", "None"): 7814037168 * 512,
        ("hw.status", "None"): 0,
        ("hw.errors", "None"): 5,
        ("hw.temperature", "None"): 31.0,
    }
    assert _points(reader, "hw.id") == {
        (name, COMMON["hw.id"]): value for (name, _), value in _points(reader, "hw.id").items()
    }
    assert _states(reader) == {"ok": 1, "degraded": 0, "predicted_failure": 0, "failed": 0}


def _states(reader: InMemoryMetricReader) -> dict[str | None, int]:
    return {state: value for (name, state), value in _points(reader, "hw.state").items() if name == "hw.status"}


@pytest.mark.parametrize(
    ("disk", "state"),
    [
        (replace(DISK, failing=True), "predicted_failure"),
        (replace(DISK, attributes=(Attribute(5, 999, value=3, threshold=10, flags=0x33),)), "predicted_failure"),
        (replace(DISK, attributes=(Attribute(9, 99999, value=1, threshold=10),)), "degraded"),
    ],
)
def test_disk_that_fails(real: str, smartctl: FakeSmartctl, start: Start, disk: AtaDisk, state: str) -> None:
    """By its status, by an attribute that foretells failure, by one of age."""
    _replay(disk, real, smartctl)
    reader = start(ONE_ROUND)
    assert eventually(lambda: _states(reader), 30)
    assert [name for name, value in _states(reader).items() if value] == [state]


def test_this_machine(real: str, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Each disk that smartctl can read is there with its size; a virtual disk is not, and the log says nothing."""
    caplog.set_level(logging.INFO, "paddle_otel")
    scan = json.loads(subprocess.run([real, "--scan", "-j"], capture_output=True, check=True).stdout)
    sizes: dict[str | None, int] = {}
    for device in scan.get("devices", []):
        kind = ["-d", device["type"]] if device["type"] not in ("scsi", "ata") else []
        command = [real, "-j", "-i", "-H", "-A", *kind, device["name"]]
        answer = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
        size = answer.get("user_capacity", {}).get("bytes", answer.get("nvme_total_capacity"))
        if "passed" in answer.get("smart_status", {}) and size is not None:
            sizes[str(answer.get("serial_number"))] = size
    reader = start(1.0)

    def seen() -> dict[str | None, int]:
        points = _points(reader, "hw.serial_number")
        return {serial: value for (name, serial), value in points.items() if name == "hw.physical_disk.size"}

    assert eventually(lambda: seen() == sizes, 30)
    time.sleep(2.5)  # some more rounds
    assert seen() == sizes
    assert scan.get("devices") or caplog.text == ""


@pytest.mark.parametrize("kind", ["sat", "nvme"])
def test_without_permission(
    real: str,
    smartctl: FakeSmartctl,
    start: Start,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    """What the real program says then is understood: one line, no values."""
    caplog.set_level(logging.INFO, "paddle_otel")
    locked = smartctl.folder / "locked"
    locked.touch(mode=0)
    user = "setpriv --reuid=65534 --regid=65534 --clear-groups" if os.getuid() == 0 else ""
    smartctl.script("/dev/sda", f"exec {user} {real} $(echo \"$*\" | sed 's| /dev/sda$||') {locked}", kind)
    reader = start(0.2)
    assert eventually(lambda: _points(reader) or caplog.records, 30)
    assert eventually(lambda: _points(reader) or len(smartctl.reads) > 3, 30)
    assert _points(reader) == {}
    (record,) = caplog.records
    assert "CAP_SYS_RAWIO" in record.getMessage()
