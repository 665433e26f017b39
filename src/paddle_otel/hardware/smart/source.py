"""What the sampler reads of the disks' S.M.A.R.T. values: what is known by now, at once."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from paddle_otel.forking import import_undisturbed
from paddle_otel.hardware.smart.reading import NAME, Duty, SmartReadings
from paddle_otel.settings import Settings

if TYPE_CHECKING:
    from paddle_otel.hardware.smart.rounds import Rounds

LIMIT_SECONDS: Final = 30.0
"""How long smartctl may take for one disk; one that spins up after all takes ten."""


class SmartSource:
    """Has the disks read every now and then, as long as this process reports them; never waits for smartctl.

    Args:
        settings: Whether, and how often.
        clock: Seconds of a monotonic clock, for tests.
        limit: Seconds that smartctl may take for one disk, for tests.
        sysfs: Where sysfs is, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        limit: float = LIMIT_SECONDS,
        sysfs: Path = Path("/sys"),
    ) -> None:
        self._enabled = settings.smart and sys.platform == "linux"
        self._interval = settings.smart_interval
        self._clock = clock
        self._limit = limit
        self._sysfs = sysfs
        self._duty = Duty()
        self._rounds: Rounds | None = None

    @property
    def name(self) -> str:
        """``smart``."""
        return NAME

    def read(self) -> SmartReadings | None:
        """Return what the disks said in the last round, ``None`` if that is switched off.

        Also where the next round begins, if it is due and anybody has asked for the disks since the last one. Who
        collects asks by :func:`paddle_otel.hardware.smart.reading.reported`, first of readings that are empty.
        """
        if not self._enabled:
            return None
        if self._duty.held:
            self._rounds = self._rounds or self._make_rounds()
            return self._rounds.readings()
        if self._rounds is not None:
            self._rounds.stop()
        return SmartReadings(self._duty)

    def close(self) -> None:
        """Kill smartctl if it runs and wait a short while for the thread; a later read goes on."""
        self._duty.answer(held=False)
        if self._rounds is not None:
            self._rounds.close()

    def _make_rounds(self) -> "Rounds":
        # Only now: subprocess and JSON are for those who use them.
        module: Any = import_undisturbed("paddle_otel.hardware.smart.rounds")
        return module.Rounds(self._duty, self._interval, self._clock, self._limit, self._sysfs)
