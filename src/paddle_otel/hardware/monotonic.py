"""Counters that never go back, made from those of devices, which do."""

from typing import Final

BITS_32: Final = 32

MOST_DEVICES: Final = 256
"""How many devices are remembered; the one that was added first goes first."""


class Monotonic:
    """The growth of one counter.

    A counter that goes back began anew at 0 (reset of the device, reload of the driver): what it shows then is added.
    One that is known to wrap and was in the upper half of its range went through its end instead.

    Args:
        bits: How wide a counter is that wraps, ``None`` for one that does not.
    """

    __slots__ = ("_last", "_range", "_total")

    def __init__(self, bits: int | None = None) -> None:
        self._range = 1 << bits if bits is not None else 0
        self._last = 0
        self._total = 0

    def add(self, raw: int) -> int:
        """Return what the counter would show had it never gone back.

        Args:
            raw: What it shows, 0 or more.
        """
        growth = raw - self._last
        if growth < 0:
            growth = growth + self._range if self._wrapped(raw) else raw
        self._last = raw
        self._total += growth
        return self._total

    def _wrapped(self, raw: int) -> bool:
        half = self._range // 2
        return raw < half <= self._last < self._range


class Counters:
    """The counters of one device, by name."""

    __slots__ = ("_counters",)

    def __init__(self) -> None:
        self._counters: dict[object, Monotonic] = {}

    def add(self, name: object, raw: int, bits: int | None = None) -> int:
        """Return what a counter would show had it never gone back.

        Args:
            name: Which counter.
            raw: What it shows, 0 or more.
            bits: How wide it is if it wraps.
        """
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Monotonic(bits)
        return counter.add(raw)


class CountersByDevice:
    """The counters of all devices, kept while a device is lost or its driver is reloaded."""

    def __init__(self) -> None:
        self._devices: dict[str, Counters] = {}

    def of(self, device: str) -> Counters:
        """Return the counters of a device.

        Args:
            device: What the device is known by for ever, a UUID for instance.
        """
        counters = self._devices.get(device)
        if counters is None:
            if len(self._devices) >= MOST_DEVICES:
                del self._devices[next(iter(self._devices))]
            counters = self._devices[device] = Counters()
        return counters
