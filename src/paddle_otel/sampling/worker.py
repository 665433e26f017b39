"""The thread that reads the sources, once per interval, until it is told to end."""

import enum
import threading
import time
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from paddle_otel.background_thread import background_thread
from paddle_otel.forking import call_undisturbed
from paddle_otel.guard import attempt, guard
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.sampling.source import Source

THREAD_NAME: Final = "paddle-otel-sampler"
HANDING_ON: Final = "handing on what the hardware said"
SLOWNESS: Final = 2.0
"""A source is waited for as long as this many times its last read took: it is slow and does not hang …"""
LONGEST_PATIENCE: Final = 60.0
"""… but for its slowness it is waited for this many seconds at most."""

_R = TypeVar("_R")


class Ending(enum.Enum):
    """What a worker that ends does with the sources."""

    CLOSE = "close"
    """Close those that no other thread is in."""
    KEEP = "keep"
    """Leave them open: another worker goes on with them, or the process ends and the kernel closes all."""


class Occupied:
    """In place of a result: another thread is still inside."""


OCCUPIED: Final = Occupied()


class Door:
    """Lets one thread in at a time; the others go on instead of waiting.

    Args:
        site: What happens inside, for the log.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._occupied = threading.Lock()

    def enter(self, act: Callable[[], _R]) -> _R | Occupied | None:
        """Return what a function returns, ``None`` on trouble, :data:`OCCUPIED` where it was not called."""
        if not self._occupied.acquire(blocking=False):
            return OCCUPIED
        try:
            with guard(self._site):
                return act()
        finally:
            self._occupied.release()
        return None

    @property
    def occupied(self) -> bool:
        """Whether a thread is inside."""
        return self._occupied.locked()


class Slot:
    """A source, and the right to be in it: one thread at a time, and nobody waits for it.

    Args:
        source: What is read.
        before: The slot of the source that this one replaces; what it counted is counted on.

    Attributes:
        name: The source's.
        last_success: When it last gave readings with anything in them (true in Python's sense), ``time.time_ns()``.
        patience: How many seconds a read may take, judged by the last one, before it is taken for one that hangs.
    """

    def __init__(self, source: Source[object], before: "Slot | None" = None) -> None:
        self.name: Final = source.name
        self.last_success: int | None = before.last_success if before else None
        self.patience: float = 0.0
        self._failures = before.errors if before else 0
        self._source = source
        self._open = False
        self._door = Door(f"reading {self.name}")

    @property
    def errors(self) -> int:
        """How often reading failed, with the errors that the source counts itself (``errors``)."""
        told: object = getattr(self._source, "errors", 0)
        return self._failures + (told if isinstance(told, int) else 0)

    def must_serve(self, source: Source[object]) -> bool:
        """Whether a source of the same name may be read in this slot only: somebody is inside, or it is the same."""
        return self._door.occupied or self._source is source

    def read(self) -> object | None:
        """Return the readings, ``None`` on trouble, :data:`OCCUPIED` while another thread is still inside."""
        return self._door.enter(self._read)

    def close(self) -> None:
        """Close the source if it was read, unless another thread is still inside."""
        self._door.enter(self._close)

    def _read(self) -> object | None:
        self._open = True
        try:
            readings = call_undisturbed(self._timed_read)
        except Exception:
            self._failures += 1
            raise
        if readings:
            self.last_success = time.time_ns()
        return readings

    def _timed_read(self) -> object | None:
        begun = time.monotonic()
        try:
            return self._source.read()
        finally:
            self.patience = min(SLOWNESS * (time.monotonic() - begun), LONGEST_PATIENCE)

    def _close(self) -> None:
        if self._open:
            self._open = False
            with guard(f"closing {self.name}"):
                call_undisturbed(self._source.close)


class Worker:
    """One thread; it cannot be started again.

    Args:
        slots: The sources in the order in which they are read.
        interval: Seconds from one pass to the next.
        publish: Receives each snapshot on the worker's thread.
        leftovers: Slots that are not read any more; closed first.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        interval: float,
        publish: Callable[[Snapshot], None],
        leftovers: Sequence[Slot] = (),
    ) -> None:
        self._interval = interval
        self._slots = slots
        self._publish = publish
        self._leftovers = leftovers
        self._ending: Ending | None = None
        self._wake = threading.Event()
        self._first_pass = threading.Event()
        self._inside: tuple[str, int, float] | None = None  # where, since when (ns), patience (s)
        self._thread = background_thread(THREAD_NAME, self._run)

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The system or an interpreter that shuts down allows no new thread.
        """
        self._thread.start()

    @property
    def interval(self) -> float:
        """Seconds from one pass to the next; a shorter one holds at once, also for the pass that is waited for."""
        return self._interval

    @interval.setter
    def interval(self, interval: float) -> None:
        self._interval = interval
        self._wake.set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stuck_in(self, limit: float) -> str | None:
        """Return the source in which the thread has been for longer than a number of seconds, ``None`` if in none.

        A source whose last read took long has longer, see :attr:`Slot.patience`. :data:`HANDING_ON` when it is with
        those who receive the snapshots.
        """
        inside = self._inside
        if inside is None:
            return None
        site, since, patience = inside
        return site if time.monotonic_ns() - since > max(limit, patience) * 1e9 else None

    def end(self, ending: Ending) -> None:
        """Make the thread end as soon as it is not inside a source; returns at once."""
        self._ending = ending
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, at most this many seconds."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def wait_for_first_pass(self, timeout: float) -> None:
        """Wait until the first snapshot is there, at most this many seconds."""
        self._first_pass.wait(timeout)

    def read_once(self) -> bool:
        """Read every source and publish what they said.

        Returns:
            Whether that was done; not when the worker was told to end, because then nobody wants the result.
        """
        readings: dict[str, object] = {}
        durations: dict[str, int] = {}
        wall, started = time.time_ns(), time.monotonic_ns()
        finished = started
        for slot in self._slots:
            if self._ending is not None:
                return False
            self._inside = (slot.name, begun := finished, slot.patience)
            reading = slot.read()
            self._inside = None
            finished = time.monotonic_ns()
            if reading is OCCUPIED:
                continue
            durations[slot.name] = finished - begun
            if reading is not None:
                readings[slot.name] = reading
        if self._ending is not None:
            return False
        snapshot = Snapshot(
            started=started,
            finished=finished,
            wall=wall,
            readings=MappingProxyType(readings),
            durations=MappingProxyType(durations),
        )
        self._inside = (HANDING_ON, finished, 0.0)
        self._publish(snapshot)
        self._inside = None
        self._first_pass.set()
        return True

    def _run(self) -> None:
        self._close(self._leftovers)
        due = time.monotonic()
        while self._goes_on():
            due = next_due(due, self._interval, time.monotonic())
            while self._ending is None and self._wake.wait(due - time.monotonic()):
                self._wake.clear()
                due = min(due, time.monotonic() + self._interval)
        if self._ending is Ending.CLOSE:
            self._close(self._slots)

    def _goes_on(self) -> bool:
        # Memory may be used up for a moment, anywhere in a pass; the next one may succeed.
        done = attempt("taking a sample", self.read_once)
        self._inside = None
        return done is not False

    def _close(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            self._inside = (slot.name, time.monotonic_ns(), 0.0)
            slot.close()
            self._inside = None


def next_due(due: float, interval: float, now: float) -> float:
    """Return when the next pass is due.

    Stays on the grid that the first pass began, so that passes do not drift by their own duration. Passes that were
    missed (a slow driver, a suspended machine) are left out, not made up for in a burst.

    Args:
        due: When the last pass was due, seconds.
        interval: Seconds between two passes.
        now: The time now, on the same clock.
    """
    intervals = (now - due) // interval + 1
    following = due + intervals * interval
    return following if following > now else following + interval  # rounding may land on now itself
