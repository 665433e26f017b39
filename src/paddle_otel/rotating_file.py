"""A file of whole lines that stays below a size and keeps a few older ones."""

import contextlib
import errno
import io
import itertools
import os
import stat
from pathlib import Path
from typing import Final

# Telemetry names customers and sessions: it is readable by the owner and the owner's group (where a log collector
# belongs), never by everybody. The umask can only narrow this.
_DIRECTORY_MODE: Final = 0o750
_FILE_MODE: Final = 0o640


class RotatingFile:
    """Appends lines to ``path``; when it is full it becomes ``path.1``, ``path.1`` becomes ``path.2`` and so on.

    Nothing is opened or created before the first line. A line goes to the kernel in one unbuffered write, so that a
    crash loses none that was appended, and a fork copies no half-written buffer. Not safe for concurrent use; the
    owner holds a lock.

    Args:
        path: The file. Directories above it are created when they are missing.
        max_bytes: Size in bytes that a file does not pass, unless one line alone is larger: lines are never split.
        backups: How many full files are kept; the oldest is removed.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._file: io.FileIO | None = None

    def append(self, line: bytes) -> None:
        """Write one line.

        Args:
            line: The line with its newline.

        Raises:
            OSError: It could not be written; the file holds whole lines only, and the next call starts afresh.
        """
        try:
            file = self._current()
            size = _size(file)
            if size and size + len(line) > self._max_bytes:
                self._rotate()
                file = self._current()
            _write_whole(file, line)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; the next line opens it again. Closing twice does nothing."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _current(self) -> io.FileIO:
        if self._file is None or not self._is_still_at_its_path(self._file):
            self.close()
            self._path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            self._file = _open(self._path)
        return self._file

    def _is_still_at_its_path(self, file: io.FileIO) -> bool:
        """Tell whether somebody moved or removed the file: what goes there would be written, and lost, in silence."""
        try:
            return os.path.samestat(self._path.lstat(), os.fstat(file.fileno()))
        except OSError:
            return False

    def _rotate(self) -> None:
        self.close()
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n + 1}") for n in range(self._backups))]
        for newer, older in reversed(list(itertools.pairwise(names))):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        # Still there only if no backups are kept.
        self._path.unlink(missing_ok=True)


def _open(path: Path) -> io.FileIO:
    # Not through a symbolic link: in a shared directory somebody else could point it at a file of ours.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
    file = io.FileIO(os.open(path, flags, _FILE_MODE), "a+")
    try:
        _refuse_special(file)
        _end_torn_line(file)
    except OSError:
        file.close()
        raise
    return file


def _refuse_special(file: io.FileIO) -> None:
    """Raise for a pipe or device of that name: writing to it could wait forever."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def _end_torn_line(file: io.FileIO) -> None:
    """End the line that a crashed process of the same number left unfinished, so that ours does not join it."""
    size = _size(file)
    if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        _write_whole(file, b"\n")


def _size(file: io.FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _write_whole(file: io.FileIO, data: bytes) -> None:
    """Write everything or nothing: what a full disk took of a line is taken back."""
    size = _size(file)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(file.fileno(), size)
        raise
