"""Which devices this process reports: each device of a host is reported by one of the processes that see it.

A process claims a device by a lock on a file that is named after it. The kernel gives the lock back when the process
ends, however it ends, and the next process that is asked for the device's metrics takes it.
"""

import contextlib
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paddle_otel.forking import call_in_forked_child

try:
    import fcntl
except ImportError:  # Windows: every process reports what it sees
    fcntl = None

Holds = Callable[[str], bool]
"""Tells whether this process reports the device of a name that is the same in all processes of the host."""

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the one folder that services with a private /tmp still share
FOLDER: Final = "paddle-otel"
LAPSE_SECONDS: Final = 180.0
"""A process that is not asked for metrics gives its devices back after this long …"""
LAPSE_COLLECTIONS: Final = 3
"""… or after this many times the longest pause between two collections, whichever is longer."""

_logger: Final = logging.getLogger("paddle_otel")


class Claims:
    """The devices that this process reports.

    The locks are POSIX record locks: a forked child does not inherit them, so a parent that dies frees its devices
    also when its children live on.

    Args:
        directory: Returns the folder of the lock files, asked for at the first claim; by default one in shared memory
            or, where that cannot be written to, in the folder for temporary files.
        clock: Seconds of a monotonic clock.
    """

    def __init__(
        self, directory: Callable[[], str | None] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._choose_directory = directory
        self._clock = clock
        self._make_anew()
        call_in_forked_child(self._forget)

    def _make_anew(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, int | None] = {}
        self._directory: Path | None = None
        self._unusable = fcntl is None
        self._last_use: float | None = None
        self._longest_pause = 0.0

    def _forget(self) -> None:
        files = self._files
        self._make_anew()
        _close(files)  # the child's copies; the parent's locks stay

    def claim(self, name: str) -> bool:
        """Report a device from now on, unless another process does.

        Args:
            name: The device's name, the same in all processes of the host.

        Returns:
            Whether this process reports it.
        """
        if self.holds(name):
            return True
        with self._lock:
            return self.holds(name) or self._take(name)

    def holds(self, name: str) -> bool:
        """Whether this process reports a device; does not claim it."""
        return self._unusable or name in self._files

    def used(self) -> None:
        """Note that metrics are being collected, which keeps the claims from lapsing."""
        now = self._clock()
        if self._last_use is not None:
            self._longest_pause = max(self._longest_pause, now - self._last_use)
        self._last_use = now

    def lapse(self) -> None:
        """Give everything back if nobody has collected for long: the metrics of these devices go nowhere."""
        if self._last_use is None or not self._files:
            return
        limit = max(LAPSE_SECONDS, LAPSE_COLLECTIONS * self._longest_pause)
        if self._clock() - self._last_use > limit:
            self.release()

    def release(self) -> None:
        """Give all devices back."""
        with self._lock:
            files, self._files = self._files, {}
            self._last_use, self._longest_pause = None, 0.0
            _close(files)

    def _take(self, name: str) -> bool:
        directory = self._directory or self._open_directory()
        if directory is None:
            return True
        path = directory / f"{re.sub(r'[^A-Za-z0-9.-]', '_', name)[:128]}.lock"
        try:
            file = _open(path)
        except OSError as error:
            _logger.warning(
                "%s cannot be opened (%s), so this process reports the device whether or not another one does. Delete "
                "the file, or name another folder by PADDLE_OTEL_LOCK_DIRECTORY.",
                path,
                error.strerror,
            )
            file = None
        else:
            if not _lock(file):
                os.close(file)
                return False
        self._files[name] = file
        return True

    def _open_directory(self) -> Path | None:
        chosen = self._choose_directory()
        candidates = [Path(chosen)] if chosen else [SHARED_MEMORY / FOLDER, Path(tempfile.gettempdir()) / FOLDER]
        for candidate in candidates:
            if _usable(candidate):
                self._directory = candidate
                return candidate
        self._unusable = True
        _logger.warning(
            "No lock file can be made in %s, so every process reports every device it sees and sums over processes "
            "count devices more than once. PADDLE_OTEL_LOCK_DIRECTORY names a folder that all processes of this host "
            "can write to.",
            " or ".join(map(str, candidates)),
        )
        return None


def _usable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if directory.stat().st_uid == os.getuid():
            # Processes of other users share it; the sticky bit keeps them from deleting each other's files.
            directory.chmod(0o1777)
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Without O_CREAT first: the kernel may refuse that for a file of another user (fs.protected_regular).
        file = os.open(path, flags)
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o666)
    with contextlib.suppress(PermissionError):  # made by another user between the two
        os.fchmod(file, 0o666)  # past the umask: processes of other users lock the same file
    return file


def _lock(file: int) -> bool:
    """Lock a file; return whether no other process had locked it."""
    if fcntl is None:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _close(files: dict[str, int | None]) -> None:
    for file in files.values():
        if file is not None:
            os.close(file)
