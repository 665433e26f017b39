"""Fixtures of the fake smartctl; a plugin of the tests that need it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_nvml.sources import Clock
from fake_smartctl.program import FakeSmartctl
from fake_smartctl.rounds import ON
from paddle_otel.hardware.smart.source import SmartSource


@pytest.fixture
def smartctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSmartctl:
    """A smartctl that finds no disk."""
    program = FakeSmartctl(tmp_path / "bin")
    program.put_on_path(monkeypatch)
    return program


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A sysfs in which sda and sdb are ATA disks, sdc is a SCSI disk and nvme0 has one namespace."""
    for name, vendor in (("sda", "ATA     \n"), ("sdb", "ATA     \n"), ("sdc", "ACME    \n")):
        folder = tmp_path / "sys/class/block" / name / "device"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(vendor)
    (tmp_path / "sys/class/nvme/nvme0/nvme0n1").mkdir(parents=True)
    return tmp_path / "sys"


@pytest.fixture
def smart(clock: Clock, sysfs: Path) -> Iterator[SmartSource]:
    """A source whose clock stands still."""
    source = SmartSource(ON, clock, 60.0, sysfs)
    yield source
    source.close()
