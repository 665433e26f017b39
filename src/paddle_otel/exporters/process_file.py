"""The file that one process writes for one signal."""

import logging
import os
import re
import sys
import threading
from pathlib import Path
from typing import Final, Literal

from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard
from paddle_otel.rotating_file import RotatingFile
from paddle_otel.settings import Settings

Signal = Literal["traces", "metrics", "logs"]

# File names end at 255 bytes; this leaves room for the signal, the process number and the backup number.
_MAX_SERVICE_BYTES: Final = 120

_logger: Final = logging.getLogger("paddle_otel")


def file_name(signal: Signal, service_name: str, pid: int) -> str:
    """Name the file of a process.

    Args:
        signal: What is written to it.
        service_name: ``service.name`` as the user gave it. Letters and digits of any script, ``.``, ``-`` and ``_``
            are kept, everything else becomes ``_``, and what is longer than 120 bytes is cut.
        pid: The process number.

    Returns:
        ``SIGNAL-SERVICE-PID.jsonl``, one path component for any service name.
    """
    encoding = sys.getfilesystemencoding()
    writable = service_name.encode(encoding, "replace").decode(encoding)
    safe = re.sub(r"[^\w.-]", "_", writable).encode(encoding)[:_MAX_SERVICE_BYTES].decode(encoding, "ignore")
    return f"{signal}-{safe}-{pid}.jsonl"


class ProcessFile:
    """Appends lines from any thread to this process's file of one signal.

    The file is opened at the first line. A forked child drops what it inherited, and its own first line goes to a file
    with its own process number. Trouble is logged when it starts and when it is over, not for every line.

    Args:
        signal: What is written.
        settings: Directory, size and number of backups. A relative directory is taken from the working directory at
            the first line, and stays there when the program changes it later.
    """

    def __init__(self, signal: Signal, settings: Settings) -> None:
        self._signal: Final[Signal] = signal
        self._settings = settings
        self._lock = threading.Lock()
        self._file: RotatingFile | None = None
        self._directory: Path | None = None
        self._failing = False
        self._shut_down = False
        call_in_forked_child(self._forget_parent)

    def append(self, line: bytes, service_name: str) -> bool:
        """Write one line.

        Args:
            line: The line with its newline.
            service_name: Part of the file's name; the one of a process's first line counts.

        Returns:
            Whether it was written. Never raises an ``Exception``.
        """
        with guard(f"writing {self._signal} to a file"):
            with self._lock:
                if self._shut_down:
                    return False
                error = self._try_append(line, service_name)
                changed = self._failing != (error is not None)
                self._failing = error is not None
            # After the lock: a log handler may export to this very file.
            if changed:
                with guard(f"reporting on the file of {self._signal}"):
                    self._log_change(error)
            return error is None
        return False

    def shut_down(self) -> None:
        """Close the file for good; later lines are refused."""
        with guard(f"closing the file of {self._signal}"), self._lock:
            self._shut_down = True
            if self._file is not None:
                self._file.close()

    def _try_append(self, line: bytes, service_name: str) -> OSError | None:
        try:
            if self._file is None:
                self._file = self._named_file(service_name)
            self._file.append(line)
        except OSError as error:
            return error
        return None

    def _named_file(self, service_name: str) -> RotatingFile:
        if self._directory is None:
            self._directory = Path(self._settings.file_directory).absolute()
        name = file_name(self._signal, service_name, os.getpid())
        return RotatingFile(self._directory / name, self._settings.file_max_bytes, self._settings.file_backups)

    def _log_change(self, error: OSError | None) -> None:
        where = self._directory or self._settings.file_directory
        if error is None:
            _logger.info("%s are written to %s again.", self._signal.capitalize(), where)
            return
        _logger.warning(
            "%s cannot be written to %s (%s) and are dropped until they can; your program is not affected. This is "
            "logged once until it works again. Free space, make the directory writable or name another one in "
            "PADDLE_OTEL_FILE_DIRECTORY.",
            self._signal.capitalize(),
            where,
            error.strerror or type(error).__name__,
        )

    def _forget_parent(self) -> None:
        # Another thread of the parent may have held the lock when it forked; in the child nobody would release it.
        self._lock = threading.Lock()
        file, self._file = self._file, None
        if file is not None:
            file.close()
