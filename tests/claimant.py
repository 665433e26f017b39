"""Another process that claims devices and says what it has."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

from typing_extensions import Self

from fake_nvml.sources import eventually

_PROGRAM = """
import os, sys, time
from paddle_otel.hardware.claims import Claims
folder, user = sys.argv[1], int(sys.argv[2])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
os.umask(0o077)
claims = Claims(lambda: folder)

def fork():  # a child that does nothing, for a minute
    child = os.fork()
    if child == 0:
        os.close(1)  # whoever reads our answers must see our end
        time.sleep(60)
        os._exit(0)
    return child

print("ready", flush=True)
for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


class Claimant:
    """A process with claims of its own; a context manager that ends it.

    Args:
        folder: Of the lock file; empty for the usual one.
        user: Numeric id of the user it runs as, this process's unless given.
    """

    def __init__(self, folder: Path | str, user: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(folder), str(user)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.receive() == "ready"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, expression: str) -> str:
        """Return the representation of what a Python expression gives there."""
        self.send(expression)
        return self.receive()

    def send(self, expression: str) -> None:
        """Let it begin with an expression."""
        assert self._process.stdin is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()

    def receive(self) -> str:
        """Return the representation of what the oldest expression gave that is not answered yet."""
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if not answer:
            assert self._process.stderr is not None
            raise AssertionError(self._process.stderr.read())
        return answer

    def claims(self, name: str) -> bool:
        """Let it claim a device; return whether it reports the device."""
        return self.ask(f"claims.claim({name!r})") == "True"

    def wait_for_program(self, name: str) -> bool:
        """Return whether the process has become another program in time."""
        return eventually(lambda: Path(f"/proc/{self.pid}/comm").read_text(encoding="utf-8").strip() == name)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it by a signal, and wait until it is gone."""
        self._process.send_signal(how)
        self._process.wait()

    def end(self) -> str:
        """End it, and return what it printed on standard error."""
        with contextlib.suppress(BrokenPipeError):
            _, errors = self._process.communicate(timeout=20)
            return errors
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def claimants(folder: Path, count: int) -> Generator[list[Claimant]]:
    """Some processes that claim in the same folder."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Claimant(folder)) for _ in range(count)]


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def descriptors_of(path: Path) -> list[int]:
    """Return the descriptors of this process that are open on a file."""
    found: list[int] = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == path:
                found.append(int(entry.name))
    return found
