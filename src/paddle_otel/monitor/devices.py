"""Which GPUs a monitor is asked for."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.visible import ALL, VISIBLE

DeviceId = int | str
"""A number as Paddle counts devices, ``"gpu:0"``, or a UUID (its beginning is enough)."""

LEAST_INTERVAL: Final = 0.1
"""Seconds. What a driver says of a GPU's load is a mean of the last sixth of a second, or of a second."""
_PADDLE: Final = "gpu:"
_UUID: Final = ("gpu-", "mig-")


class Device:
    """One device that was asked for.

    Args:
        device_id: As the user wrote it.

    Raises:
        ValueError: It can be no device.
        TypeError: It is neither a number nor a text.
    """

    def __init__(self, device_id: object) -> None:
        self.ordinal: int | None = None
        self.uuid = ""
        if isinstance(device_id, bool) or not isinstance(device_id, int | str):
            raise TypeError(
                f"device_id={device_id!r}: a device is a number as Paddle counts (0), 'gpu:0', or a UUID ('GPU-…')."
            )
        text = str(device_id).strip()
        if text.lower().startswith(_UUID) and len(text) > len(_UUID[0]):
            self.uuid = text.lower()
        elif text.lower().removeprefix(_PADDLE).isdecimal():
            self.ordinal = int(text.lower().removeprefix(_PADDLE))
        else:
            raise ValueError(
                f"device_id={device_id!r}: expected a number from 0, 'gpu:0', or a UUID ('GPU-…', 'MIG-…')."
            )
        self.name = text if self.uuid else f"{_PADDLE}{self.ordinal}"

    def is_read_by(self, reading: GpuReading) -> bool:
        """Whether a reading is of this device."""
        if self.uuid:
            return reading.identity.uuid.lower().startswith(self.uuid)
        return reading.ordinal == self.ordinal


class Devices:
    """The devices that a monitor is asked for.

    Args:
        device_id: One device, several, or all (``None`` or ``"all"``).

    Raises:
        ValueError: It can be no devices.
        TypeError: It is of another type.
    """

    def __init__(self, device_id: DeviceId | Sequence[DeviceId] | None) -> None:
        self.wanted: tuple[Device, ...] = ()
        if device_id is None or device_id == ALL:
            return
        ids: Iterable[object] = (device_id,)
        if isinstance(device_id, Iterable) and not isinstance(device_id, str):
            ids = device_id
        self.wanted = tuple(Device(one) for one in ids)
        if not self.wanted:
            raise ValueError("device_id is empty: name at least one device, or None for all.")

    @property
    def setting(self) -> str:
        """Which GPUs must be read, in the words of ``PADDLE_OTEL_GPUS``.

        Those that ``CUDA_VISIBLE_DEVICES`` hides are read only where a UUID names them.
        """
        if self.wanted and all(device.uuid for device in self.wanted):
            return ",".join(device.uuid for device in self.wanted)
        return ALL if any(device.uuid for device in self.wanted) else VISIBLE

    def choose(self, readings: Iterable[GpuReading], known: Iterable[str]) -> list[GpuReading]:
        """Return the readings of the devices that are asked for.

        Args:
            readings: Those of all GPUs that are read.
            known: UUIDs that were chosen before: a GPU that is lost does not tell its number.
        """
        if not self.wanted:
            return list(readings)
        before = set(known)
        return [
            one
            for one in readings
            if any(device.is_read_by(one) for device in self.wanted) or (one.lost and one.identity.uuid in before)
        ]

    def missing(self, readings: Sequence[GpuReading], known: Iterable[str]) -> list[str]:
        """Return the names of the devices that were asked for and are not read.

        Args:
            readings: Those of all GPUs that are read.
            known: UUIDs that were chosen before.
        """
        lost = {one.identity.uuid for one in readings if one.lost} & set(known)
        return [
            device.name
            for device in self.wanted
            if not any(device.is_read_by(one) for one in readings) and not (lost and device.ordinal is not None)
        ]


def checked_interval(interval: float) -> float:
    """Return the seconds between two samples.

    Raises:
        ValueError: It is not a number from :data:`LEAST_INTERVAL` upwards.
    """
    is_number = isinstance(interval, int | float) and not isinstance(interval, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not is_number or not math.isfinite(interval) or interval < LEAST_INTERVAL:
        raise ValueError(
            f"interval={interval!r}: expected seconds between two samples, at least {LEAST_INTERVAL:g}; drivers have "
            "no newer values."
        )
    return float(interval)


def checked_history(history: int) -> int:
    """Return how many samples are kept.

    Raises:
        ValueError: It is no number of samples.
    """
    is_number = isinstance(history, int) and not isinstance(history, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not is_number or history < 1:
        raise ValueError(f"history={history!r}: expected how many samples are kept, a whole number from 1.")
    return history
