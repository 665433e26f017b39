"""How many CPUs this process may use at once."""

import os
from pathlib import Path

from paddle_otel.hardware.cgroups.limits import cpu_limits, tightest
from paddle_otel.hardware.cgroups.membership import Membership
from paddle_otel.hardware.procfs import cpus_of_machine


def usable_cpus(root: Path) -> float | None:
    """Return the CPUs that its threads are allowed on, or the CPU limit of its cgroups where that is tighter.

    Args:
        root: Where ``proc`` and ``sys`` are.

    Returns:
        A whole number but for a limit, which may be 1.5 CPUs for instance; ``None`` when it is not known.
    """
    machine = cpus_of_machine(root)
    allowed = _allowed(machine) or machine
    limit = tightest(cpu_limits(Membership(root).of("cpu"), machine))
    if allowed is None or limit is None:
        return allowed
    return min(float(allowed), limit.amount)


def _allowed(machine: int | None) -> int:
    """Return on how many CPUs any thread of this process is allowed.

    OpenMP pins the main thread to one CPU and each of its others to another one (``OMP_PROC_BIND``), so one thread does
    not tell. Threads that are not pinned are allowed on all CPUs, and the first of them ends the search.
    """
    cpus: set[int] = set()
    for thread in _threads():
        try:
            cpus |= os.sched_getaffinity(thread)
        except OSError:  # it has ended, or a sandbox does not let it be asked
            continue
        if machine is not None and len(cpus) >= machine:
            break
    return len(cpus)


def _threads() -> list[int]:
    try:
        return [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    except OSError:
        return [os.getpid()]
