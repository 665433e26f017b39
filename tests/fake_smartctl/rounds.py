"""Rounds over the disks that a test begins and waits for."""

import threading
from collections.abc import Callable
from typing import Final

from fake_nvml.sources import eventually
from paddle_otel.hardware.smart import KIND
from paddle_otel.hardware.smart.reading import DiskReading, SmartReadings
from paddle_otel.hardware.smart.source import SmartSource
from paddle_otel.settings import Settings

INTERVAL: Final = 300.0
ON: Final = Settings(smart=True, smart_interval=INTERVAL)


def _yes(_: str) -> bool:
    return True


def read(source: SmartSource, holds: Callable[[str], bool] = _yes) -> SmartReadings | None:
    """Read, and have this process report the disks unless told otherwise, as a collection does."""
    readings = source.read()
    return KIND.reported(readings, holds) if readings is not None else None


def after_round(source: SmartSource) -> tuple[DiskReading, ...]:
    """Have a round that is due done, and return what is known then."""
    read(source)
    read(source)  # by now the source knows that this process reports the disks
    assert eventually(lambda: not smart_threads())
    readings = read(source)
    assert readings is not None
    return readings.disks


def smart_threads() -> list[threading.Thread]:
    """Return the threads in which disks are read."""
    return [thread for thread in threading.enumerate() if thread.name == "paddle-otel-smart"]
