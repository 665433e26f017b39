"""One count for several processes, kept in Redis.

No step waits for a round trip: each process holds some tokens of an account ahead of need, fewer the less is left, and
a thread of its own asks for more between the steps. What is left over goes back when a request ends.
"""

import atexit
import itertools
import sys
import threading
import time
from typing import Any, Final

from paddle_otel.budgets.ledger import Account, Taken
from paddle_otel.budgets.shared_connection import Connection
from paddle_otel.budgets.shared_count import IDLE, MOST_AHEAD, Count
from paddle_otel.budgets.shared_health import PATIENCE, Health
from paddle_otel.budgets.shared_worker import Worker
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard

LONGEST_WAITS: Final = 50
"""How many times as long a step waits of which nothing is known yet, or before which one went ahead of the answer; not
longer than anybody waits for Redis, unless each step does so."""
FRESH: Final = 0.05
"""For how many seconds an answer is taken for the present state."""
KEPT: Final = 600.0
"""After how many seconds without a request an account is forgotten here; Redis keeps it."""
CAPACITY: Final = 50_000
"""How many accounts are kept at most; then those go first that were not used for longest."""
MOST_FORGOTTEN: Final = 1_000
"""How many at once."""


class SharedLedger:
    """Counts in Redis; it connects in the background, at once.

    While Redis cannot be asked it counts in this process alone, from what was last known.

    Args:
        address: Of the Redis, see ``PADDLE_OTEL_BUDGET_LEDGER``.
        wait: For how many seconds a step waits for an answer; near the end of a budget :data:`LONGEST_WAITS` times as
            long at most.

    Attributes:
        health: Whether Redis answers.
        wait: As given.
        longest_wait: For how many seconds a step waits near the end of a budget.
    """

    def __init__(self, address: str, wait: float) -> None:
        self._address = address
        self.wait = wait
        self.longest_wait = max(wait, min(LONGEST_WAITS * wait, PATIENCE))
        self.health: Final = Health(address)
        self._is_shut = False
        self._make_anew()
        call_in_forked_child(self._begin_in_child)
        atexit.register(self.shut)
        self._start()

    def opened(self, account: Account) -> None:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`."""
        now = time.monotonic()
        with self._lock:
            count = self._counts.pop(account.key, None) or Count(account)
            self._counts[account.key] = count  # the last one to be forgotten
        with count.lock:
            count.requests += 1
            count.touched = now
            if count.limit and (count.heard is None or now - count.heard > FRESH):
                count.wants_ahead = True
                self._tell(count, urgent=True)
        if len(self._counts) > CAPACITY + MOST_FORGOTTEN:
            self._forget()  # where no thread does

    def take(self, account: Account, want: int, limit: int, since: float | None = None) -> Taken:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`; waits as long as was said, at most."""
        count = self._counts.get(account.key) or self._count(account)
        now = time.monotonic()
        with count.lock:
            if want and count.take_granted(want, limit, now):
                if count.wants_ahead:
                    self._tell(count, urgent=True)
                elif not count.is_queued:
                    self._tell(count)
                return count.taken(True, now)
            if not want and limit == count.limit and count.heard is not None and now - count.heard < FRESH:
                return count.taken(count.weighted(now) < limit, now)
        return self._take_asking(count, account, want, limit, now if since is None else since)

    def add(self, account: Account, tokens: int) -> Taken:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`."""
        count = self._counts.get(account.key) or self._count(account)
        now = time.monotonic()
        with count.lock:
            count.add(tokens, now)
            self._tell(count)
            return count.taken(True, now)

    def give_back(self, account: Account, tokens: int, bucket: int) -> None:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`."""
        count = self._counts.get(account.key)
        if count is not None:
            with count.lock:
                count.give_back(tokens, bucket)
                self._tell(count)

    def used(self, account: Account) -> int | None:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`."""
        count = self._counts.get(account.key)
        if count is None or (count.heard is None and not self.health.is_down):
            return None
        now = time.monotonic()
        with count.lock:
            count.roll(now)
            return count.weighted(now)

    def retry_after(self, account: Account, want: int, limit: int) -> float | None:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`."""
        count = self._counts.get(account.key)
        if count is None:
            return None
        with count.lock:
            return count.retry_after(want, limit, time.monotonic())

    def closed(self, account: Account) -> None:
        """See :class:`~paddle_otel.budgets.ledger.Ledger`."""
        count = self._counts.get(account.key)
        if count is not None:
            with count.lock:
                if count.requests > 0:  # not where this began before a fork
                    count.requests -= 1
                if count.requests == 0 and (count.pool or not count.is_reported):
                    self._tell(count)

    def shut(self) -> None:
        """Give back what is held and let the thread end; the end of the process does so too. Takes 0.2 s at most."""
        atexit.unregister(self.shut)
        self._is_shut = True
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def _make_anew(self) -> None:
        # Reentrant: a finalizer may call while its thread holds it.
        self._lock = threading.RLock()
        self._counts: dict[str, Count] = {}
        self._worker: Worker | None = None

    def _begin_in_child(self) -> None:
        """Begin as a process that has used nothing; the thread and the connection are the parent's."""
        self._make_anew()
        self.health.begin_anew()
        # A child of multiprocessing ends without what atexit knows; it forgets its own list right after the fork.
        multiprocessing: Any = sys.modules.get("multiprocessing.util")
        if multiprocessing is not None:

            def shut_at_its_end(ledger: SharedLedger) -> None:
                multiprocessing.Finalize(ledger, ledger.shut, exitpriority=0)

            multiprocessing.register_after_fork(self, shut_at_its_end)

    def _deadline(self, count: Count, since: float) -> float:
        """Return until when a request or step waits for an answer that began to ask then."""
        if count.heard is not None and since - count.heard <= IDLE:
            count.sought = None
            return since + self.wait
        # Nothing is known, or nothing new. Once: who asks again meanwhile waits no longer than any step does.
        if count.sought is None:
            count.sought = since
        return max(since + self.wait, count.sought + self.longest_wait)

    def _count(self, account: Account) -> Count:
        with self._lock:
            return self._counts.setdefault(account.key, Count(account))

    def _take_asking(self, count: Count, account: Account, want: int, limit: int, since: float) -> Taken:
        with count.lock:
            now = time.monotonic()
            if limit != count.limit:
                count.begin_limit(limit)
            if self.health.is_down or self._is_shut:
                self._tell(count)
                return self._take_unasked(count, account, want, now)
            deadline, last = self._deadline(count, since), since + self.longest_wait
            count.need(want)
            number, answer = self._ask(count)
        try:
            while True:
                seconds = deadline - time.monotonic()
                in_time = seconds > 0 and answer.wait(seconds)
                with count.lock:
                    now = time.monotonic()
                    taken = self._take_answered(count, want, number, now)
                    if taken is None and (now >= last or not self._answers(count)):
                        taken = self._take_unasked(count, account, want, now)
                    if taken is None and not in_time:
                        taken, deadline = self._take_ahead(count, account, want, now), last
                    if taken is not None:
                        return taken
                    if in_time:
                        _, answer = self._ask(count)  # of the next answer; the number stays, others ask all the time
        finally:
            with count.lock:
                count.needed -= want

    def _ask(self, count: Count) -> tuple[int, threading.Event]:
        """Have Redis asked; return the number of that question and what is set at an answer."""
        answer = count.answer = count.answer or threading.Event()
        self._tell(count, urgent=True)
        return count.asked + 1, answer

    def _take_answered(self, count: Count, want: int, number: int, now: float) -> Taken | None:
        """Take what is granted by now; ``None`` where that question has no answer yet."""
        if want and count.take_granted(want, count.limit, now):
            return count.taken(True, now)
        if count.answered < number or count.is_over(now) or 0 < want <= count.left:
            return None  # the last: others of this process were quicker, and there is more
        if want > MOST_AHEAD:
            self._tell(count)  # what was set aside for it goes back
        return count.taken(not want and count.weighted(now) < count.limit, now)

    @staticmethod
    def _take_ahead(count: Count, account: Account, want: int, now: float) -> Taken | None:
        """Go ahead of an answer that is late, or not; ``None`` where it is waited for longer."""
        if count.is_over(now):
            return None
        if want > count.left:
            return count.taken(False, now)
        if account.is_closed or not (count.take_of_plenty(want, now) or count.take_step_ahead(want, now)):
            return None
        return count.taken(True, now)

    def _answers(self, count: Count) -> bool:
        """Whether an answer is late at most, and what was left of this account before is known."""
        return count.heard is not None and not self.health.is_down and not self._is_shut

    def _take_unasked(self, count: Count, account: Account, want: int, now: float) -> Taken:
        if account.is_closed:
            return count.taken(False, now)._replace(used=None)
        is_late = count.heard is not None and not self.health.has_failed and not self._is_shut
        if not is_late:
            return count.taken(count.take_unasked(want, count.limit, now), now)
        taken = count.taken(count.take_late(want, now), now)
        is_certain = taken.granted or count.weighted(now) + want > count.limit
        return taken if is_certain else taken._replace(used=None)

    def _tell(self, count: Count, *, urgent: bool = False) -> None:
        if (count.is_queued and not urgent) or self.health.is_lost or self._is_shut:
            return
        worker = self._worker or self._start()
        if worker is not None:
            count.is_queued = True
            worker.tell(count, urgent=urgent)

    def _start(self) -> Worker | None:
        with self._lock:
            if self._worker is None:
                with guard("starting the thread that asks the shared ledger"):
                    worker = Worker(Connection(self._address), self.health, self._forget, self._known)
                    worker.start()
                    self._worker = worker
            return self._worker

    def _known(self) -> list[Count]:
        """Return the accounts of which something was used."""
        with self._lock:
            return [count for count in self._counts.values() if count.used]

    def _forget(self) -> list[Count]:
        """Forget accounts that were not used for long, or longest where there are too many; return them."""
        now = time.monotonic()
        found: list[Count] = []
        with self._lock:
            for key, count in list(itertools.islice(self._counts.items(), MOST_FORGOTTEN)):
                crowded = len(self._counts) > CAPACITY
                if not crowded and now - count.touched < KEPT:
                    break
                if count.requests == 0:
                    del self._counts[key]
                    found.append(count)
        return found
