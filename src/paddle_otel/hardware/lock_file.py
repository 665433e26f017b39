"""The file by which the processes of a host agree who reports which device.

Each device is one byte of the file, at a place that follows from the device's name, and the process that reports the
device holds a POSIX record lock on this byte. Such a lock ends with its process however that ends, is not inherited by
a forked child, and costs one file descriptor however many devices there are. Nothing is ever written to the file.

The name of the file and the place of a device are the same in every version of this project: processes with different
versions of it share a host.
"""

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - services with a /tmp of their own share it nevertheless
FILE_NAME: Final = "paddle-otel-devices.lock"
SUPPORTED: Final = fcntl is not None
"""Whether this system has such locks."""

_HELD_ELSEWHERE: Final = frozenset({errno.EACCES, errno.EAGAIN})  # POSIX leaves it to the system which of them
_OPEN_ATTEMPTS: Final = 3


class LockFile:
    """The open file. A process may have one of a path at a time: closing a second one would end the locks of the first.

    Args:
        folder: Where it is, made if it is missing; :func:`default_folder` unless somebody chose one.

    Raises:
        OSError: It can neither be opened nor made, or something else than a plain file is in its place.
    """

    def __init__(self, folder: Path) -> None:
        self.path: Final = folder / FILE_NAME
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor: Final = _open(self.path)
        self._identity: Final = _identity(os.fstat(self._descriptor))

    def in_place(self) -> bool:
        """Whether this is the file that other processes find.

        Not if somebody deleted or replaced it, or closed all descriptors of this process, as daemons do.
        """
        try:
            found = os.stat(self.path, follow_symlinks=False)  # noqa: PTH116 - at each collection, at half the cost
        except OSError:
            return False
        return self._is_open() and _identity(found) == self._identity

    def take(self, name: str) -> bool:
        """Lock a device; return whether this process has it now.

        Raises:
            OSError: The file system has no locks, or no more of them.
        """
        return self._lock(name, exclusive=True)

    def is_free(self, name: str) -> bool:
        """Whether no process has a device that this process does not have.

        Raises:
            OSError: As for :meth:`take`.
        """
        if not self._lock(name, exclusive=False):  # does not stand in the way of others who ask the same
            return False
        self.give_back(name)
        return True

    def give_back(self, name: str) -> None:
        """Unlock a device; never fails."""
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _place(name))

    def close(self) -> None:
        """Close the file and thereby unlock all devices; in a forked child the parent keeps them. Never fails."""
        if self._is_open():
            with contextlib.suppress(OSError):
                os.close(self._descriptor)

    def _lock(self, name: str, *, exclusive: bool) -> bool:
        if fcntl is None:
            return True
        operation = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.lockf(self._descriptor, operation | fcntl.LOCK_NB, 1, _place(name))
        except OSError as error:
            if error.errno in _HELD_ELSEWHERE:
                return False
            raise
        return True

    def _is_open(self) -> bool:
        # Whoever closed the descriptor may have opened something else since, under the same number.
        try:
            return _identity(os.fstat(self._descriptor)) == self._identity
        except OSError:
            return False


def default_folder() -> Path:
    """Return the folder that all processes of a host can write to: shared memory, else that for temporary files."""
    if SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _open(path: Path) -> int:
    # Everybody may write to the usual folders: what is in the file's place may be a trap, so no link is followed and
    # nothing is waited for.
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    for _ in range(_OPEN_ATTEMPTS):
        descriptor = _open_or_make(path, flags)
        if descriptor is not None:
            return _plain(descriptor)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _open_or_make(path: Path, flags: int) -> int | None:
    # First without O_CREAT: the kernel may refuse it for a file of another user (fs.protected_regular).
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, flags)
    with contextlib.suppress(FileExistsError):  # another process made it between the two
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        os.fchmod(descriptor, 0o666)  # past the umask: processes of other users lock it too
        return descriptor
    return None


def _plain(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file")
    return descriptor


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _place(name: str) -> int:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 2  # a place in a file is less than 2**63
