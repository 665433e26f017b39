"""Keeps one worker running while anybody wants samples, in this process and in its forked children."""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard
from paddle_otel.sampling.history import CAPACITY, History
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.sampling.source import Source
from paddle_otel.sampling.worker import HANDING_ON, LONGEST_PATIENCE, SLOWNESS, Door, Ending, Slot, Worker

STALE_INTERVALS: Final = 3
"""A snapshot older than this many intervals is no longer shown, unless taking it took long …"""
STALE_SECONDS: Final = 3.0
"""… nor, at short intervals, one older than this: a busy interpreter may let a thread wait for a second or two."""
STOP_SECONDS: Final = 0.5
"""How long stopping waits for a thread that is inside a driver call."""
EXIT_SECONDS: Final = 0.05
"""How long the program's exit waits for it."""
FIRST_PASS_SECONDS: Final = 0.05
"""How long a collection that finds a hanging thread waits for its successor's first sample: once for each hang."""

_logger: Final = logging.getLogger("paddle_otel")


class Sampler:
    """Samples while it has an owner; any thread may call any method, and none waits for a device.

    Args:
        open_sources: Makes the sources; called again in a forked child, and when sampling starts again.
        capacity: How many snapshots are kept.
        stale_after: The least age in seconds at which a snapshot is stale.
    """

    def __init__(
        self,
        open_sources: Callable[[], Sequence[Source[object]]],
        *,
        capacity: int = CAPACITY,
        stale_after: float = STALE_SECONDS,
    ) -> None:
        self._open_sources = open_sources
        self._capacity = capacity
        self._stale_after = stale_after
        self._intervals: dict[str, float] = {}
        self._reported_hangs: set[str] = set()
        self._exiting = False
        self._listeners: tuple[tuple[Callable[[Snapshot], None], Door], ...] = ()
        self._make_anew()
        call_in_forked_child(self._make_anew)

    def _make_anew(self) -> None:
        """Everything that does not survive a fork: locks, the thread, open devices, and the parent's snapshots."""
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._hung: list[Worker] = []
        self._slots: tuple[Slot, ...] = ()
        self._history = History(self._capacity)
        self._listeners = tuple((listener, Door(HANDING_ON)) for listener, _ in self._listeners)

    def start(self, owner: str, interval: float) -> None:
        """Sample for an owner, from now until it stops; the shortest interval of all owners holds.

        Args:
            owner: Who wants it; the same owner starts once however often it calls.
            interval: Seconds between two samples.
        """
        with self._lock:
            if not self._intervals:
                atexit.register(self._at_exit)
            self._intervals[owner] = interval
            if self._worker is None:
                before = self._slots
                self._open()
                self._start_worker([slot for slot in before if slot not in self._slots])
            else:
                self._worker.interval = self._interval

    def stop(self, owner: str) -> None:
        """Stop sampling for an owner; with the last one the thread ends and the devices are closed."""
        with self._lock:
            if self._intervals.pop(owner, None) is None:
                return
            if self._intervals:
                if self._worker is not None:
                    self._worker.interval = self._interval
                return
            atexit.unregister(self._at_exit)
            worker, self._worker = self._worker, None
            self._history = History(self._capacity)
            for ending in (*self._hung, *([worker] if worker else ())):
                ending.end(Ending.CLOSE)
        if worker is not None:
            worker.join(STOP_SECONDS)

    @property
    def running(self) -> bool:
        """Whether anybody wants samples."""
        return bool(self._intervals)

    def subscribe(self, listener: Callable[[Snapshot], None]) -> None:
        """Have a function called with each snapshot, on the sampler's thread, from now on. May be told twice.

        It should be short. While it hangs it is left out, and sampling and the other listeners go on.
        """
        with self._lock:
            if all(listener != known for known, _ in self._listeners):
                self._listeners = (*self._listeners, (listener, Door(HANDING_ON)))

    @property
    def sources(self) -> tuple[Slot, ...]:
        """The sources that are read, with their errors and last successes; none before the first start.

        Asking replaces a thread that hangs, as :meth:`latest` does.
        """
        if self._intervals:
            self._keep_alive()
        return self._slots

    def latest(self) -> Snapshot | None:
        """Return the newest snapshot, ``None`` when there is none or it is stale.

        Also where a thread is started that a forked child does not have yet, and replaced when it hangs.
        """
        if not self._intervals:
            return None
        self._keep_alive()
        snapshot = self._history.latest
        if snapshot is None:
            return None
        # The next one takes about as long as this one, and is not begun at once.
        slowness = min(SLOWNESS * (snapshot.finished - snapshot.started), LONGEST_PATIENCE * 1e9)
        if time.monotonic_ns() - snapshot.finished > max(self._stale_seconds * 1e9, slowness):
            return None
        return snapshot

    def between(self, start: int, end: int) -> tuple[Snapshot, ...]:
        """Return the kept snapshots of an interval, see :meth:`History.between`."""
        return self._history.between(start, end)

    @property
    def _interval(self) -> float:
        return min(self._intervals.values())

    @property
    def _stale_seconds(self) -> float:
        worker = self._worker
        return stale_after(worker.interval if worker else 0.0, self._stale_after)

    def _keep_alive(self) -> None:
        worker = self._worker
        if worker is not None and worker.alive and worker.stuck_in(self._stale_seconds) is None:
            return
        # Whoever holds the lock is doing the same, or starting or stopping: nothing to wait for.
        # The same one to the end: in a forked child it is made anew, perhaps by a handler that runs after others.
        lock = self._lock
        if not self._exiting and lock.acquire(blocking=False):
            try:
                if self._intervals and worker is self._worker:
                    self._replace(worker)
            finally:
                lock.release()

    def _replace(self, worker: Worker | None) -> None:
        self._hung = [hung for hung in self._hung if hung.alive]
        hangs = worker is not None and worker.alive
        if worker is not None and hangs:
            self._report_hang(worker.stuck_in(self._stale_seconds))
            worker.end(Ending.KEEP)
            self._hung.append(worker)
        self._start_worker()
        if hangs and self._worker is not None and self._worker is not worker:
            # Nothing has been sampled since the hang began: without this, its first collection would have nothing of
            # the sources that do answer, at an export interval of a minute just when somebody wants to know.
            self._worker.wait_for_first_pass(FIRST_PASS_SECONDS)

    def _open(self) -> None:
        """Make the sources, with the settings of now.

        One in which a thread hangs stays, so that nobody enters that driver twice; and what was counted stays.
        """
        known = {slot.name: slot for slot in self._slots}
        with guard("setting up what reads the hardware"):
            self._slots = tuple(_slot_of(source, known.get(source.name)) for source in self._open_sources())

    def _start_worker(self, leftovers: Sequence[Slot] = ()) -> None:
        """Start a worker that first closes what is not read any more; the caller holds the lock."""
        if not self._slots:
            self._open()
        with guard("starting the thread that reads the hardware"):
            worker = Worker(self._slots, self._interval, self._publish, leftovers)
            worker.start()
            self._worker = worker

    def _publish(self, snapshot: Snapshot) -> None:
        self._history.append(snapshot)
        for listener, door in self._listeners:
            door.enter(lambda listener=listener: listener(snapshot))

    def _report_hang(self, site: str | None) -> None:
        if site is None or site in self._reported_hangs:
            return
        self._reported_hangs.add(site)
        if site == HANDING_ON:
            _logger.warning(
                "A log processor has not returned for more than %g s; events of the hardware are missing until it "
                "does, its metrics and all others go on. Look at the log exporters of this program. This is logged "
                "once.",
                self._stale_seconds,
            )
            return
        _logger.warning(
            "%s has not answered for more than %g s; its metrics are missing until it does, all others go on. "
            "Look for a driver error in the kernel log. This is logged once.",
            site,
            self._stale_seconds,
        )

    def _at_exit(self) -> None:
        # Sources stay open: shutting a driver library down beside a thread that is still inside it crashes the program.
        self._exiting = True
        worker = self._worker
        if worker is not None:
            worker.end(Ending.KEEP)
            worker.join(EXIT_SECONDS)


def stale_after(interval: float, least: float = STALE_SECONDS) -> float:
    """Return the age in seconds at which a snapshot is no longer shown, and a driver is taken for hanging.

    Args:
        interval: Seconds between two samples.
        least: The age below which none is stale.
    """
    return max(least, STALE_INTERVALS * interval)


def _slot_of(source: Source[object], known: Slot | None) -> Slot:
    return known if known is not None and known.must_serve(source) else Slot(source, known)
