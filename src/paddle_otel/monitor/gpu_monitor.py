"""Watches GPUs while a program runs."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from os import PathLike
from types import TracebackType
from typing import Any, Final

from paddle_otel.forking import call_in_forked_child
from paddle_otel.monitor.condition import FORKED, NOT_STARTED, Condition, condition
from paddle_otel.monitor.devices import DeviceId, Devices, checked_history, checked_interval
from paddle_otel.monitor.feed import FEEDS, Feed
from paddle_otel.monitor.log_file import LogFile, save_rows
from paddle_otel.monitor.observers import OBSERVERS
from paddle_otel.monitor.plot import plotted
from paddle_otel.monitor.recording import Recording
from paddle_otel.monitor.statistics import GPUStatistics
from paddle_otel.monitor.table import data_frame

FIRST_SAMPLE_SECONDS: Final = 0.5
"""How long :meth:`GPUMonitor.start` waits for the first sample, and :meth:`GPUMonitor.stop` for the last one."""


class GPUMonitor:
    """Measures GPUs from :meth:`start` to :meth:`stop`; needs neither OpenTelemetry to be configured nor a driver.

    Where there is no driver or no such device, the program runs on and the statistics say so.

    Args:
        device_id: Which GPUs: a number as Paddle counts devices (``0`` is ``gpu:0``: the first of those that
            ``CUDA_VISIBLE_DEVICES`` leaves), ``"gpu:0"``, a UUID (its beginning is enough, also of a GPU that
            ``CUDA_VISIBLE_DEVICES`` hides), a list of these, or ``None`` or ``"all"`` for all that this process may
            use.
        interval: Seconds between two samples, at least 0.1.
        history: How many samples of each GPU are kept for percentiles, tables and plots. Everything else is computed
            from all samples.
        log_to: A file to which each sample is appended, ``.csv`` or ``.jsonl``.
        log_max_bytes: Size at which that file is set aside as ``….1``, an older one as ``….2`` and so on.
        log_backups: How many of those are kept.
        observe: Whether it is noticed what Paddle does (generations, predictions, forward and backward passes) while
            the monitor runs. Without it, only what :class:`~paddle_otel.monitor.activities.activity` names and what
            instrumentors see that the program switched on.

    Raises:
        ValueError: An argument can mean nothing.
        TypeError: A device is neither a number nor a text.
    """

    def __init__(  # noqa: PLR0913 - each has a default, and all but the first are given by name
        self,
        device_id: DeviceId | Sequence[DeviceId] | None = None,
        interval: float = 1.0,
        *,
        history: int = 3600,
        log_to: str | PathLike[str] | None = None,
        log_max_bytes: int = 64 * 2**20,
        log_backups: int = 3,
        observe: bool = True,
    ) -> None:
        self._devices = Devices(device_id)
        self._interval = checked_interval(interval)
        self._history = checked_history(history)
        self._log = LogFile(log_to, log_max_bytes, log_backups) if log_to is not None else None
        self._observe = observe
        self._lock = threading.RLock()
        self._recording: Recording | None = None
        self._feed: Feed | None = None
        self._condition: Condition | None = NOT_STARTED
        self._running = False
        self._stopped_at = 0
        call_in_forked_child(self._forget)

    def start(self) -> "GPUMonitor":
        """Begin to measure, anew if there was a measurement before; nothing happens while it runs.

        Returns when the first sample is there, at most half a second later.

        Returns:
            The monitor itself.
        """
        with self._lock:
            if not self._running:
                noted = self._log.write if self._log is not None else None
                recording = Recording(self._devices, self._interval, self._history, noted)
                if self._observe:
                    OBSERVERS.want(recording)
                self._feed = FEEDS.start(recording.note, self._devices.setting, self._interval)
                self._recording, self._condition, self._running = recording, None, True
                self._feed.hurry(recording.first, FIRST_SAMPLE_SECONDS)  # one that runs already is inside its pause
        return self

    def stop(self) -> GPUStatistics:
        """End the measurement with one last sample; nothing happens if it does not run.

        Waits for that sample half a second at most.

        Returns:
            What was measured.
        """
        with self._lock:
            recording, feed = self._recording, self._feed
            if self._running and recording is not None and feed is not None:
                recording.close_with_next()
                feed.hurry(recording.closed, FIRST_SAMPLE_SECONDS)
                self._running, self._stopped_at = False, time.monotonic_ns()
                self._end(recording, feed)
        return self.get_statistics()

    def _end(self, recording: Recording, feed: Feed) -> None:
        devices = recording.statistics()
        self._condition = condition(recording, devices, feed, self._interval, running=False)
        self._feed = None
        feed.remove(recording.note)
        recording.end()
        OBSERVERS.leave(recording)
        if self._log is not None:
            self._log.close()

    def _forget(self) -> None:
        """In a forked child: what was measured is the parent's."""
        self._lock = threading.RLock()
        if self._running:
            self._running, self._recording, self._feed, self._condition = False, None, None, FORKED
        if self._log is not None:
            self._log.close()

    @property
    def running(self) -> bool:
        """Whether it measures now."""
        return self._running

    def get_statistics(self) -> GPUStatistics:
        """Return what was measured so far, or until it was stopped; never raises for a device or a driver."""
        recording, feed, found = self._recording, self._feed, self._condition
        if recording is None:
            word, text = found or NOT_STARTED
            return GPUStatistics(word, text, False, None, 0.0, self._interval, 0, 0, None, {}, ())
        devices = recording.statistics()
        if found is None and feed is not None:
            found = condition(recording, devices, feed, self._interval, running=True)
        word, text = found or NOT_STARTED
        end = time.monotonic_ns() if self._running else self._stopped_at
        joules = [device.energy_joules for device in devices if device.energy_joules is not None]
        return GPUStatistics(
            status=word,
            message=text,
            running=self._running,
            started_at=datetime.fromtimestamp(recording.started_wall / 1e9, tz=timezone.utc),
            duration_seconds=(end - recording.started) / 1e9,
            interval_seconds=self._interval,
            samples=recording.samples,
            samples_kept=recording.kept,
            energy_joules=sum(joules) if joules else None,
            activity_seconds=dict(recording.activity_seconds),
            devices=devices,
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the samples that are kept to a file, in place of what was there.

        Args:
            path: Ends with ``.csv`` or ``.jsonl``.

        Raises:
            ValueError: It ends with something else.
            OSError: The file cannot be written.
        """
        save_rows(path, self._recording.rows() if self._recording is not None else ())

    def to_dataframe(self) -> Any:
        """Return the samples that are kept as a ``pandas.DataFrame``, one row for each sample of each GPU.

        Raises:
            ImportError: pandas is not installed.
        """
        return data_frame(self._recording.rows() if self._recording is not None else ())

    def plot(self, *quantities: str) -> Any:
        """Draw the samples that are kept, with what Paddle did in the background.

        Args:
            *quantities: Names of values, ``utilization_percent``, ``memory_used_bytes`` and ``power_watts`` unless
                given.

        Returns:
            A ``matplotlib.figure.Figure``; a notebook shows it.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: There is no such value.
        """
        return plotted(self._recording.rows() if self._recording is not None else (), quantities)

    def __enter__(self) -> "GPUMonitor":  # noqa: PYI034 - Python 3.10 has no Self
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        names = ", ".join(device.name for device in self._devices.wanted) or "all GPUs"
        return f"<GPUMonitor of {names}, {'running' if self._running else 'stopped'}>"
