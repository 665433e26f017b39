"""In which cgroups this process is, and in which folders their files are."""

import os
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from paddle_otel.hardware.procfs import content_or_none, status_of, whole_lines

VERSION_1: Final = "cgroup"
VERSION_2: Final = "cgroup2"
"""Names of both versions as file systems."""

_MEMBERSHIP: Final = "proc/self/cgroup"
_MOUNTS: Final = "proc/self/mountinfo"
_LONGEST_PATH: Final = 4096
"""The kernel opens no longer path (PATH_MAX)."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One group.

    Attributes:
        path: Its path within its hierarchy, as this process sees it; ``/`` is the root or what is shown as such.
        folder: Where its files are.
        version: 1 or 2 (:data:`VERSION_1`, :data:`VERSION_2`).
    """

    path: str
    folder: str
    version: str

    def file(self, name: str) -> str:
        """Return the path of one of its files."""
        return f"{self.folder}/{name}"  # Path takes as long as reading the file

    @property
    def is_root(self) -> bool:
        """Whether it holds every process of the machine; the root of a cgroup namespace does not."""
        if self.version == VERSION_1:
            return status_of(self.file("release_agent")) is not None
        return status_of(self.file("cgroup.type")) is None


Ancestry = tuple[Cgroup, ...]
"""The group of this process, the one that group is in, and so on as far as they are visible here."""


@dataclass(frozen=True, slots=True)
class _Mount:
    version: str
    root: str
    point: str
    options: frozenset[str]


class Membership:
    """The cgroups of this process as they are now.

    Args:
        root: Where ``proc`` is; mount points are taken from there, too.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths = _paths(whole_lines(content_or_none(root / _MEMBERSHIP)))
        self._mounts = _mounts(whole_lines(content_or_none(root / _MOUNTS)))

    def unified(self) -> Ancestry:
        """Return the groups of version 2, empty where there are none."""
        return self._ancestry(self._paths.get(""), VERSION_2, None)

    def of(self, controller: str) -> Ancestry:
        """Return the groups that control something (``memory``, ``cpu``, ``cpuacct``).

        Those of version 1 if this process is in one for it, because a controller is in one version only; else those
        of version 2.
        """
        path = self._paths.get(controller)
        return self._ancestry(path, VERSION_1, controller) if path is not None else self.unified()

    def _ancestry(self, path: str | None, version: str, controller: str | None) -> Ancestry:
        if path is None:
            return ()
        for mount in self._mounts:
            if mount.version == version and (controller is None or controller in mount.options):
                ancestry = self._seen_through(mount, path)
                if ancestry:
                    return ancestry
        return ()

    def _seen_through(self, mount: _Mount, path: str) -> Ancestry:
        below = _below(mount.root, path)
        if below is None:
            return ()
        point = self._root / mount.point.lstrip("/")
        names = below.split("/") if below else []
        levels: list[Cgroup] = []
        for depth, folder in enumerate(accumulate(names, "{}/{}".format, initial=str(point))):
            if status_of(folder) is None:
                break
            levels.append(Cgroup(_joined(mount.root, names[:depth]), folder, mount.version))
        return tuple(reversed(levels))


def _below(root: str, path: str) -> str | None:
    """Return a path relative to the part of the hierarchy that is mounted, ``None`` when it is not in that part."""
    if path == root:
        return ""
    prefix = root if root.endswith("/") else root + "/"
    below = path.removeprefix(prefix)
    # A path that leaves its namespace through ".." has names that cannot be known from in here.
    return below if below != path and ".." not in below.split("/") else None


def _joined(root: str, names: list[str]) -> str:
    return "/".join([root.rstrip("/"), *names]) or "/"


def _paths(lines: list[bytes]) -> dict[str, str]:
    """Return the path by controller, that of version 2 under the empty name."""
    paths: dict[str, str] = {}
    for line in lines:
        number, _, rest = os.fsdecode(line).partition(":")
        controllers, colon, path = rest.partition(":")
        if number.isdigit() and colon and path.startswith("/") and len(path) < _LONGEST_PATH:
            for controller in controllers.split(","):
                paths.setdefault(controller, path)
    return paths


def _mounts(lines: list[bytes]) -> tuple[_Mount, ...]:
    """Return the mounts of cgroup file systems (proc_pid_mountinfo(5))."""
    mounts: list[_Mount] = []
    for line in lines:
        before, _, after = line.partition(b" - ")
        own, system = before.split(b" "), after.split(b" ")
        if len(own) >= 6 and len(system) >= 3 and system[0] in (b"cgroup", b"cgroup2"):  # noqa: PLR2004 - the columns
            options = frozenset(os.fsdecode(system[2]).split(","))
            mounts.append(_Mount(os.fsdecode(system[0]), _unescaped(own[3]), _unescaped(own[4]), options))
    return tuple(mounts)


def _unescaped(name: bytes) -> str:
    for octal, character in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        name = name.replace(octal, character)
    return os.fsdecode(name)
