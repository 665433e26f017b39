"""What Paddle does in this process now, and how long it has done each kind of thing.

Nobody asks in most programs, so each call returns at once unless somebody watches.

How time is counted: a thread does one thing at a time, what it began last (a prediction inside a forward pass is a
prediction). While several threads are busy, each gets an equal part of the time. While none is, it is *idle*. So the
parts always add up to the time that passed. It is the program's time: a GPU works through what a program handed to it a
little later, and nothing here waits for it. It is the process's: which of its GPUs works is not told.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from weakref import WeakSet

from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guarded

PREFILL: Final = "prefill"
DECODE: Final = "decode"
PREDICT: Final = "predict"
FORWARD: Final = "forward"
BACKWARD: Final = "backward"
IDLE: Final = "idle"
"""Nothing that is known of."""
OTHER: Final = "other"
"""What is left when more kinds are named than are kept apart."""

KINDS: Final = (PREFILL, DECODE, PREDICT, FORWARD, BACKWARD)
"""What is noticed without a word of the program; a program may name kinds of its own."""
MOST_KINDS: Final = 64
"""Names of kinds are kept apart up to this number, so that a program that makes up names takes no more memory."""


class ActivityRecord:
    """Counts the time of each kind while somebody watches; any thread may call any method, and none raises.

    What began before somebody watched is not known: its change and its end are passed over.

    Args:
        clock: ``time.monotonic_ns``, for tests.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._make_anew()
        call_in_forked_child(self._make_anew)

    def _make_anew(self) -> None:
        """In a forked child nobody watches, and the parent's threads are not there."""
        # Reentrant, and with a queue: collecting garbage may end an operation in the middle of any of these methods.
        self._lock = threading.RLock()
        self._steps: deque[Callable[[], None]] = deque()
        self._inside = False
        self._watchers: WeakSet[object] = WeakSet()
        self.is_watched = False
        """Whether anybody wants to know. Where not, the other methods do nothing."""
        self._busy: dict[int, list[str]] = {}  # what each thread has begun and not ended, by the thread
        self._seconds: dict[str, int] = {}  # in nanoseconds
        self._settled = 0

    def watch(self, watcher: object) -> None:
        """Count from now on.

        Args:
            watcher: Who wants it, until it is gone; the same one watches once however often it asks.
        """
        self._do(partial(self._watch, watcher))

    def unwatch(self, watcher: object) -> None:
        """Count no longer for this watcher; with the last one everything is forgotten."""
        self._do(partial(self._unwatch, watcher))

    def begin(self, kind: str) -> None:
        """This thread begins something.

        Args:
            kind: What, one of :data:`KINDS` or a name of the program's own.
        """
        if self.is_watched:
            self._do(partial(self._begin, threading.get_ident(), kind))

    def change(self, old: str, new: str) -> None:
        """What was one kind is another one from now on, as a generation whose prompt is read goes on to decode."""
        if self.is_watched:
            self._do(partial(self._change, threading.get_ident(), old, new))

    def end(self, kind: str, thread: int | None = None) -> None:
        """Something ended: what the thread began last of the kind, if that was noted.

        Args:
            kind: As it was begun.
            thread: The one that began it, this one unless said.
        """
        if self.is_watched:
            self._do(partial(self._end, threading.get_ident() if thread is None else thread, kind))

    def current(self) -> str | None:
        """Return what this thread is doing, ``None`` when that is nothing, or nobody watches."""
        last = self._busy.get(threading.get_ident(), [])[-1:]  # in one step: another thread may end it meanwhile
        return last[0] if last else None

    def totals(self) -> Mapping[str, int]:
        """Return the nanoseconds of each kind so far, idle included; only the growth between two calls means much."""
        self._do(self._settle)
        return dict(self._seconds)

    @guarded("noting what Paddle does")
    def _do(self, step: Callable[[], None]) -> None:
        with self._lock:
            self._steps.append(step)
            if self._inside:
                return  # whoever is inside does it next
            self._inside = True
            try:
                while self._steps:
                    self._steps.popleft()()
            finally:
                self._inside = False

    def _watch(self, watcher: object) -> None:
        if not self._watchers:
            self._busy.clear()
            self._seconds = {IDLE: 0}
            self._settled = self._clock()
        self._watchers.add(watcher)
        self.is_watched = True

    def _unwatch(self, watcher: object) -> None:
        self._watchers.discard(watcher)
        self._settle()

    def _begin(self, thread: int, kind: str) -> None:
        self._settle()
        if not self.is_watched:
            return  # the last one who watched has just gone
        known = kind if kind in self._seconds or len(self._seconds) < MOST_KINDS else OTHER
        self._seconds.setdefault(known, 0)
        self._busy.setdefault(thread, []).append(known)

    def _change(self, thread: int, old: str, new: str) -> None:
        self._settle()
        if self._take(thread, old):
            self._begin(thread, new)

    def _end(self, thread: int, kind: str) -> None:
        self._settle()
        self._take(thread, kind)

    def _take(self, thread: int, kind: str) -> bool:
        known = kind if kind in self._seconds else OTHER
        stack = self._busy.get(thread, [])
        if known not in stack:
            return False  # it began before anybody watched: what another thread does is another one's
        del stack[len(stack) - 1 - stack[::-1].index(known)]
        if not stack:
            del self._busy[thread]
        return True

    def _settle(self) -> None:
        if not self._watchers:
            self.is_watched = False
            self._busy.clear()
        now = self._clock()
        passed, self._settled = now - self._settled, now
        if not self.is_watched or passed <= 0:
            return
        doing = [stack[-1] for stack in self._busy.values()] or [IDLE]
        part, rest = divmod(passed, len(doing))
        for kind in doing:
            self._seconds[kind] += part
        self._seconds[doing[0]] += rest


ACTIVITY: Final = ActivityRecord()
"""That of this process."""
