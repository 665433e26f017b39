"""A machine with disks and mounts, and what is said about the paths of its data."""

import logging
import os
from pathlib import Path

import pytest

from fake_disks import FakeDisks, Lines, Marked, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.source import DiskSource


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    """A machine with three disks; ``/`` is on a partition of ``sda``."""
    disks = FakeDisks(tmp_path / "machine")
    disks.add("sda", "8:0")
    disks.add_partition("sda", "sda1", "8:1")
    disks.add_partition("sda", "sda2", "8:2")
    disks.add("sdb", "8:16")
    disks.add_partition("sdb", "sdb1", "8:17")
    disks.add("nvme0n1", "259:0")
    disks.mount("/", "8:1", "ext4", "/dev/sda1")
    return disks


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder for data."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def marked(disks: FakeDisks, clock: Clock) -> Marked:
    """Tell which disks have the role of the data for these paths."""

    def read(*paths: Path | str) -> set[str]:
        source = DiskSource(os.pathsep.join(map(str, paths)), disks.root, clock)
        by_name = readings(source)
        roles = {name: one.disk.role for name, one in by_name.items()}
        assert set(roles.values()) <= {"data", None}
        for one in by_name.values():
            role = {"paddle.disk.role": one.disk.role} if one.disk.role else {}
            assert one.disk.attributes == {"system.device": one.disk.name, **role}
        return {name for name, role in roles.items() if role}

    return read


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """What was logged so far."""
    caplog.set_level(logging.DEBUG, "paddle_otel")
    return lambda: [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
