"""One value of one device, when to ask for it, and how long not to ask again."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from paddle_otel.hardware.nvml.binding import DEVICE_LOST, DRIVER_GONE, UNSUPPORTED, NvmlError

Name = TypeVar("Name")
Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)

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


class Schedule:
    """When it is time again for something that is asked every so many seconds; at first at once.

    Args:
        period: Seconds.
        phase: Which part of a period, 0 to 1, so that several devices are not all asked at the same moment.
    """

    __slots__ = ("_next", "_offset", "_period")

    def __init__(self, period: float, phase: float = 0.0) -> None:
        self._period = period
        self._offset = period * phase
        self._next = -math.inf

    def due(self, now: float) -> bool:
        """Whether it is time, seconds of a monotonic clock; if it is, the next time is a period later."""
        if now < self._next:
            return False
        self._next = now + self._period - (now - self._offset) % self._period
        return True


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

    @property
    def hopeless(self) -> bool:
        """Whether the device does not have the value in any way."""
        return not self._ways

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


class Fact(Generic[Value]):
    """A value that does not change: asked until it is known.

    Args:
        *ways: As of :class:`Question`.
    """

    __slots__ = ("_question", "_value")

    def __init__(self, *ways: Callable[[Any], Value | None]) -> None:
        self._question: Question[Value] = Question(*ways)
        self._value: Value | None = None

    def ask(self, handle: Any, now: float) -> Value | None:
        """Return the value, see :meth:`Question.ask`."""
        if self._value is None:
            self._value = self._question.ask(handle, now)
        return self._value


class Askable(Protocol[Value_co]):
    """A question or a fact."""

    def ask(self, handle: Any, now: float) -> Value_co | None:
        """Return the value, see :meth:`Question.ask`."""
        ...


def answers(questions: Mapping[Name, Askable[Value]], handle: Any, now: float) -> Mapping[Name, Value]:
    """Return the answers to those questions that have one.

    Args:
        questions: By a name.
        handle: The device's handle.
        now: Seconds of a monotonic clock.

    Raises:
        NvmlError: The device is lost or the driver is gone.
    """
    return {name: answer for name, one in questions.items() if (answer := one.ask(handle, now)) is not None}
