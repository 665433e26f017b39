"""Runs a program with a limit on its time and on its output, and ends it with all its children."""

import contextlib
import enum
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final, cast

OUTPUT_BYTES: Final = 1024 * 1024
"""smartctl prints 10 KiB about a disk; what prints more than this is not smartctl."""
KILL_SECONDS: Final = 0.2
"""How long a killed program may take to be gone; one that is inside a device driver takes as long as the driver."""
CANCEL_SECONDS: Final = 0.05
"""How long :meth:`Runner.cancel` waits for a program that is just being started."""

_POLL_MS: Final = 50
_EXIT_POLL_SECONDS: Final = 0.005


class Ending(enum.Enum):
    """How a program ended."""

    EXITED = "exited"
    """By itself."""
    TIMED_OUT = "timed out"
    """It was killed, because it ran for too long."""
    TOO_LONG = "too long"
    """It was killed, because it printed too much."""
    CANCELLED = "cancelled"
    """It was killed, or not started, because nobody wants its output any more."""
    UNKILLABLE = "unkillable"
    """It was not started, because an earlier one with the same arguments was killed and still runs."""
    NOT_STARTED = "not started"
    """The system could not start it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed.

    Attributes:
        ending: How it ended.
        output: Its standard output; empty unless it ended by itself.
        status: Its exit status; ``None`` if it did not end by itself, and when the host program took the status (by
            ignoring ``SIGCHLD`` or by waiting for every child).
    """

    ending: Ending
    output: bytes = b""
    status: int | None = None


Unkillable = dict[tuple[str, ...], "subprocess.Popen[bytes]"]
"""Programs that were killed but are not gone, by their commands: they are inside a device driver that hangs."""


class Runner:
    """Runs one program at a time, on one thread; any thread may cancel.

    Args:
        unkillable: Filled by this runner, and kept for the next one: a command in it is not run once more.
    """

    def __init__(self, unkillable: Unkillable) -> None:
        self._pid = os.getpid()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._unkillable = unkillable

    @property
    def cancelled(self) -> bool:
        """Whether nothing is run any more."""
        return self._cancelled.is_set()

    def run(self, command: Sequence[str], seconds: float) -> Answer:
        """Run a program to its end, without a shell, standard input, or this program's environment.

        Args:
            command: Absolute path and arguments.
            seconds: After this long it is killed, its process group with it.
        """
        key = tuple(command)
        before = self._unkillable.pop(key, None)
        if before is not None and before.poll() is None:
            self._unkillable[key] = before
            return Answer(Ending.UNKILLABLE)
        try:
            process = self._start(command)
        except OSError:
            return Answer(Ending.NOT_STARTED)
        if process is None:
            return Answer(Ending.CANCELLED)
        pipe = cast("IO[bytes]", process.stdout)  # there is one, as it was asked for
        with pipe:
            try:
                ending, output = self._listen(process, pipe.fileno(), time.monotonic() + seconds)
            finally:
                status, gone = self._end(process)
        if not gone:
            self._unkillable[key] = process
        return Answer(ending, output, status) if ending is Ending.EXITED else Answer(ending)

    def cancel(self) -> None:
        """Kill what runs and run nothing any more; waits for nothing."""
        if self._pid != os.getpid():
            return  # in a forked child: what runs is the parent's, and the locks may be held for ever
        self._cancelled.set()
        if self._lock.acquire(timeout=CANCEL_SECONDS):
            try:
                if self._running is not None:
                    _kill_group(self._running)
            finally:
                self._lock.release()

    def _start(self, command: Sequence[str]) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self.cancelled:
                return None
            self._running = subprocess.Popen(  # noqa: S603 - an absolute path, checked arguments and no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath},
                start_new_session=True,
            )
            return self._running

    def _listen(self, process: "subprocess.Popen[bytes]", pipe: int, deadline: float) -> tuple[Ending, bytes]:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        output = bytearray()
        while (interruption := self._interruption(deadline)) is None:
            if poll.poll(_POLL_MS):
                chunk = os.read(pipe, 65536)
                output += chunk
                if len(output) > OUTPUT_BYTES:
                    return Ending.TOO_LONG, b""
                if not chunk:
                    break
            elif _exited(process) and not poll.poll(0):
                break  # all is read; a child that it left behind holds the pipe open
        while interruption is None and not _exited(process):
            self._cancelled.wait(_EXIT_POLL_SECONDS)
            interruption = self._interruption(deadline)
        if self.cancelled:
            return Ending.CANCELLED, b""  # and so it was not by itself that it ended
        return interruption or Ending.EXITED, bytes(output)

    def _interruption(self, deadline: float) -> Ending | None:
        if self.cancelled:
            return Ending.CANCELLED
        return Ending.TIMED_OUT if time.monotonic() >= deadline else None

    def _end(self, process: "subprocess.Popen[bytes]") -> tuple[int | None, bool]:
        """Kill what is left of a program; return its exit status and whether it is gone."""
        with self._lock:
            self._running = None
            known = _kill_group(process)
        try:
            status = process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            return None, False
        return (status if known else None), True


def _exited(process: "subprocess.Popen[bytes]") -> bool:
    """Whether a process has ended; leaves its status, so that its number is not given to another process."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # the host program took its status


def _kill_group(process: "subprocess.Popen[bytes]") -> bool:
    """Kill a process and its children; return whether it was still ours to wait for."""
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False  # its number may be another process's by now
    # Gone already, or (a set-uid program) not ours to kill.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return True
