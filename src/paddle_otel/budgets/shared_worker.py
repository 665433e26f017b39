"""The thread that asks Redis, for all requests of a process together."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from paddle_otel.background_thread import background_thread
from paddle_otel.budgets.shared_connection import Connection, LedgerError
from paddle_otel.budgets.shared_count import IDLE, Count
from paddle_otel.budgets.shared_health import Health
from paddle_otel.budgets.shared_script import Answer, Question
from paddle_otel.guard import guard

THREAD_NAME: Final = "paddle-otel-budget-ledger"
REPORT_SECONDS: Final = 0.05
"""How long reports that nobody waits for are gathered."""
LOOK_SECONDS: Final = 0.5
"""How often accounts that are not used any more are looked for."""
PING_SECONDS: Final = 2.0
"""How long nobody asks until Redis is asked whether it is there."""
MOST_WAITING: Final = 60_000
"""Accounts that wait to be reported while Redis cannot be asked; those that have waited longest are dropped first."""
EXIT_SECONDS: Final = 0.2
"""How long the end of the process waits at most until all that is held has been given back."""

_Asked = tuple[Count, int, Question]


class Worker:
    """One thread; it cannot be started again.

    Args:
        connection: To Redis; only this thread uses it.
        health: Is told how it went.
        forget: Called twice a second; returns the accounts that are not used any more.
        known: Returns the accounts of which something was used.
    """

    def __init__(
        self,
        connection: Connection,
        health: Health,
        forget: Callable[[], Sequence[Count]],
        known: Callable[[], Sequence[Count]] = tuple,
    ) -> None:
        self._known = known
        self._asked_at = 0.0
        self._connection = connection
        self._health = health
        self._forget = forget
        self._holding: set[Count] = set()
        self._urgent: deque[Count] = deque()
        self._calm: deque[Count] = deque()
        # Not an event: a finalizer that runs while its thread holds the lock inside of that would wait for ever.
        self._told: SimpleQueue[None] = SimpleQueue()
        self._is_resting = False
        self._ending = threading.Event()
        self._thread = background_thread(THREAD_NAME, self._run)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def tell(self, count: Count, *, urgent: bool) -> None:
        """Have Redis asked about an account, at once or soon; returns at once."""
        (self._urgent if urgent else self._calm).append(count)
        if len(self._calm) > MOST_WAITING:  # while nobody answers
            with suppress(IndexError):  # the thread may have taken them all just now
                self._calm.popleft().is_queued = False
        if (urgent or self._is_resting) and self._told.empty():
            self._told.put(None)

    def end(self) -> None:
        """Make it give back what is held, and end; waits for that a moment."""
        self._ending.set()
        self._told.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join(EXIT_SECONDS)

    def _run(self) -> None:
        with suppress_instrumentation():  # these are no calls of the program
            pause = self._round([])  # connect before somebody waits
            looked = time.monotonic()
            while not self._ending.wait(pause):
                self._rest()
                if time.monotonic() - looked > LOOK_SECONDS:
                    with guard("looking after the accounts of the shared ledger"):
                        self._look()
                    looked = time.monotonic()
                pause = self._round(self._gather())
                if self._health.is_lost:
                    return
            if not pause:
                self._let_go()
                if self._ask_all():
                    self._say_goodbye()
            self._connection.close()

    def _ask_all(self) -> bool:
        """Ask until nothing is left to be asked; return whether it answered."""
        while batch := self._gather():
            if self._round(batch):
                return False
        return True

    def _rest(self) -> None:
        """Wait until there is something to ask, and for a moment for more of it where nobody waits for the answer."""
        self._is_resting = True
        if not self._urgent and not self._calm:
            self._wait(LOOK_SECONDS)
        self._is_resting = False
        self._drain()
        if not self._urgent and not self._ending.is_set():
            self._wait(REPORT_SECONDS)
            self._drain()

    def _wait(self, seconds: float) -> None:
        with suppress(Empty):
            self._told.get(timeout=seconds)

    def _drain(self) -> None:
        with suppress(Empty):
            while True:
                self._told.get_nowait()

    def _look(self) -> None:
        """Have given back what was not used for a while, and forget who is gone."""
        now = time.monotonic()
        if now - self._asked_at > PING_SECONDS:
            self._round([])
        for count in self._holding:
            if now - count.touched > IDLE:
                self._queue(count)
        if self._health.available:
            for count in self._forget():
                count.is_leaving = count.is_reported
                self._queue(count)

    def _let_go(self) -> None:
        for count in self._holding:
            count.requests = 0
            self._queue(count)

    def _say_goodbye(self) -> None:
        """Take this process out of what would else be kept of it for a month; what it has used stays counted."""
        parting: list[Question] = []
        for count in self._known():
            with count.lock:
                if count.account.window.kind == "none" and count.is_reported and not count.pool:
                    parting.append(count.question(time.monotonic())._replace(keep=0, hold=0, leaves=True))
        with guard("leaving the shared ledger of token budgets"), suppress(LedgerError):
            most = self._connection.most_at_once
            for first in range(0, len(parting), most):
                self._connection.ask(parting[first : first + most])

    def _queue(self, count: Count) -> None:
        with count.lock:
            is_there, count.is_queued = count.is_queued, True
        if not is_there:
            (self._urgent if count.needed else self._calm).append(count)

    def _gather(self) -> list[Count]:
        batch: dict[Count, None] = {}  # each once, though it was told twice
        for queue in (self._urgent, self._calm):
            while queue and len(batch) < self._connection.most_at_once:
                batch[queue.popleft()] = None
        return list(batch)

    def _round(self, batch: Sequence[Count]) -> float:
        """Ask about accounts.

        Returns:
            For how many seconds to ask nothing; 0 where it answered.
        """
        asked = [one for count in batch if (one := _ask(count))]
        if batch and not asked:
            return 0.0
        self._health.asking()
        self._asked_at = time.monotonic()
        error = LedgerError("unexpected")
        with guard("asking the shared ledger of token budgets"):
            try:
                answers = self._connection.ask([question for _, _, question in asked])
            except LedgerError as known:
                error = known
            else:
                was_away = self._health.answered()
                if self._connection.was_made_anew() or was_away:
                    for count in self._known():  # it may have come back empty
                        self._queue(count)
                for one, answer in zip(asked, answers, strict=True):
                    self._hear(one, answer)
                return 0.0
        pause = self._health.failed(error)
        for one in asked:
            self._ask_again(one)
        return pause

    def _hear(self, asked: _Asked, answer: Answer | LedgerError) -> None:
        count, number, question = asked
        if isinstance(answer, LedgerError):
            self._health.count(answer)
            with count.lock:
                count.heard = None  # of this one nothing is known any more
            self._ask_again(asked)
            return
        if question.leaves:
            self._holding.discard(count)
            return
        with count.lock:
            fits = count.hear(number, question, answer, time.monotonic())
            (self._holding.discard if count.is_reported and not count.pool else self._holding.add)(count)
            waiting, count.answer = count.answer, None
        if not fits:
            self._queue(count)
        if waiting is not None:
            waiting.set()

    def _ask_again(self, asked: _Asked) -> None:
        count, _, question = asked
        if question.leaves:
            return
        with count.lock:
            count.is_queued = True
            waiting, count.answer = count.answer, None
        self._calm.append(count)
        if waiting is not None:
            waiting.set()


def _ask(count: Count) -> _Asked | None:
    with count.lock:
        if not count.is_queued:
            return None
        question = count.question(time.monotonic())
        return count, count.asked, question
