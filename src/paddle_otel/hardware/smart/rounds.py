"""When the disks are read, and how long what they said holds."""

import atexit
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.smart.changes import Changes
from paddle_otel.hardware.smart.identity import distinct
from paddle_otel.hardware.smart.program import Runner, Unkillable
from paddle_otel.hardware.smart.reader import ByDevice, DiskReader
from paddle_otel.hardware.smart.reading import Duty, SmartReadings
from paddle_otel.hardware.smart.round import Round

KEPT_INTERVALS: Final = 3
"""What a disk said is shown until it is this many intervals old: it sleeps, or smartctl hangs."""
CLOSE_SECONDS: Final = 0.3
"""How long closing waits for the thread."""


class Rounds:
    """One round after the other; every method is called on the sampler's thread and returns at once.

    Args:
        duty: Handed on with the readings; tells whether anybody wants another round.
        interval: Seconds from the beginning of one round to that of the next.
        clock: Seconds of a monotonic clock.
        limit: Seconds that smartctl may take for one disk.
        sysfs: Where sysfs is.
    """

    def __init__(self, duty: Duty, interval: float, clock: Callable[[], float], limit: float, sysfs: Path) -> None:
        self._duty = duty
        self._interval = interval
        self._clock = clock
        self._reader = DiskReader(clock, sysfs, limit)
        self._unkillable: Unkillable = {}
        self._changes = Changes()
        self._log = OnceLog()
        self._ends_at_exit = False
        self._exiting = False
        self._round: Round | None = None
        self._due: float | None = None  # at once
        self._last: ByDevice = {}
        self._readings = SmartReadings(duty)

    def readings(self) -> SmartReadings:
        """Return what the disks said in the last round, and begin the next one if it is due."""
        now = self._clock()
        if self._round is not None and self._round.finished:
            self._take_over(self._round)
        if self._round is None and self._duty.wanted and (self._due is None or now >= self._due):
            self._begin(now)
        return self._fresh(now)

    def stop(self) -> None:
        """Read nothing more, because another process reports the disks now, or nobody; waits for nothing.

        What is known stays known, and a round that came to its end is not repeated before its interval is over: also
        where processes take the disks from each other, none asks them more often.
        """
        if self._round is not None:
            self._round.cancel()
            self._round = self._due = None

    def close(self) -> None:
        """The same, and wait a short while for the thread."""
        if self._round is not None:
            self._round.cancel(CLOSE_SECONDS)
        self.stop()
        atexit.unregister(self._at_exit)
        self._ends_at_exit = False

    def _begin(self, now: float) -> None:
        if self._exiting:
            return
        self._duty.wanted = False
        self._due = now + self._interval
        if not self._ends_at_exit:
            atexit.register(self._at_exit)
            self._ends_at_exit = True
        self._round = Round(self._reader, Runner(self._unkillable), self._last)
        try:
            self._round.start()
        except RuntimeError:
            self._round = None
            self._log.warning(
                "No S.M.A.R.T. values for now: the system allows no further thread. It is tried again, everything "
                "else works."
            )

    def _take_over(self, finished: Round) -> None:
        self._round = None
        if finished.readings is not None:
            self._last = finished.readings
            disks = distinct(list(finished.readings.values()))
            self._readings = SmartReadings(self._duty, disks, self._changes.since_last(disks))

    def _fresh(self, now: float) -> SmartReadings:
        """Return the readings without those that are too old, and with their events this once."""
        current = self._readings
        oldest = now - KEPT_INTERVALS * self._interval
        disks = tuple(disk for disk in current.disks if disk.taken >= oldest)
        if len(disks) != len(current.disks):
            current = SmartReadings(self._duty, disks, current.events)
        self._readings = SmartReadings(self._duty, disks) if current.events else current
        return current

    def _at_exit(self) -> None:
        # smartctl would outlive this program otherwise. Nothing is waited for.
        self._exiting = True
        running = self._round
        if running is not None:
            running.cancel()
