"""Which devices this process reports: each device of a host is reported by one of the processes that see it.

A process claims a device when a sample of the device is collected, so one that exports nothing has none. It keeps the
device until it ends, stops reporting, or has not been asked for the device for long; the next process that collects a
sample of it then takes it. A process that is suspended (``SIGSTOP``, a debugger) keeps what it has.

Processes agree if they find the same file (:mod:`paddle_otel.hardware.lock_file`). Those in containers do if they share
``/dev/shm`` (one pod: a volume; one host: the host's IPC namespace) or a folder that ``PADDLE_OTEL_LOCK_DIRECTORY``
names in all of them; otherwise each container reports every device it sees.
"""

import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paddle_otel.forking import call_in_forked_child
from paddle_otel.hardware import lock_file
from paddle_otel.hardware.lock_file import LockFile
from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.settings import Settings

Holds = Callable[[str], bool]
"""Tells whether this process reports the device of a name that is the same in all processes of the host."""

LAPSE_SECONDS: Final = 180.0
"""A device that nobody asks for is given back after this long …"""
LAPSE_PAUSES: Final = 3
"""… or after this many times the longest pause between two questions, whichever is longer …"""
LAPSE_LIMIT: Final = 3600.0
"""… but after this long in any case."""

_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Claims:
    """The devices that this process reports. A process has one object for each folder.

    Args:
        folder: Returns the chosen folder of the lock file, empty for the usual one; asked once.
        clock: Seconds of a monotonic clock.
    """

    def __init__(
        self,
        folder: Callable[[], str] = lambda: Settings.from_environment().lock_directory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._choose_folder = folder
        self._clock = clock
        self._log = OnceLog()
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self.losses = 0
        """How often devices were given back: what was decided before does not hold any more."""
        self._clear()
        call_in_forked_child(self._forget)

    def _clear(self) -> None:
        self._file: LockFile | None = None
        self._held: dict[str, LockFile | None] = {}  # by the file in which it is locked, None without a lock
        self._asked: dict[str, float] = {}
        self._last_question: float | None = None
        self._longest_pause = 0.0
        self.losses += 1

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self.release()

    def claim(self, name: str) -> bool:
        """Report a device from now on, unless another process does.

        Args:
            name: The device's name, the same in all processes of the host.

        Returns:
            Whether this process reports it. Where no lock can be had it does, whether or not others do.
        """
        if not lock_file.SUPPORTED:
            return True
        with self._lock:
            reported = self._take(name)
            if reported:
                self._asked[name] = self._note_question()
            else:
                self._held.pop(name, None)
            return reported

    def holds(self, name: str) -> bool:
        """Whether this process reports a device; does not claim it."""
        if not lock_file.SUPPORTED:
            return True
        try:
            file = self._held[name]
        except KeyError:
            return False
        return file is None or file is self._file

    def is_free(self, name: str) -> bool:
        """Whether no process reports a device yet, as far as can be told; does not claim it."""
        with self._lock:
            # Under the lock: asking for a lock that a claim has got meanwhile would give it back.
            if self.holds(name):
                return False
            try:
                return self._open_file().is_free(name)
            except OSError:
                return True

    def lapse(self) -> None:
        """Give back what nobody has asked for since long: its metrics go nowhere."""
        with self._lock:
            limit = min(max(LAPSE_SECONDS, LAPSE_PAUSES * self._longest_pause), LAPSE_LIMIT)
            oldest = self._clock() - limit
            for name in [name for name, asked in self._asked.items() if asked < oldest]:
                file = self._held.pop(name, None)
                del self._asked[name]
                self.losses += 1
                if file is not None:
                    file.give_back(name)

    def release(self) -> None:
        """Give all devices back; in a forked child, which has none, only forget those of the parent."""
        with self._lock:
            file = self._file
            self._clear()
            if file is not None:
                file.close()

    def _take(self, name: str) -> bool:
        try:
            file = self._open_file()
            if self._held.get(name) is not file:
                if not file.take(name):
                    return False
                self._held[name] = file
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                return False  # another process may well report it; when descriptors are free this one asks again
            self._report_obstacle(error)
            self._held[name] = None
        return True

    def _open_file(self) -> LockFile:
        """Return the file that all processes find now.

        Raises:
            OSError: There is none and none can be made.
        """
        file = self._file
        if file is None or not file.in_place():
            self._file = None
            if file is not None:
                file.close()
            self._file = file = LockFile(self._lock_folder())
        return file

    def _lock_folder(self) -> Path:
        if self._folder is None:
            chosen = self._choose_folder()
            self._folder = Path(chosen).absolute() if chosen else lock_file.default_folder()
        return self._folder

    def _note_question(self) -> float:
        now = self._clock()
        if self._last_question is not None:
            self._longest_pause = max(self._longest_pause, now - self._last_question)
        self._last_question = now
        return now

    def _report_obstacle(self, error: OSError) -> None:
        self._log.warning(
            "No lock can be had in %s (%s), so every process reports every device it sees, and sums over processes "
            "count devices more than once. Everything else works. Remove what is in the way, or let "
            "PADDLE_OTEL_LOCK_DIRECTORY name a local folder that all processes of this host can write to.",
            str((self._folder or Path()) / lock_file.FILE_NAME),
            error.strerror or type(error).__name__,
        )
