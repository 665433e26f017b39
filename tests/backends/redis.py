"""A real Redis for tests: started on a port of its own, killed, stopped in the middle, started again."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from backends.process import LocalServer
from backends.queries import BackendError

_PORT = "redis"


class Redis(LocalServer):
    """A Redis server that writes nothing to disk.

    Args:
        options: More of its options, as on its command line.
    """

    tool = "redis-server"
    port_names = (_PORT,)
    ready_path = ""

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._options = options

    def executable(self) -> Path:
        """Returns the program of this machine; `make test` installs it."""
        found = shutil.which(self.tool)
        if found is None:
            raise BackendError("There is no redis-server. On Debian: apt-get install redis-server")
        return Path(found)

    def arguments(self, folder: Path) -> list[str]:
        """Returns the command line; ``folder`` stays empty."""
        port = str(self.port(_PORT))
        return ["--port", port, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *self._options]

    @property
    def address(self) -> str:
        """What ``PADDLE_OTEL_BUDGET_LEDGER`` is set to."""
        return f"redis://127.0.0.1:{self.port(_PORT)}/0"

    def kill(self) -> None:
        """Kill it (SIGKILL), with all it knows."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def start_again(self) -> None:
        """Start it again on the same port, empty."""
        self._start(self.executable())

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def ask(self, *command: str) -> str:
        """Returns what ``redis-cli`` prints of a command."""
        tool = ["redis-cli", "-p", str(self.port(_PORT)), *self._login(), *command]
        return subprocess.run(tool, capture_output=True, text=True, timeout=20, check=False).stdout.strip()

    def keys(self) -> list[str]:
        """Returns the names of all keys."""
        return sorted(self.ask("--scan").splitlines())

    def hash(self, key: str) -> Mapping[str, str]:
        """Returns what a key holds."""
        lines = self.ask("HGETALL", key).splitlines()
        return dict(zip(lines[::2], lines[1::2], strict=True))

    def sum(self, key: str) -> tuple[int, int]:
        """Returns the tokens of a key that are used, and those that are held."""
        fields = self.hash(key)
        return int(fields.get("used", 0)), int(fields.get("held", 0))

    def _login(self) -> list[str]:
        if "--requirepass" not in self._options:
            return []
        return ["--no-auth-warning", "-a", self._options[self._options.index("--requirepass") + 1]]

    def _answers(self) -> bool:
        return self.ask("PING") == "PONG"
