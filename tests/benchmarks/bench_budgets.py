"""What budgets in memory cost: ``python tests/benchmarks/bench_budgets.py``.

A decode step asks one budget that stops and warns; a request begins, takes its prompt and first step, and ends. The
sessions are counted in a process of their own, whose memory is compared with what it had before.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Final

import psutil
from rows import Cost, Row, extra_costs, row, table

from paddle_otel.budgets import Budget, Window
from paddle_otel.budgets.budget import Action
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.memory_ledger import MemoryLedger
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.spending import Spender
from paddle_otel.identity import Identity

SESSIONS: Final = 1_000_000
OTHERS: Final = 1000
PLENTY: Final = 10**12
STEP_GOAL: Final = 2.0
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
    return [*_steps(), *_requests(), *_memory()]


def main() -> None:
    """Print the table; with ``sessions`` count them and print what they need."""
    if sys.argv[1:] == ["sessions"]:
        sys.stdout.write(json.dumps(_grow()))
    else:
        sys.stdout.write(table(run()) + "\n")


def _steps() -> list[Row]:
    costs = extra_costs(_nothing, {name: _step(window) for name, window in _WINDOWS.items()})
    return [_row(f"a decode step, one budget with {name} window", cost, STEP_GOAL) for name, cost in costs.items()]


def _requests() -> list[Row]:
    requests = {f"a request, one budget with {name} window": _request(window) for name, window in _WINDOWS.items()}
    requests[f"a request for which none of {OTHERS} budgets is"] = _unmatched("tenant-{}")
    requests[f"a request that fits none of {OTHERS} patterns"] = _unmatched("tenant-{}-*")
    return [_row(name, cost, REQUEST_GOAL) for name, cost in extra_costs(_nothing, requests).items()]


def _memory() -> list[Row]:
    command = [sys.executable, __file__, "sessions"]
    first, *later = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=600).stdout)
    return [
        row("budgets", f"{SESSIONS:,} sessions", first, "MB", goal=MEMORY_GOAL),
        row(
            "budgets", f"{3 * SESSIONS:,} sessions, of which the older are given up", max(later), "MB", goal=MEMORY_GOAL
        ),
    ]


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
