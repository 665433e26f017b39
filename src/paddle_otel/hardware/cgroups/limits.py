"""Limits on memory and CPUs that hold for this process: its cgroup's and those of all cgroups around it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from paddle_otel.hardware.cgroups.membership import VERSION_1, Ancestry, Cgroup
from paddle_otel.hardware.procfs import content_or_none, number_in, whole_lines, whole_number

SHORTEST_PERIOD: Final = 1000
"""The kernel allows no shorter period for a CPU limit, us."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit and the cgroup that sets it.

    Attributes:
        cgroup: Which one.
        amount: Bytes of memory, or CPUs at once.
    """

    cgroup: Cgroup
    amount: float


def memory_limits(ancestry: Ancestry, machine: int | None) -> tuple[Limit, ...]:
    """Return the limits on memory that are tighter than the machine, innermost first.

    Args:
        ancestry: The groups that control memory.
        machine: The machine's memory, bytes; while it is unknown, no limit is known to be tighter.
    """
    return _tighter(((cgroup, _memory_limit(cgroup)) for cgroup in ancestry), machine)


def cpu_limits(ancestry: Ancestry, machine: int | None) -> tuple[Limit, ...]:
    """Return the limits on CPU time, as a number of CPUs, that are tighter than the machine, innermost first.

    Args:
        ancestry: The groups that control CPU time.
        machine: CPUs of the machine; while that is unknown, no limit is known to be tighter.
    """
    return _tighter(((cgroup, _cpu_limit(cgroup)) for cgroup in ancestry), machine)


def tightest(limits: tuple[Limit, ...]) -> Limit | None:
    """Return the lowest limit, the innermost of equal ones."""
    return min(limits, key=lambda limit: limit.amount, default=None)


def _tighter(found: Iterable[tuple[Cgroup, float | None]], machine: int | None) -> tuple[Limit, ...]:
    if machine is None:
        return ()
    return tuple(Limit(cgroup, amount) for cgroup, amount in found if amount is not None and amount < machine)


def _memory_limit(cgroup: Cgroup) -> int | None:
    # Version 1 writes "no limit" as a number near 2**63, version 2 as the word "max".
    return number_in(cgroup.file("memory.limit_in_bytes" if cgroup.version == VERSION_1 else "memory.max"))


def _cpu_limit(cgroup: Cgroup) -> float | None:
    if cgroup.version == VERSION_1:
        quota, period = number_in(cgroup.file("cpu.cfs_quota_us")), number_in(cgroup.file("cpu.cfs_period_us"))
    else:
        columns = b" ".join(whole_lines(content_or_none(cgroup.file("cpu.max")))).split()
        quota, period = map(whole_number, columns) if len(columns) == 2 else (None, None)  # noqa: PLR2004 - both
    if not quota or period is None or period < SHORTEST_PERIOD:
        return None
    return quota / period
