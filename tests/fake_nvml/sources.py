"""Sources and clocks that do what a test says, and waiting for a thread to do something."""

import threading
import time
from collections.abc import Callable


class ScriptedSource:
    """A source without hardware: counts its reads, raises or hangs when told to."""

    def __init__(self, name: str = "scripted") -> None:
        self._name = name
        self._may_return = threading.Event()
        self._may_return.set()
        self.reads = 0
        self.closes = 0
        self.error: BaseException | None = None
        self.inside = False

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    def read(self) -> int:
        """Return how often it was read."""
        self.reads += 1
        self.inside = True
        self._may_return.wait()
        self.inside = False
        if self.error is not None:
            raise self.error
        return self.reads

    def close(self) -> None:
        """Count the call."""
        self.closes += 1

    def hang(self) -> None:
        """Let reads hang until :meth:`answer`."""
        self._may_return.clear()

    def answer(self) -> None:
        """Let hanging and later reads return."""
        self._may_return.set()


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def eventually(condition: Callable[[], object], timeout: float = 10.0) -> bool:
    """Return whether a condition comes true within a number of seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return bool(condition())


def sampler_threads() -> list[threading.Thread]:
    """Return the sampler threads that run in this process."""
    return [thread for thread in threading.enumerate() if thread.name == "paddle-otel-sampler"]
