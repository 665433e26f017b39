"""Names the devices that executors run on."""

from typing import Any
from weakref import WeakKeyDictionary


def place_name(place: Any) -> str | None:
    """Return a place as Paddle writes devices (``cpu``, ``gpu:0``), ``None`` for no place."""
    return None if place is None else str(place).removeprefix("Place(").removesuffix(")")


class KnownExecutors:
    """All executors that ran something; an executor that is gone is forgotten."""

    def __init__(self) -> None:
        self._devices: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()

    def device(self, executor: Any) -> str | None:
        """Return the device of an executor, which it is made for and keeps."""
        device = self._devices.get(executor)
        if device is None:
            device = self._devices[executor] = place_name(executor.place)
        return device
