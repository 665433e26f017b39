"""Asks smartctl about every disk, one after the other."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.smart.device import (
    ASLEEP,
    Device,
    block_device,
    find_smartctl,
    read_command,
    scan_command,
    scanned,
)
from paddle_otel.hardware.smart.health import health
from paddle_otel.hardware.smart.identity import identity
from paddle_otel.hardware.smart.json_fields import Fields, count, decode, number, objects, text
from paddle_otel.hardware.smart.program import Answer, Ending, Runner
from paddle_otel.hardware.smart.reading import DiskReading
from paddle_otel.hardware.smart.values import smart_values

ByDevice = Mapping[Device, DiskReading]

_COLDEST, _HOTTEST = -100, 300  # Cel
_DENIED: Final = ("Permission denied", "Operation not permitted")


class DiskReader:
    """Reads disks; nothing it meets is an error: what a disk does not say is missing, and the log says why, once.

    Args:
        clock: Seconds of a monotonic clock.
        sysfs: Where sysfs is.
        limit: Seconds that smartctl may take for one disk.
    """

    def __init__(self, clock: Callable[[], float], sysfs: Path, limit: float) -> None:
        self._clock = clock
        self._sysfs = sysfs
        self._limit = limit
        self._log = OnceLog()

    def read_all(self, runner: Runner, before: ByDevice) -> ByDevice | None:
        """Return what the disks say, ``None`` if they cannot be asked or the runner was cancelled.

        Args:
            runner: Runs smartctl.
            before: What they said the last time; holds for those that sleep.
        """
        smartctl = find_smartctl()
        if smartctl is None:
            self._log.info(
                "No S.M.A.R.T. values: there is no smartctl. Everything else works. The package smartmontools brings "
                "it; it is looked for again every time it is due."
            )
            return None
        answer = runner.run(scan_command(smartctl), self._limit)
        fields = self._fields(answer, "the list of disks")
        if fields is None:
            return None
        readings: dict[Device, DiskReading] = {}
        for device in scanned(fields, self._sysfs):
            reading = self._read(runner, smartctl, device, before.get(device))
            if runner.cancelled:
                return None
            if reading is not None:
                readings[device] = reading
        return readings

    def _read(self, runner: Runner, smartctl: str, device: Device, before: DiskReading | None) -> DiskReading | None:
        answer = runner.run(read_command(smartctl, device), self._limit)
        fields = self._fields(answer, device.name)
        if fields is None:
            return None
        status = count(fields, "smartctl", "exit_status")
        if (answer.status if status is None else status) == ASLEEP:
            return before.asleep() if before is not None else None
        if _denied(fields):
            self._log.info(
                "No S.M.A.R.T. values of some or all disks: smartctl may not read them. Everything else works. It "
                "needs root, or CAP_SYS_RAWIO for ATA and CAP_SYS_ADMIN for NVMe disks, and in a container the "
                "disk's device node."
            )
        return _reading(fields, block_device(device.name, self._sysfs), self._clock())

    def _fields(self, answer: Answer, what: str) -> Fields | None:
        """Return what an answer says; say it in the log if it does not say anything."""
        if answer.ending in (Ending.TIMED_OUT, Ending.UNKILLABLE):
            self._log.warning(
                "smartctl did not answer for more than %d s (%s) and was killed; the S.M.A.R.T. values that it was to "
                "read are missing until it does, everything else works. Look for errors of the disk in the kernel log.",
                round(self._limit),
                what,
            )
            return None
        if answer.ending is Ending.CANCELLED:
            return None
        fields = decode(answer.output)
        if fields is None:
            self._log.warning(
                "smartctl gives no usable answer (%s); the S.M.A.R.T. values that it was to read are missing, "
                "everything else works. Version 7.0 or newer is needed; run smartctl --scan -j to see what it says.",
                what,
            )
        return fields


def _reading(answer: Fields, device: str | None, now: float) -> DiskReading | None:
    who = identity(answer, device)
    if who is None:
        return None
    size = count(answer, "user_capacity", "bytes")
    reading = DiskReading(
        identity=who,
        taken=now,
        wall=time.time_ns(),
        health=health(answer),
        values=smart_values(answer),
        temperature=_temperature(answer),
        size=count(answer, "nvme_total_capacity") if size is None else size,
    )
    return None if reading.blank else reading


def _temperature(answer: Fields) -> float | None:
    current = number(answer, "temperature", "current")
    if current is None or not _COLDEST < current < _HOTTEST:
        return None
    # A SCSI device without a sensor answers 0, and 0 for the temperature at which it would switch itself off.
    trip = number(answer, "temperature", "drive_trip")
    return None if current == 0 and trip == 0 else current


def _denied(answer: Fields) -> bool:
    messages = [text(message, "string") or "" for message in objects(answer, "smartctl", "messages")]
    return any(denial in message for message in messages for denial in _DENIED)
