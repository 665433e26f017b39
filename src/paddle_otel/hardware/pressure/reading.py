"""What the kernel said about pressure."""

from dataclasses import dataclass
from typing import Final

NAME: Final = "pressure"


@dataclass(frozen=True, slots=True)
class Stall:
    """For what share (0 to 1) of the last 10 s tasks waited for something; ``None`` is not known.

    Attributes:
        some: At least one task waited.
        full: All tasks that had something to do waited.
    """

    some: float | None
    full: float | None


@dataclass(frozen=True, slots=True)
class PressureReading:
    """Pressure at one moment; ``None`` is what the kernel does not tell.

    Attributes:
        claim: The name under which the processes of a host agree on who reports it.
        scope: Of what: ``host`` or ``container``.
        cpu: Waiting for a CPU. Of a host, ``full`` is unknown: some task always has the CPU, and the kernel writes 0.
        memory: Waiting for memory.
        io: Waiting for a disk.
    """

    claim: str
    scope: str
    cpu: Stall | None
    memory: Stall | None
    io: Stall | None
