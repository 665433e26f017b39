"""Which of its cgroups is the container of this process: the innermost one that is given less than the machine has."""

from dataclasses import dataclass
from pathlib import Path

from paddle_otel.hardware.cgroups.limits import Limit, cpu_limits, memory_limits
from paddle_otel.hardware.cgroups.membership import Ancestry, Cgroup, Membership
from paddle_otel.hardware.procfs import cpus_of_machine, memory_of_machine, status_of


@dataclass(frozen=True, slots=True)
class Container:
    """The container of this process.

    Attributes:
        claim: A name that is the same in all processes of the container, and no other container of the host has.
        memory: The cgroup whose memory is the container's, ``None`` when it is not counted.
        memory_limits: Limits on memory that hold for it, its own and those around it.
        cpu: The cgroup whose CPU time is the container's, ``None`` when it is not counted.
        cpu_limits: Limits on CPU time that hold for it.
        unified: Its cgroup of version 2, the only version that tells pressure; ``None`` where there is none.
    """

    claim: str
    memory: Cgroup | None
    memory_limits: tuple[Limit, ...]
    cpu: Cgroup | None
    cpu_limits: tuple[Limit, ...]
    unified: Cgroup | None


def find_container(root: Path) -> Container | None:
    """Return the container of this process, ``None`` when nothing limits it more than the machine does.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    membership = Membership(root)
    memory, cpu = membership.of("memory"), membership.of("cpu")
    of_memory = memory_limits(memory, memory_of_machine(root))
    of_cpu = cpu_limits(cpu, cpus_of_machine(root))
    innermost = [limits[0].cgroup for limits in (of_memory, of_cpu) if limits]
    if not innermost:
        return None
    cgroup = max(innermost, key=_depth)
    claim = claim_of(cgroup)
    if claim is None:
        return None
    return Container(
        claim,
        _at(memory, cgroup.path),
        of_memory,
        _at(membership.of("cpuacct"), cgroup.path),
        of_cpu,
        _at(membership.unified(), cgroup.path),
    )


def claim_of(cgroup: Cgroup) -> str | None:
    """Return the name under which the processes of a host agree on who reports a cgroup, ``None`` if it is gone.

    Paths will not do: under cgroup namespaces all containers are ``/``.
    """
    status = status_of(cgroup.folder)
    return f"cgroup-{status.st_dev}-{status.st_ino}" if status is not None else None


def _depth(cgroup: Cgroup) -> int:
    return len(cgroup.path.rstrip("/").split("/"))


def _at(ancestry: Ancestry, path: str) -> Cgroup | None:
    """Return the group of a path; of a hierarchy in which the process is elsewhere, and of the machine's root, none."""
    for cgroup in ancestry:
        if cgroup.path == path and not cgroup.is_root:
            return cgroup
    return None
