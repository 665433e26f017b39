"""The classifier's server under test, and the requests that are sent to it."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT
from typing import Any

from end_to_end.running import LIMIT_S, PROGRAMS

WIDTH = 8
CLIENTS = 4
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Rows = list[list[float]]


@dataclass(frozen=True)
class Answer:
    """One answer: HTTP status, process that gave it, scores of each row."""

    status: int
    worker: int
    scores: Any


@dataclass
class Service:
    """A running server.

    Attributes:
        url: Where it listens.
        exit_code: How it ended.
        log: What it printed.
    """

    url: str
    exit_code: int | None = None
    log: str = ""
    answers: list[Answer] = field(default_factory=list[Answer])

    def ask(self, path: str, rows: Rows) -> Answer:
        """Send one request."""
        request = urllib.request.Request(self.url + path, json.dumps(rows).encode())  # noqa: S310 - http on loopback
        try:
            with _OPENER.open(request, timeout=60) as response:
                status, body = response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, json.load(error)
        answer = Answer(status, body["worker"], body["scores"])
        self.answers.append(answer)
        return answer

    def ask_together(self, path: str, batches: Sequence[Rows]) -> list[Answer]:
        """Send requests from several threads at a time; return the answers in the order of the requests."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(self.ask, [path] * len(batches), batches))

    def answered_by(self) -> Counter[int]:
        """Return how many requests each worker has answered."""
        return Counter(answer.worker for answer in self.answers)


def batch(number: int) -> Rows:
    """Return one to four rows that differ from those of every other number."""
    return [[float(number) + row / 8 + column / 64 for column in range(WIDTH)] for row in range(1 + number % 4)]


@contextmanager
def serving(
    command: Sequence[str], model: Path, variables: Mapping[str, str], folder: Path, workers: int = 0
) -> Generator[Service]:
    """Start the server, yield it when it answers, end it as Ctrl-C does.

    Args:
        command: What comes before the program: an interpreter, perhaps with an instrumentation before it.
        model: Where the exported classifier is.
        variables: The server's environment.
        folder: Its working directory.
        workers: Into how many processes it forks.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "service.log"
    program = [str(PROGRAMS / "classifier_service.py"), str(model), str(port), str(workers)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *program], env=dict(variables), cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    service = Service(f"http://127.0.0.1:{port}")
    try:
        _wait_until_ready(process, service.url, log)
        yield service
        process.send_signal(SIGINT)
        service.exit_code = process.wait(LIMIT_S)
    finally:
        process.kill()
        process.wait()
        service.log = log.read_text(encoding="utf-8", errors="replace")


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
        try:
            with _OPENER.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(log.read_text(encoding="utf-8", errors="replace")[-3000:])
