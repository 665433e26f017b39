"""One value of one device, and how long not to ask for it again."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from paddle_otel.hardware.nvml.binding import DEVICE_LOST, DRIVER_GONE, UNSUPPORTED, NvmlError

Value = TypeVar("Value")

FIRST_PAUSE: Final = 1.0
"""Seconds until something that failed is tried again, doubled by each further failure …"""
LONGEST_PAUSE: Final = 60.0
"""… up to this many seconds."""


class Backoff:
    """When something that fails may be tried again; at once as long as it did not fail.

    Args:
        longest: The longest pause in seconds.
    """

    __slots__ = ("_longest", "_not_before", "_pause")

    def __init__(self, longest: float = LONGEST_PAUSE) -> None:
        self._longest = longest
        self._pause = 0.0
        self._not_before = 0.0

    def due(self, now: float) -> bool:
        """Whether it may be tried at this time, seconds of a monotonic clock."""
        return self._pause == 0.0 or now >= self._not_before

    def failed(self, now: float) -> None:
        """Wait, and longer than the last time."""
        self._pause = min(self._pause * 2 or FIRST_PAUSE, self._longest)
        self._not_before = now + self._pause

    def succeeded(self) -> None:
        """Do not wait."""
        self._pause = 0.0


class Question(Generic[Value]):
    """One value that a device is asked for, in the first way that it supports.

    Args:
        *ways: Functions from the device's handle to the value; the next one is for drivers or devices that do not
            have the one before.
    """

    __slots__ = ("_backoff", "_ways")

    def __init__(self, *ways: Callable[[Any], Value | None]) -> None:
        self._ways: Sequence[Callable[[Any], Value | None]] = ways
        self._backoff = Backoff()

    def ask(self, handle: Any, now: float) -> Value | None:
        """Return the value, ``None`` when the device does not give it.

        A way that the device does not support is never tried again. Other failures are tried again after a pause.

        Args:
            handle: The device's handle.
            now: Seconds of a monotonic clock.

        Raises:
            NvmlError: The device is lost or the driver is gone, so that no other question needs to be asked.
        """
        while self._ways and self._backoff.due(now):
            try:
                value = self._ways[0](handle)
            except NvmlError as error:
                if error.code in UNSUPPORTED:
                    self._ways = self._ways[1:]
                    continue
                if error.code in DEVICE_LOST or error.code in DRIVER_GONE:
                    raise
                self._backoff.failed(now)
            else:
                self._backoff.succeeded()
                return value
            return None
        return None
