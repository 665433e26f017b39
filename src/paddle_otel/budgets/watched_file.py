"""The budget file: read when it is set, and followed from then on by a thread that looks whether it changed."""

import logging
import os
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from paddle_otel.background_thread import background_thread
from paddle_otel.budgets.budget import Budget
from paddle_otel.budgets.budget_file import Problem, UnusableFileError, read_budgets
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard

INTERVAL: Final = 1.0
"""Seconds between two looks. A change is used when the next look finds no other: it may be half written at first."""
PATIENCE: Final = 3
"""A file that differs at so many looks in turn is read all the same."""
LARGEST: Final = 4 * 1024 * 1024
"""Bytes; some 25,000 budgets."""
_SHOWN: Final = 20  # problems in one log line

_logger: Final = logging.getLogger("paddle_otel")


class WatchedFile:
    """A budget file. What is wrong with it is logged once, all in one line.

    A file that is gone or cannot be used changes nothing. One budget that is wrong stays as it was.

    Args:
        path: Where it is.
        use: Takes the budgets, on the calling thread at first and on the file's own later.
        interval: Seconds between two looks.
    """

    def __init__(self, path: str, use: Callable[[Iterable[Budget]], None], interval: float = INTERVAL) -> None:
        self.path: Final = path
        self._use: Final = use
        self._interval: Final = interval
        self._budgets: dict[str, Budget] = {}
        self._text: str | None = None
        self._state: tuple[int, ...] | None = None
        self._changes = 1  # looks at which it differed, since it was read last; it may change right after that
        self._complaint = ""
        self._end: threading.Event | None = None

    def follow(self) -> None:
        """Read the file, and follow it from now on, in forked children too."""
        with guard("reading the budget file"):
            self._state = self._look()
            self._read()
        self._start()
        call_in_forked_child(self._go_on_in_child)

    def leave(self) -> None:
        """Follow it no longer."""
        end, self._end = self._end, None
        if end is not None:
            end.set()

    def _go_on_in_child(self) -> None:
        if self._end is not None:
            self._text, self._changes = None, 1  # the parent may have been in the middle of reading it
            self._start()  # anew: the thread is not there, and the event's lock may have been held

    def _start(self) -> None:
        self._end = end = threading.Event()
        background_thread("paddle-otel-budgets", self._run, end).start()

    def _run(self, end: threading.Event) -> None:
        while not end.wait(self._interval):
            with guard("following the budget file"):
                self._follow_change()

    def _follow_change(self) -> None:
        state = self._look()
        if state != self._state:
            self._state = state
            self._changes += 1
            if self._changes < PATIENCE:
                return
        elif not self._changes:
            return
        self._changes = 0
        self._read()

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - Path.stat is the same with an object more
        except (OSError, ValueError):
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode

    def _read(self) -> None:
        try:
            text = self._content()
            if text == self._text:
                self._complaint = ""  # it is back as it was; were it to go again, that would be news
                return
            content = read_budgets(text)
        except UnusableFileError as error:
            self._complain(f"it cannot be used, and the budgets stay as they are: {error}.")
            return
        stay = {name: self._budgets[name] for name in content.wrong if name in self._budgets}
        self._budgets = content.budgets | stay
        self._text = text
        self._complaint = ""
        self._use(self._budgets.values())
        _logger.info("%s: %d budgets are in force.", self.path, len(self._budgets))
        if content.problems:
            self._complain(_summary(content.problems))

    def _content(self) -> str:
        try:
            is_file = stat.S_ISREG(os.stat(self.path).st_mode)  # noqa: PTH116 - Path.stat is the same with an object more
            data = self._bytes() if is_file else None
        except OSError as error:
            raise UnusableFileError(error.strerror or type(error).__name__) from None
        except ValueError:
            raise UnusableFileError("no file can have this name") from None
        if data is None:
            raise UnusableFileError("it is no file")
        if len(data) > LARGEST:
            raise UnusableFileError(f"it has more than {LARGEST} bytes")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise UnusableFileError(f"line {line}: it is not UTF-8") from None

    def _bytes(self) -> bytes:
        with Path(self.path).open("rb") as file:
            return file.read(LARGEST + 1)

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            _logger.warning("PADDLE_OTEL_BUDGETS=%s: %s", self.path, complaint)


def _summary(problems: tuple[Problem, ...]) -> str:
    more = len(problems) - _SHOWN
    shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
    return (
        "the budgets with these errors are left out, or stay as they were before the file was changed; all others "
        f"apply: {shown}{f'; and {more} more' if more > 0 else ''}."
    )
