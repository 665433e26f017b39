"""The lines of the benchmark table, and how calls are timed."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

ROUNDS: Final = 60
CALLS_PER_ROUND: Final = 40
MICROSECONDS: Final = 1e6


class Row(TypedDict):
    """One line of the benchmark table.

    Attributes:
        benchmark: What was measured, in one word.
        metric: What the value is.
        value: The figure, in ``unit``.
        goal: What it must not exceed, if there is such a goal.
        baseline: What ``ratio`` compares with.
        ratio: Value divided by the baseline's.
    """

    benchmark: str
    metric: str
    value: float
    unit: str
    goal: float | None
    baseline: str | None
    ratio: float | None


@dataclass(frozen=True)
class Cost:
    """What one call costs more than a plain one, in microseconds."""

    median: float
    p95: float


def row(
    benchmark: str,
    metric: str,
    value: float,
    unit: str,
    *,
    goal: float | None = None,
    over: tuple[str, float] | None = None,
) -> Row:
    """Make a line.

    Args:
        benchmark: What was measured, in one word.
        metric: What the value is.
        value: The figure.
        unit: Its unit.
        goal: What it must not exceed.
        over: Name and value of the baseline, for the ratio.
    """
    return Row(
        benchmark=benchmark,
        metric=metric,
        value=value,
        unit=unit,
        goal=goal,
        baseline=over[0] if over else None,
        ratio=value / over[1] if over else None,
    )


def extra_costs(
    plain: Callable[[], object], others: Mapping[str, Callable[[], object]], calls: int = CALLS_PER_ROUND
) -> dict[str, Cost]:
    """Time functions in turns and return what each costs more than the plain one.

    In turns, so that a noisy machine disturbs all alike; each round's difference is to that round's plain function.

    Args:
        plain: The call without anything around it.
        others: The same call, observed in different ways.
        calls: How often each is called in a round.
    """
    for function in (plain, *others.values()):
        _seconds_per_call(function, calls)  # warm
    differences: dict[str, list[float]] = {name: [] for name in others}
    for _ in range(ROUNDS):
        bare = _seconds_per_call(plain, calls)
        for name, function in others.items():
            differences[name].append((_seconds_per_call(function, calls) - bare) * MICROSECONDS)
    return {
        name: Cost(statistics.median(values), statistics.quantiles(values, n=20)[-1])
        for name, values in differences.items()
    }


def _seconds_per_call(function: Callable[[], object], calls: int) -> float:
    gc.collect()
    before = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - before) / calls


def table(rows: Iterable[Row]) -> str:
    """Return the rows as text, goals that are missed marked with ``!``."""
    lines = [f"{'benchmark':10} {'what':62} {'value':>10} {'unit':6} {'goal':>9}  ratio"]
    for one in rows:
        goal = "" if one["goal"] is None else f"{one['goal']:g}"
        missed = "!" if one["goal"] is not None and one["value"] > one["goal"] else " "
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f} x {one['baseline']}"
        lines.append(
            f"{one['benchmark']:10} {one['metric']:62} {one['value']:10.3f} {one['unit']:6} {goal:>9}{missed} {ratio}"
        )
    return "\n".join(lines)


def write_json(rows: Iterable[Row], path: Path) -> None:
    """Write the rows to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows), indent=2) + "\n", encoding="utf-8")
