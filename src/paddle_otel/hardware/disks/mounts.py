"""Which file system a path is on, told without touching a file system that may hang.

``stat`` on a network file system whose server is gone never returns. So the mount table is asked instead
(``/proc/self/mountinfo``, Linux: ``Documentation/filesystems/proc.rst``), and only symbolic links on local file systems
are read.
"""

import errno
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LOCAL: Final = frozenset({"bcachefs", "btrfs", "devtmpfs", "overlay", "ramfs", "rootfs", "tmpfs", "zfs"})
"""File systems without a device number of their own that no server is behind."""
_LINKS: Final = 40
"""Symbolic links that are followed in one path, as many as Linux follows."""
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


class Untold(Exception):  # noqa: N818 - no error: an answer
    """Why it cannot be told on which file system a path is, in words for a log line."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system.

    Attributes:
        id: Its number in the mount table.
        parent: That of the file system it is mounted on.
        number: Device number, ``254:1``; major 0 where the file system has no device of its own.
        point: Where it is mounted.
        kind: ``ext4``, ``nfs4``, …
        source: What is mounted, ``/dev/sda1``, ``server:/export``.
        options: The file system's own options.
    """

    id: str
    parent: str
    number: str
    point: str
    kind: str
    source: str
    options: tuple[str, ...]

    @property
    def has_device(self) -> bool:
        """Whether its device number is that of a block device."""
        return not self.number.startswith("0:")

    @property
    def local(self) -> bool:
        """Whether a symbolic link on it can be read without waiting for a server or another process."""
        return not self.kind.startswith("fuse") and (self.has_device or self.kind in _LOCAL)

    def option(self, key: str) -> str | None:
        """Return the value of an option, ``None`` if it is not set."""
        prefix = f"{key}="
        return next((one[len(prefix) :] for one in self.options if one.startswith(prefix)), None)


class MountTable:
    """The mounts of this process.

    Args:
        text: The mount table; lines that cannot be read are left out.
    """

    def __init__(self, text: str) -> None:
        mounts = [mount for line in text.split("\n") if (mount := _mount(line)) is not None]
        self._on: dict[tuple[str, str], Mount] = {
            (mount.parent, mount.point): mount for mount in mounts if mount.parent != mount.id
        }
        known = {mount.id for mount in mounts}
        roots = (m for m in mounts if m.point == "/" and (m.parent not in known or m.parent == m.id))
        self._root = next(roots, None)

    def mount_of(self, path: str) -> Mount:
        """Return the mount that a path is on, links followed as far as they are on local file systems.

        Args:
            path: An absolute path.

        Raises:
            Untold: It does not exist, may not be looked at, or is beyond what the mount table shows.
        """
        ahead = _parts(path)
        here, links = Path("/"), 0
        mount = self._at(here)
        while ahead:
            part = ahead.pop()
            following = here.parent if part == ".." else here / part
            if (beyond := self._at(following)) is mount and part != "..":
                if not mount.local:
                    return mount
                target = _link(following)
                if target is not None:
                    links += 1
                    if links > _LINKS:
                        raise Untold("its symbolic links lead in a circle")
                    ahead += _parts(target)
                    following = Path("/") if target.startswith("/") else here
                    beyond = self._at(following)
            here, mount = following, beyond
        return mount

    def _at(self, path: Path) -> Mount:
        """Return the mount at a path without links; one that another mount hides is not seen."""
        if self._root is None:
            raise Untold("/proc/self/mountinfo does not show the root")
        mount = self._root
        for prefix in (*reversed(path.parents), path):
            for _ in self._on:  # as many as can lie over each other, also in a table whose mounts go in a circle
                above = self._on.get((mount.id, str(prefix)))
                if above is None:
                    break
                mount = above
        return mount


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def _link(path: Path) -> str | None:
    """Return where a symbolic link leads, ``None`` if it is none.

    Raises:
        Untold: There is nothing, or nothing that this process may look at.
    """
    try:
        return str(path.readlink())
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise Untold(f"{error.strerror}: {path}") from None
    except ValueError:
        raise Untold("it is no path") from None


def _mount(line: str) -> Mount | None:
    left, _, right = line.partition(" - ")
    fields, device = left.split(" "), right.split(" ")
    if len(fields) < 6 or len(device) < 3 or "\0" in line or "\\000" in line:  # noqa: PLR2004 - as the kernel has it
        return None
    return Mount(
        fields[0],
        fields[1],
        fields[2],
        _unescaped(fields[4]),
        device[0],
        _unescaped(device[1]),
        tuple(map(_unescaped, device[2].split(","))),
    )


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text) if "\\" in text else text
