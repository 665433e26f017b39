"""What a budget costs that is counted in Redis: ``python tests/benchmarks/bench_shared_budget.py``.

The Redis is a real one on this machine. What a step costs is measured where the answer is there, as it is while a
process holds tokens ahead of need; the thread that asks for more runs beside it.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rows import Row, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from backends.redis import Redis
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.shared_ledger import SharedLedger

ROUNDS: Final = 30
STEPS: Final = 1_000
REQUESTS: Final = 200
SESSIONS: Final = 20_000
PLENTY: Final = 10**12
MICROSECONDS: Final = 1e6


def run() -> list[Row]:
    """Measure; needs a ``redis-server``.

    Returns:
        The rows of the table.
    """
    with Redis() as redis:
        ledger = SharedLedger(redis.address, 0.002)
        while not ledger.health.available:
            time.sleep(0.01)
        rows = [*_step(ledger), *_request(ledger), _away(ledger, redis), _memory(redis)]
        ledger.shut()
        return rows


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(run()) + "\n")


def _step(ledger: SharedLedger) -> list[Row]:
    account = _account("steps")
    ledger.opened(account)
    ledger.take(account, 1, PLENTY)
    time.sleep(0.2)

    def take() -> float:
        begun = time.perf_counter()
        for _ in range(STEPS):
            ledger.take(account, 1, PLENTY)
        return (time.perf_counter() - begun) / STEPS * MICROSECONDS

    def add() -> float:
        begun = time.perf_counter()
        for _ in range(STEPS):
            ledger.add(account, 1)
        return (time.perf_counter() - begun) / STEPS * MICROSECONDS

    rows = [
        row("shared", "one step of a budget that stops, Redis in the background", _median(take), "us", goal=5.0),
        row("shared", "one step of a budget that only counts", _median(add), "us", goal=5.0),
    ]
    ledger.closed(account)
    return rows


def _request(ledger: SharedLedger) -> list[Row]:
    known = _account("requests")
    ledger.opened(known)  # another request of the same tenant
    ledger.take(known, 1, PLENTY)

    def again() -> float:
        begun = time.perf_counter()
        for _ in range(REQUESTS):
            ledger.opened(known)
            ledger.take(known, 1, PLENTY)
            ledger.closed(known)
        return (time.perf_counter() - begun) / REQUESTS * MICROSECONDS

    numbers = iter(range(10**9))

    def first() -> float:
        account = _account(f"first-{next(numbers)}")
        begun = time.perf_counter()
        ledger.opened(account)
        ledger.take(account, 1, PLENTY)
        spent = (time.perf_counter() - begun) * MICROSECONDS
        ledger.closed(account)
        return spent

    return [
        row("shared", "begin and end of a request of a known tenant", _median(again), "us", goal=20.0),
        row("shared", "first request of a tenant: it waits for one answer of Redis", _median(first), "us"),
    ]


def _away(ledger: SharedLedger, redis: Redis) -> Row:
    account = _account("away")
    ledger.opened(account)
    ledger.take(account, 1, PLENTY)
    redis.freeze()
    while ledger.health.available:
        ledger.take(account, 10_000, PLENTY)

    def take() -> float:
        begun = time.perf_counter()
        for _ in range(STEPS):
            ledger.take(account, 1, PLENTY)
        return (time.perf_counter() - begun) / STEPS * MICROSECONDS

    cost = _median(take)
    redis.thaw()
    return row("shared", "one step while Redis does not answer", cost, "us", goal=20.0)


def _memory(redis: Redis) -> Row:
    before = _used_memory(redis)
    ledger = SharedLedger(redis.address, 1.0)
    for number in range(SESSIONS):
        ledger.add(_account(f"session-{number:020}"), 100)
    while len(redis.keys()) < SESSIONS:
        time.sleep(0.2)
    size = (_used_memory(redis) - before) / SESSIONS
    ledger.shut()
    return row("shared", "memory of Redis for one session of one worker", size, "B")


def _used_memory(redis: Redis) -> int:
    (line,) = [line for line in redis.ask("INFO", "memory").splitlines() if line.startswith("used_memory:")]
    return int(line.partition(":")[2])


def _account(subject: str) -> Account:
    return Account("benchmark", "session", subject, Window("fixed", 86_400))


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
