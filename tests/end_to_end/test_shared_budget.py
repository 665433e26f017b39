"""One budget for eight processes, counted in a real Redis that also dies in the middle."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import Self

from backends.redis import Redis
from end_to_end.running import LIMIT_S, environment
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.shared_keys import key_prefix
from paddle_otel.settings import Settings

PROCESSES = 8
LIMIT = 12_000
KEY = key_prefix("tenant", "shared", "acme", Window())
FILE = f"""
budgets:
  - {{name: shared, scope: tenant, limit: {LIMIT}, action: ACTION}}
"""
# What a worker of a server does: requests on several threads, each some steps of one token for each of its rows.
SPENDER = """
import json, random, sys, threading, time
from paddle_otel.budgets import BUDGETS
from paddle_otel.budgets.spending import Spender
from paddle_otel.identity import Identity
from paddle_otel.settings import Settings

threads, rows, requests, seconds, seed = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), 7
BUDGETS.load(Settings.from_environment())
written, refused, stopped, longest, lock = 0, 0, 0, 0.0, threading.Lock()

def work(number):
    global written, refused, stopped, longest
    chance = random.Random(number)
    for _ in range(requests):
        spending = BUDGETS.begin(Spender(Identity(tenant="acme"), "model", 0, rows))
        if spending.refusal is not None:
            spending.end(0, 0)
            with lock:
                refused += 1
            continue
        made, most, begun, stops = 0, chance.randint(1, 60), 0.0, False
        while made < most * rows and not stops:
            time.sleep(seconds * chance.random())
            made += rows
            begun = time.monotonic()
            stops = spending.step(rows)
            with lock:
                longest = max(longest, time.monotonic() - begun)
        used = made - chance.randint(0, rows - 1)  # of a row that had ended, it is known at the end
        spending.end(0, used)
        with lock:
            written += used
            stopped += stops

while not BUDGETS.shared_health.available:
    time.sleep(0.01)
print("ready", flush=True)
sys.stdin.readline()
workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(json.dumps({"written": written, "refused": refused, "stopped": stopped, "longest": longest}), flush=True)
"""


class Workers:
    """Processes that spend from one budget, ready when it is entered.

    Args:
        redis: Where they count.
        folder: Their working directory.
        action: Of the budget.
        arguments: Threads, rows, requests of each thread, and the longest step in seconds.
        wait: For how many seconds a step waits for Redis; eight processes on a small machine wait for it, too.
    """

    def __init__(self, redis: Redis, folder: Path, action: str, *arguments: float, wait: str = "0.05") -> None:
        (folder / "budgets.yaml").write_text(FILE.replace("ACTION", action), encoding="utf-8")
        variables = environment(
            PADDLE_OTEL_BUDGETS="budgets.yaml",
            PADDLE_OTEL_BUDGET_LEDGER=redis.address,
            PADDLE_OTEL_BUDGET_LEDGER_WAIT=wait,
        )
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", SPENDER, *(str(one) for one in arguments)],
                env=variables,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def begin(self) -> None:
        """Let all begin at once."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

    def results(self) -> list[dict[str, Any]]:
        """Return what each says at its end."""
        said = [process.communicate(timeout=LIMIT_S) for process in self._processes]
        assert [process.returncode for process in self._processes] == [0] * PROCESSES, said[0][1]
        troubles = [errors for _, errors in said if "Telemetry failed" in errors]
        assert not troubles, troubles[0][-3000:]
        return [json.loads(output) for output, _ in said]


@pytest.mark.parametrize("wait", ["0.05", str(Settings().budget_ledger_wait)])
@pytest.mark.parametrize(("threads", "rows"), [(2, 1), (16, 1), (16, 8)])
def test_eight_processes_spend_one_budget(own_redis: Redis, tmp_path: Path, threads: int, rows: int, wait: str) -> None:
    """Refused or stopped at its end: not beyond it by more than a step of each, and Redis knows the very sum."""
    with Workers(own_redis, tmp_path, "[stop, refuse]", threads, rows, 200, 0.01, wait=wait) as workers:
        workers.begin()
        results = workers.results()
    written = sum(result["written"] for result in results)
    assert LIMIT * 0.9 < written <= LIMIT + PROCESSES * rows
    assert own_redis.sum(KEY) == (written, 0)
    assert all(result["refused"] for result in results)
    assert sum(result["stopped"] for result in results) > 0


def test_redis_dies_in_the_middle_and_comes_back_empty(own_redis: Redis, tmp_path: Path) -> None:
    """Nobody waits or fails, and when it is back it is told what all have used, also what it had forgotten."""
    with Workers(own_redis, tmp_path, "observe", 4, 2, 12, 0.02) as workers:
        workers.begin()
        _wait_for_use(own_redis, 100)
        own_redis.kill()
        time.sleep(1.0)
        own_redis.start_again()
        results = workers.results()
    assert own_redis.sum(KEY) == (sum(result["written"] for result in results), 0)
    assert not any(result["refused"] or result["stopped"] for result in results)


def test_a_program_ends_without_delay(own_redis: Redis, tmp_path: Path) -> None:
    """Also one that never says goodbye to a Redis that does not answer; where it answers, nothing stays held."""
    with Workers(own_redis, tmp_path, "stop", 1, 1, 3, 0.01) as workers:
        workers.begin()
        written = sum(result["written"] for result in workers.results())
    assert own_redis.sum(KEY) == (written, 0)
    with Workers(own_redis, tmp_path, "stop", 1, 1, 3, 0.01) as workers:
        own_redis.freeze()
        begun = time.monotonic()
        workers.begin()
        workers.results()
        assert time.monotonic() - begun < 30


def _wait_for_use(redis: Redis, tokens: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while redis.sum(KEY)[0] < tokens:
        assert time.monotonic() < deadline
        time.sleep(0.01)
