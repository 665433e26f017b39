"""A backend as a child process: free loopback ports, own storage, ready or a clear error, stopped for certain."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from typing_extensions import Self

from backends.build import ensure
from backends.queries import BackendError, get_json

_START_ATTEMPTS = 5
_STOP_GRACE_S = 1.0  # Jaeger waits for open client connections far longer than any test should
_LISTEN_STATE = "0A"  # in /proc/net/tcp, include/net/tcp_states.h of Linux
_LOG_TAIL_LINES = 30


class _PortTakenError(Exception):
    """Somebody else bound a port between our picking it and the server's binding it."""


class LocalServer(ABC):
    """Base of the servers that tests start; a context manager that returns itself, ready to use.

    Args:
        ready_timeout_s: seconds that one start may take before it counts as failed.

    Raises:
        BackendError: on entering, when the server does not become ready; the text ends with the tail of its log.
    """

    tool: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    ready_path: ClassVar[str]

    def __init__(self, ready_timeout_s: float = 30.0) -> None:
        self._ready_timeout_s = ready_timeout_s
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup = contextlib.ExitStack()
        self._folder = Path()

    def executable(self) -> Path:
        """Returns the program to start, built first where that has not happened yet."""
        return ensure(self.tool)

    @abstractmethod
    def arguments(self, folder: Path) -> list[str]:
        """Returns the command line after the program; ``folder`` is empty and is deleted when the server stops."""

    def environment(self) -> dict[str, str]:
        """Returns what the server's environment has beyond ours."""
        return {}

    def port(self, name: str) -> int:
        """Returns the port that the server listens on for one of ``port_names``."""
        return self._ports[name]

    @property
    def base_url(self) -> str:
        """The address of the query API: the first of ``port_names``."""
        return f"http://127.0.0.1:{self._ports[self.port_names[0]]}"

    @property
    def pid(self) -> int:
        """The process id while the server runs.

        Raises:
            BackendError: it does not run.
        """
        if self._process is None:
            raise BackendError(f"{self.tool} is not running.")
        return self._process.pid

    @property
    def folder(self) -> Path:
        """The server's own folder with its data and ``server.log``; deleted when the server stops."""
        return self._folder

    def log_tail(self) -> str:
        """Returns the last lines that the server wrote, standard output and error together."""
        lines = (self._folder / "server.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def __enter__(self) -> Self:
        executable = self.executable()
        for _ in range(_START_ATTEMPTS):
            self._ports = dict(zip(self.port_names, free_ports(len(self.port_names)), strict=True))
            try:
                self._start(executable)
            except _PortTakenError:
                self._stop()
            except BaseException:
                self._stop()
                raise
            else:
                return self
        raise BackendError(f"{self.tool}: in {_START_ATTEMPTS} attempts somebody else took one of its ports each time.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, executable: Path) -> None:
        folder = self._cleanup.enter_context(
            tempfile.TemporaryDirectory(prefix=f"paddle-otel-{self.tool}-", ignore_cleanup_errors=True)
        )
        self._folder = Path(folder)
        with (self._folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*_dying_with_us(), str(executable), *self.arguments(self._folder)],
                cwd=folder,
                env={**_plain_environment(), **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._ready_timeout_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                if "address already in use" in self.log_tail().lower():
                    raise _PortTakenError
                raise BackendError(f"{self.tool} ended with exit code {process.returncode}:\n{self.log_tail()}")
            # Asking only once the ports are our own child's: an answer could come from somebody else's server.
            if listening_ports(process.pid).issuperset(self._ports.values()) and self._answers():
                return
            time.sleep(0.02)
        raise BackendError(f"{self.tool} was not ready within {self._ready_timeout_s:g} s:\n{self.log_tail()}")

    def _answers(self) -> bool:
        try:
            get_json(self.base_url + self.ready_path)
        except BackendError:
            return False
        return True

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._cleanup.close()


def _dying_with_us() -> list[str]:
    """Returns what to put before a command so that it ends even where the tests are killed and cannot stop it."""
    setpriv = shutil.which("setpriv")  # util-linux; it replaces itself by the command, so the process id stays
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _plain_environment() -> dict[str, str]:
    """Returns our environment without the settings of the OpenTelemetry SDK, which are the tested program's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}


def free_ports(count: int) -> list[int]:
    """Returns different loopback ports that were free a moment ago; another process may take one before you do."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def listening_ports(pid: int) -> set[int]:
    """Returns the IPv4 TCP ports that a process of ours listens on, from ``/proc`` (man 5 proc)."""
    inodes = _socket_inodes(pid)
    ports: set[int] = set()
    with contextlib.suppress(OSError):  # the process has ended: it listens on nothing
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN_STATE and fields[9] in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def _socket_inodes(pid: int) -> set[str]:
    inodes: set[str] = set()
    with contextlib.suppress(OSError):  # the process, or one of its descriptors, has gone meanwhile
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if found := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                inodes.add(found[1])
    return inodes
