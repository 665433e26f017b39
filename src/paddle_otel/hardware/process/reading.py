"""What is known about this process."""

from dataclasses import dataclass
from typing import Final

NAME: Final = "process"


@dataclass(frozen=True, slots=True)
class Usage:
    """What all threads of a process, also those that have ended, used since it began; ``None`` is not known.

    Attributes:
        user: CPU time in its own code, s.
        system: CPU time in the kernel, s.
        minor_faults: Page faults that needed no disk.
        major_faults: Page faults that waited for one.
        voluntary_switches: How often a thread waited for something.
        involuntary_switches: How often a thread lost its CPU to another one.
    """

    user: float
    system: float
    minor_faults: int | None
    major_faults: int | None
    voluntary_switches: int | None
    involuntary_switches: int | None


@dataclass(frozen=True, slots=True)
class ProcessReading:
    """This process at one moment; ``None`` is what is not known.

    Attributes:
        pid: Which process: after a fork the readings before it are those of the parent.
        moment: When its usage was read, ``time.monotonic_ns()``.
        usage: What it used.
        resident: Its physical memory (resident set), bytes; memory shared with other processes is included.
        cpus: How many CPUs it may use at once.
    """

    pid: int
    moment: int
    usage: Usage
    resident: int | None
    cpus: float | None
