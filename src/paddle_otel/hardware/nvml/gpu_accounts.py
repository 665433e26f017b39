"""The accounts of the operations that run on one GPU, settled at each sample."""

import weakref
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from paddle_otel.hardware.monotonic import SHORTEST
from paddle_otel.hardware.nvml.operation_account import NANO, Account, Stretch
from paddle_otel.hardware.nvml.reading import MOST_POWER, GpuReading
from paddle_otel.hardware.nvml.shared_time import Moment, SharedTime

_TIMES_THE_LIMIT: Final = 2
"""For moments the power exceeds the limit; twice the limit over a whole stretch is an error of the counter."""


class _Sample(NamedTuple):
    moment: Moment
    energy: int | None  # nJ
    breaks: int
    power: float | None  # W
    utilization: float | None
    most_power: float  # W
    alone: bool | None


class GpuAccounts:
    """The operations that run on one GPU.

    Not safe for threads: its owner has a lock. Only :meth:`abandon` and :attr:`busy` go without it.

    Args:
        clock: ``time.monotonic_ns``, for tests.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self.uuid: str | None = None
        self._clock = clock
        self._abandoned: deque[tuple[weakref.ref[object], int]] = deque()
        self._time = SharedTime()
        self._running: dict[weakref.ref[object], Account] = {}
        self._last: _Sample | None = None
        self._has_counter = False

    @property
    def busy(self) -> bool:
        """Whether an operation runs; any thread may ask without the lock."""
        return bool(self._running)

    def open(self, operation: "weakref.ref[object]") -> Account:
        """Open the account of an operation that begins now.

        Args:
            operation: The operation; call :meth:`abandon` with this reference when it is gone before its end.
        """
        self._close_abandoned()
        now = self._clock()
        account = self._running[operation] = Account(self._time.at(now))
        self._time.change(now, len(self._running))
        return account

    def close(self, operation: "weakref.ref[object]") -> bool:
        """Close the account of an operation that ends now.

        Args:
            operation: As for :meth:`open`.

        Returns:
            Whether it was open.
        """
        self._close_abandoned()
        return self._close(operation, self._clock())

    def abandon(self, operation: "weakref.ref[object]") -> None:
        """Note that an operation is gone.

        That may happen inside any other method here, wherever garbage is collected: so it is only noted.

        Args:
            operation: As for :meth:`open`.
        """
        self._abandoned.append((operation, self._clock()))

    def settle(self, reading: GpuReading | None, taken: int, longest: int) -> None:
        """Credit the operations with what the GPU used, and for how long it worked, since the reading before.

        Args:
            reading: What the GPU said; ``None`` when it said nothing.
            taken: When it was read, ``time.monotonic_ns()``.
            longest: The longest time in nanoseconds between two readings for which the energy is divided.
        """
        self._close_abandoned()
        if reading is None:
            self._last = None
            return
        if reading.identity.uuid != self.uuid:
            self.uuid, self._last, self._has_counter = reading.identity.uuid, None, False
        last, sample = self._last, self._sample(reading, taken)
        stretch = self._stretch(last, sample, longest) if last is not None else None
        other = sample.alone is False or (last is not None and last.alone is False)
        self._last = sample
        left = (stretch.energy or 0) if stretch is not None else 0
        for account in self._running.values():
            if account.began_by(sample.moment.time):
                account.note(reading)
                if other:
                    account.withhold()
                elif stretch is not None:
                    left -= account.credit(stretch, left)

    def _sample(self, reading: GpuReading, taken: int) -> _Sample:
        self._has_counter |= reading.energy is not None
        return _Sample(
            self._time.at(taken),
            None if reading.energy is None else int(reading.energy * NANO),
            reading.energy_breaks,
            reading.power,
            reading.utilization,
            _TIMES_THE_LIMIT * reading.health.power_limit if reading.health.power_limit else MOST_POWER,
            None if reading.mig or reading.process is None else reading.process.alone,
        )

    def _stretch(self, last: _Sample, sample: _Sample, longest: int) -> Stretch | None:
        nanoseconds = sample.moment.time - last.moment.time
        if not 0 < nanoseconds <= longest or not (last.alone and sample.alone):
            return None
        if sample.energy is not None and last.energy is not None:
            used = sample.energy - last.energy
            most = max(last.most_power, sample.most_power) * max(nanoseconds, SHORTEST * NANO)
            if sample.breaks != last.breaks or not 0 <= used <= most:
                return None
            return Stretch(last.moment, sample.moment, used, False, sample.utilization)
        # A counter that failed once must not be replaced by estimates: together they may say more than it does later.
        if self._has_counter:
            return None
        if sample.power is None or last.power is None:
            return Stretch(last.moment, sample.moment, None, False, sample.utilization)
        used = int((sample.power + last.power) / 2 * nanoseconds)
        return Stretch(last.moment, sample.moment, used, True, sample.utilization)

    def _close_abandoned(self) -> None:
        while self._abandoned:
            self._close(*self._abandoned.popleft())

    def _close(self, operation: "weakref.ref[object]", now: int) -> bool:
        if self._running.pop(operation, None) is None:
            return False
        self._time.change(now, len(self._running))
        return True
