"""What budgets in memory cost: ``python tests/benchmarks/bench_budgets.py``.

A decode step asks one budget that stops and warns; a request begins, takes its prompt and first step, and ends. The
sessions are counted in a process of their own, whose memory is compared with what it had before. So are the steps of a
batch, where Paddle is imported: each looks at the ids that end a row.
"""

import importlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil
from rows import Cost, Row, extra_costs, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from backends.redis import Redis
from paddle_otel.budgets import Budget, Window
from paddle_otel.budgets.budget import Action
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.memory_ledger import MemoryLedger
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.spending import Spender
from paddle_otel.identity import Identity
from paddle_otel.pretrained.decode_steps import LivingRows
from paddle_otel.settings import Settings

SESSIONS: Final = 1_000_000
OTHERS: Final = 1000
PLENTY: Final = 10**12
BATCHES: Final = ((8, 1000), (8, 8192), (32, 8192))
IN_A_ROW: Final = 2000
STEP_GOAL: Final = 2.0
SHARED_STEP_GOAL: Final = 5.0
BATCH_GOAL: Final = 50.0
REQUEST_GOAL: Final = 20.0
MEMORY_GOAL: Final = 300.0
MEGABYTE: Final = 1e6
_WINDOWS: Final = {"no": Window(), "a fixed": Window("fixed", 3600), "a sliding": Window("sliding", 3600)}
_BOTH: Final = frozenset[Action]({"stop", "refuse"})
_SPENDER: Final = Spender(Identity(tenant="acme", session=str(uuid.uuid4())), "tiny", 10, 1)


def run() -> list[Row]:
    """Measure.

    Returns:
        The rows of the table.
    """
    return [*_steps(), _shared_step(), *_batches(), *_requests(), *_memory()]


def main() -> None:
    """Print the table; with ``sessions`` what so many need, with ``batches`` what a step of each costs, as JSON."""
    if sys.argv[1:] == ["sessions"]:
        sys.stdout.write(json.dumps(_grow()))
    elif sys.argv[1:] == ["batches"]:
        sys.stdout.write(json.dumps(_step_batches()))
    else:
        sys.stdout.write(table(run()) + "\n")


def _steps() -> list[Row]:
    steps = {name: _step(window) for name, window in _WINDOWS.items()}
    # Few after a garbage collection, which empties the processor's caches much as a model does, and many in a row.
    few, many = extra_costs(_nothing, steps), extra_costs(_nothing, steps, IN_A_ROW)
    return [
        *(_row(f"a decode step, one budget with {name} window", cost, STEP_GOAL) for name, cost in few.items()),
        *(_row(f"the same with {name} window, {IN_A_ROW} in a row", cost, STEP_GOAL) for name, cost in many.items()),
    ]


def _shared_step() -> Row:
    """Time a whole step, as a generation takes it, with a real Redis whose answers are there."""
    with Redis() as redis:
        budgets = _budgets(Window())
        budgets.load(Settings(budget_ledger=redis.address))
        while budgets.shared_health is None or not budgets.shared_health.available:
            time.sleep(0.01)
        spending = budgets.begin(_SPENDER)
        if spending is None:
            raise RuntimeError("the budget does not apply")
        spending.step(1)
        time.sleep(0.2)
        cost = extra_costs(_nothing, {"step": lambda: spending.step(1)})["step"]
        spending.end(10, 1)
        budgets.load(Settings())
    return _row("a decode step, one budget in Redis", cost, SHARED_STEP_GOAL)


def _batches() -> list[Row]:
    names = [f"a decode step of {rows} rows of {columns:,} ids" for rows, columns in BATCHES]
    return [
        row("budgets", name, cost, "us", goal=BATCH_GOAL) for name, cost in zip(names, _told("batches"), strict=True)
    ]


def _requests() -> list[Row]:
    requests = {f"a request, one budget with {name} window": _request(window) for name, window in _WINDOWS.items()}
    requests[f"a request for which none of {OTHERS} budgets is"] = _unmatched("tenant-{}")
    requests[f"a request that fits none of {OTHERS} patterns"] = _unmatched("tenant-{}-*")
    return [_row(name, cost, REQUEST_GOAL) for name, cost in extra_costs(_nothing, requests).items()]


def _memory() -> list[Row]:
    first, *later = _told("sessions")
    return [
        row("budgets", f"{SESSIONS:,} sessions", first, "MB", goal=MEMORY_GOAL),
        row(
            "budgets", f"{3 * SESSIONS:,} sessions, of which the older are given up", max(later), "MB", goal=MEMORY_GOAL
        ),
    ]


def _told(what: str) -> list[float]:
    command = [sys.executable, __file__, what]
    told = subprocess.run(command, check=True, capture_output=True, timeout=600).stdout
    return json.loads(told.splitlines()[-1])


def _step(window: Window) -> Callable[[], object]:
    spending = _budgets(window).begin(_SPENDER)
    if spending is None:
        raise RuntimeError("the budget does not apply")
    return lambda: spending.step(1)


def _request(window: Window) -> Callable[[], object]:
    budgets = _budgets(window)

    def request() -> None:
        spending = budgets.begin(_SPENDER)
        if spending is not None:
            spending.end(10, 1)

    return request


def _unmatched(tenant: str) -> Callable[[], object]:
    budgets = Budgets()
    for number in range(OTHERS):
        budgets.set_budget(Budget(f"b{number}", "tenant", 1, match={"tenant": tenant.format(number)}, actions=_BOTH))
    return lambda: budgets.begin(_SPENDER)


def _budgets(window: Window) -> Budgets:
    budgets = Budgets()
    budgets.set_budget(Budget("b", "tenant", PLENTY, window, actions=_BOTH, warn_at=PLENTY))
    return budgets


def _step_batches() -> list[float]:
    paddle: Any = importlib.import_module("paddle")
    paddle.set_device("cpu")
    batches = {shape: _batch(paddle.ones(list(shape), dtype="int64")) for shape in BATCHES}
    return [extra_costs(_nothing, {"step": batches[shape]})["step"].median for shape in BATCHES]


def _batch(ids: Any) -> Callable[[], object]:
    spending = _budgets(Window()).begin(_SPENDER._replace(step_tokens=ids.shape[0]))
    if spending is None:
        raise RuntimeError("the budget does not apply")
    rows = LivingRows(frozenset({2}))

    def step() -> None:
        counted = rows.step(ids)
        if counted is not None:
            spending.step(*counted)

    return step


def _grow() -> list[float]:
    ledger, window = MemoryLedger(), Window()
    before = psutil.Process().memory_info().rss
    megabytes: list[float] = []
    for number in range(1, 3 * SESSIONS + 1):
        ledger.take(Account("b", "session", str(uuid.uuid4()), window), 1000 + number % 3000, PLENTY)
        if number % SESSIONS == 0:
            megabytes.append((psutil.Process().memory_info().rss - before) / MEGABYTE)
    return megabytes


def _nothing() -> None:
    """Stand for a step and a request without budgets."""


def _row(name: str, cost: Cost, goal: float) -> Row:
    return row("budgets", name, cost.median, "us", goal=goal)


if __name__ == "__main__":
    main()
