"""Counters that never go back, made from those of devices, which do."""

from typing import Final

BITS_32: Final = 32

MOST_DEVICES: Final = 256
"""How many devices are remembered; the one that was added first goes first."""
MOST_STEPS: Final = 8
"""How many steps back are remembered of one counter; the oldest goes first."""
SMALL: Final = 1000
"""Counters that show less are believed when they go back: errors are few, and as many after a reset are new ones."""
SHORTEST: Final = 1.0
"""Seconds that count for shorter times: a counter is not refreshed at each reading, and one may be read late."""


class _StepBack:
    """What a counter showed before it went back, to recognise it when it comes back there.

    Args:
        raw: What it showed.
        total: The sum by then.
    """

    __slots__ = ("lowest", "raw", "total")

    def __init__(self, raw: int, total: int) -> None:
        self.raw = raw
        self.total = total
        self.lowest = raw

    def undone_by(self, last: int, raw: int) -> bool:
        """Whether a step from one value to another leads near where it was, and is most of the way there."""
        near = self.raw <= raw <= self.raw + self.raw // 2
        return near and self.raw >= SMALL and self.raw - last > last - self.lowest


class Monotonic:
    """The growth of one counter.

    A counter that goes back began anew at 0 (reset of the device, reload of the driver): what it shows then is added.
    There are exceptions, so that what was counted once is never counted twice:

    - One that is known to wrap and was in the upper half of its range went through its end.
    - One that goes back by less than half did not begin anew: nothing is added.
    - One that is at one stroke near where it was before it went back never began anew: of all that was added since,
      and of the stroke, only what it shows beyond that place counts.
    - Growth that is faster than the device can be is not added.

    Args:
        bits: How wide a counter is that wraps, ``None`` for one that does not.

    Attributes:
        breaks: How often its growth from one value to the next was not simply their difference.
    """

    __slots__ = ("_last", "_range", "_steps", "_time", "_total", "breaks")

    def __init__(self, bits: int | None = None) -> None:
        self.breaks = 0
        self._range = 1 << bits if bits is not None else 0
        self._last = 0
        self._total = 0
        self._time: float | None = None
        self._steps: list[_StepBack] = []

    def add(self, raw: int, *, now: float = 0.0, fastest: float | None = None) -> int:
        """Return what the counter would show had it never gone back.

        Args:
            raw: What it shows; less than 0 is no value and changes nothing.
            now: Seconds of a monotonic clock, where ``fastest`` is given.
            fastest: Growth in a second that no device exceeds, if that is known. The first value may be anything.
        """
        if raw < 0:
            return self._total
        total = self._total + raw - self._last
        if raw < self._last:
            total = self._stepped_back(raw)
        elif self._steps and raw >= self._steps[-1].raw:
            total = self._stepped_up(raw, total)
        if fastest is not None:
            if self._time is not None and total - self._total > fastest * max(now - self._time, SHORTEST):
                total = self._total
                self.breaks += 1
            self._time = now
        self._last, self._total = raw, total
        return total

    def _stepped_back(self, raw: int) -> int:
        if self._wrapped(raw):
            self._steps.clear()  # values of another round
            return self._total + raw - self._last + self._range
        self.breaks += 1
        self._steps.append(_StepBack(self._last, self._total))
        del self._steps[:-MOST_STEPS]
        for step in self._steps:
            step.lowest = min(step.lowest, raw)
        return self._total if raw > self._last // 2 and self._last >= SMALL else self._total + raw

    def _stepped_up(self, raw: int, total: int) -> int:
        undone = False
        while self._steps and raw >= self._steps[-1].raw:
            step = self._steps.pop()
            if step.undone_by(self._last, raw):
                total, undone = step.total + raw - step.raw, True
        self.breaks += undone
        return max(total, self._total)

    def _wrapped(self, raw: int) -> bool:
        half = self._range // 2
        return raw < half <= self._last < self._range


class Counters:
    """The counters of one device, by name."""

    __slots__ = ("_counters",)

    def __init__(self) -> None:
        self._counters: dict[object, Monotonic] = {}

    def of(self, name: object, bits: int | None = None) -> Monotonic:
        """Return a counter.

        Args:
            name: Which counter.
            bits: How wide it is if it wraps; a counter keeps its first width.
        """
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Monotonic(bits)
        return counter

    def add(self, name: object, raw: int, bits: int | None = None) -> int:
        """Return what a counter would show had it never gone back, see :meth:`Monotonic.add`.

        Args:
            name: Which counter.
            raw: What it shows.
            bits: How wide it is if it wraps.
        """
        return self.of(name, bits).add(raw)


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
