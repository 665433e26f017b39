"""One look at all disks, in a thread of its own."""

from typing import Final

from paddle_otel.background_thread import background_thread
from paddle_otel.guard import guard
from paddle_otel.hardware.smart.program import Runner
from paddle_otel.hardware.smart.reader import ByDevice, DiskReader

THREAD_NAME: Final = "paddle-otel-smart"


class Round:
    """Has every disk read once and ends; it cannot be started again.

    Args:
        reader: Reads the disks.
        runner: Runs smartctl, for this round only.
        before: What the disks said in the round before.
    """

    def __init__(self, reader: DiskReader, runner: Runner, before: ByDevice) -> None:
        self._reader = reader
        self._runner = runner
        self._before = before
        self._readings: ByDevice | None = None
        self._finished = False
        self._thread = background_thread(THREAD_NAME, self._run)

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: The system or an interpreter that shuts down allows no new thread.
        """
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether it has begun and is over."""
        return self._finished

    @property
    def readings(self) -> ByDevice | None:
        """What the disks said; ``None`` before the end and when they could not be asked."""
        return self._readings

    def cancel(self, wait: float = 0.0) -> None:
        """Kill smartctl and have the round end.

        Args:
            wait: How many seconds to wait for the end.
        """
        self._runner.cancel()
        if wait:
            self._thread.join(wait)

    def _run(self) -> None:
        try:
            with guard("reading the S.M.A.R.T. values of the disks"):
                self._readings = self._reader.read_all(self._runner, self._before)
        finally:
            self._finished = True
