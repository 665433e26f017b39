"""What the cgroups said about the container."""

from dataclasses import dataclass
from typing import Final

NAME: Final = "container"


@dataclass(frozen=True, slots=True)
class ContainerReading:
    """The container of this process at one moment; ``None`` is what is not known or not limited.

    Attributes:
        claim: The name under which the processes of a host agree on who reports it.
        memory_usage: Memory its processes use, page cache included, bytes.
        memory_limit: The tightest limit on its memory, where that is less than the machine has, bytes.
        memory_available: What it can still have: of each limit around it what is not in use there, the least of them,
            bytes. Page cache that was not used lately counts as available, because the kernel drops it first.
        cpu_limit: The tightest limit on its CPU time, where that is less than the machine has, as a number of CPUs.
        cpu_user: CPU time in programs' own code, s.
        cpu_system: CPU time in the kernel, s.
        cpu_throttled: For how long it was stopped because it had used up its CPU limit, s, all CPUs added up.
    """

    claim: str
    memory_usage: int | None
    memory_limit: int | None
    memory_available: int | None
    cpu_limit: float | None
    cpu_user: float | None
    cpu_system: float | None
    cpu_throttled: float | None
