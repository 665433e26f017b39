"""Budgets of their own for each test, requests that spend from them, and clocks that tests set."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.memory_ledger import MemoryLedger
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.shared_worker import THREAD_NAME
from paddle_otel.budgets.spending import Spender, Spending
from paddle_otel.budgets.window_time import WindowClock
from paddle_otel.identity import Identity


@pytest.fixture(autouse=True)
def _no_ledger_goes_on_asking() -> Iterator[None]:
    """Let no ledger of a test say in the next one that its Redis is gone: a thread is waited for 0.2 s at its end."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 30
    while any(thread.name == THREAD_NAME for thread in set(threading.enumerate()) - before):
        assert time.monotonic() < deadline, "a ledger was not shut"
        time.sleep(0.01)


class HandClock:
    """Clocks that move when they are told to; the wall clock may also be set."""

    def __init__(self) -> None:
        self.wall = 1_000_000 * 86_400.0  # midnight, UTC
        self.steady = 5000.0

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.steady += seconds

    def window_clock(self) -> WindowClock:
        """Return the clock of a ledger that follows these."""
        return WindowClock(lambda: self.wall, lambda: self.steady)


@pytest.fixture
def hands() -> HandClock:
    """Clocks that the test sets."""
    return HandClock()


@pytest.fixture
def memory(hands: HandClock) -> MemoryLedger:
    """A ledger in memory that follows the test's clocks."""
    return MemoryLedger(hands.window_clock())


@pytest.fixture
def budgets(memory: MemoryLedger) -> Budgets:
    """The budgets of a process, none yet."""
    return Budgets(memory)


@pytest.fixture
def used(budgets: Budgets, memory: MemoryLedger) -> Callable[..., int | None]:
    """What is used of a budget by a subject."""

    def find(name: str = "b", subject: str = "") -> int | None:
        found = {budget.name: budget for budget in budgets.budgets()}[name]
        return memory.used(Account.of(found, subject))

    return find


Begin = Callable[..., Spending]


@pytest.fixture
def begin(budgets: Budgets) -> Begin:
    """Begin a request for which a budget is in force."""

    def begin_request(
        *, input_tokens: int | None = None, step_tokens: int | None = 1, model: str | None = None, **who: str
    ) -> Spending:
        spending = budgets.begin(Spender(Identity(**who), model, input_tokens, step_tokens))
        assert spending is not None, "no budget is for this request"
        return spending

    return begin_request


@pytest.fixture
def generate(begin: Begin) -> Callable[..., int]:
    """Run a generation that would make so many tokens, and return how many it made."""

    def run(most: int, **request: str) -> int:
        spending = begin(**request)
        if spending.refusal is not None:
            raise spending.refusal
        made = 0
        while made < most:
            made += 1
            if spending.step(1):
                break
        spending.end(request.get("input_tokens"), made)  # pyright: ignore[reportArgumentType] - given as a number
        return made

    return run
