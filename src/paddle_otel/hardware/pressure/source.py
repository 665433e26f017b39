"""Reads the pressure of the container or of the host."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.cgroups.container import claim_of, find_container
from paddle_otel.hardware.cgroups.membership import Cgroup, Membership
from paddle_otel.hardware.pressure.reading import NAME, PressureReading, Stall
from paddle_otel.hardware.procfs import content_or_none, whole_lines, whole_number
from paddle_otel.hardware.slow_value import SlowValue

HOST_CLAIM: Final = "host-pressure"
"""Not the claim of the host's other metrics: who holds that may be in a container, and report its pressure instead."""

_RESOURCES: Final = ("cpu", "memory", "io")
_AVERAGE: Final = b"avg10="
_HUNDREDTHS: Final = 10_000
"""Hundredths of a per cent in a whole."""


class PressureSource:
    """Reads the pressure of the container's cgroup of version 2, or the host's where there is none.

    The container is the one whose limits :mod:`paddle_otel.hardware.cgroups` finds. Without limits it is the root of
    this process's cgroup namespace, unless that is the root of the machine. A service or a session of a machine is no
    container. Nothing is logged: kernels may be built or started without pressure information.

    Args:
        root: Where ``proc`` and ``sys`` are.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._host = [str(root / "proc/pressure" / one) for one in _RESOURCES]
        self._group = SlowValue(lambda: _group_with_pressure(root), clock)

    @property
    def name(self) -> str:
        """``pressure``."""
        return NAME

    def read(self) -> PressureReading | None:
        """Return the pressure, ``None`` where the kernel tells none."""
        group = self._group.get()
        return self._of_host() if group is None else _of_group(*group)

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _of_host(self) -> PressureReading | None:
        reading = _reading(HOST_CLAIM, a.SCOPE_HOST, self._host)
        if reading is None or reading.cpu is None:
            return reading
        return replace(reading, cpu=replace(reading.cpu, full=None))


def _group_with_pressure(root: Path) -> tuple[Cgroup, str] | None:
    """Return the container's cgroup and its claim, ``None`` when it tells no pressure."""
    container = find_container(root)
    cgroup = _root_of_namespace(root) if container is None else container.unified
    claim = claim_of(cgroup) if cgroup is not None else None
    if cgroup is None or claim is None or _of_group(cgroup, claim) is None:
        return None
    return cgroup, claim


def _root_of_namespace(root: Path) -> Cgroup | None:
    """Return the group that a container without limits sees as ``/``, ``None`` when that holds the whole machine."""
    outermost = next(reversed(Membership(root).unified()), None)
    if outermost is None or outermost.path != "/" or outermost.is_root:
        return None
    return outermost


def _of_group(cgroup: Cgroup, claim: str) -> PressureReading | None:
    return _reading(claim, a.SCOPE_CONTAINER, [cgroup.file(f"{one}.pressure") for one in _RESOURCES])


def _reading(claim: str, scope: str, paths: list[str]) -> PressureReading | None:
    stalls = [_stall(content_or_none(path)) for path in paths]
    return PressureReading(claim, scope, *stalls) if any(stall is not None for stall in stalls) else None


def _stall(content: bytes | None) -> Stall | None:
    """Return what is in a file like ``some avg10=1.23 avg60=0.45 avg300=0.67 total=89``, and a line for ``full``."""
    lines = whole_lines(content)
    some, full = _average(lines, b"some "), _average(lines, b"full ")
    return Stall(some, full) if some is not None or full is not None else None


def _average(lines: list[bytes], label: bytes) -> float | None:
    for line in lines:
        if line.startswith(label):
            for column in line.split(b" "):
                if column.startswith(_AVERAGE):
                    return _share(column.removeprefix(_AVERAGE))
    return None


def _share(percent: bytes) -> float | None:
    """Return a percentage with two decimals, as the kernel writes it, as a share from 0 to 1."""
    whole, _, decimals = percent.partition(b".")
    hundredths = whole_number(whole + decimals) if len(decimals) == 2 else None  # noqa: PLR2004 - two decimals
    return hundredths / _HUNDREDTHS if hundredths is not None and hundredths <= _HUNDREDTHS else None
