"""A server that a test starts is ready, or there is a clear error; either way nothing of it is left over."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backends import process
from backends.process import LocalServer, free_ports, listening_ports
from backends.queries import wait_until
from backends.servers import BackendError, Jaeger, Prometheus

SERVE = """
import http.server, signal, sys
if "deaf" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if "broken" in sys.argv else 200)
        self.end_headers()
        self.wfile.write(b"{}")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
GIVE_UP = "print('first line'); raise SystemExit('no such option: --x')"


class Script(LocalServer):
    """A server that is a few lines of Python."""

    tool = "script"
    port_names = ("http",)
    ready_path = "/"

    def __init__(self, text: str, *options: str, ready_timeout_s: float = 10.0) -> None:
        super().__init__(ready_timeout_s)
        self.text = text
        self.options = options

    def executable(self) -> Path:
        """Returns the running Python."""
        return Path(sys.executable)

    def arguments(self, folder: Path) -> list[str]:
        """Returns the script and its port."""
        del folder
        return ["-c", self.text, str(self.port("http")), *self.options]


def choose_ports(monkeypatch: pytest.MonkeyPatch, *choices: list[int]) -> None:
    """Makes the next starts use the given ports, one choice for each attempt."""
    remaining = iter(choices)

    def choose(count: int) -> list[int]:
        chosen = next(remaining)
        assert len(chosen) == count
        return chosen

    monkeypatch.setattr(process, "free_ports", choose)


def test_a_server_that_ends_shows_its_log() -> None:
    """The error has the exit code and what the server wrote."""
    with pytest.raises(BackendError, match=r"(?s)script ended with exit code 1:.*no such option: --x"):
        Script(GIVE_UP).__enter__()


def test_a_server_that_is_never_ready_is_stopped() -> None:
    """Listening is not enough; after the time limit there is an error and no process."""
    server = Script(SERVE, "broken", ready_timeout_s=1.0)
    with pytest.raises(BackendError, match=r"script was not ready within 1 s:"):
        server.__enter__()
    with pytest.raises(BackendError, match="not running"):
        _ = server.pid
    assert not server.folder.exists()


def test_a_server_that_ignores_the_request_to_end_is_killed() -> None:
    """SIGTERM is followed by SIGKILL after one second."""
    with Script(SERVE, "deaf") as server:
        pid = server.pid
        began = time.monotonic()
    assert 1.0 <= time.monotonic() - began < 20.0
    assert not Path(f"/proc/{pid}").exists()


def test_a_server_does_not_outlive_killed_tests(tmp_path: Path) -> None:
    """A test run that is killed cannot stop its servers; they end by themselves."""
    run = "import time; from backends.servers import Prometheus; p = Prometheus().__enter__(); print(p.pid, flush=True)"
    environment = {**os.environ, "PYTHONPATH": str(Path(process.__file__).parents[1]), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", f"{run}; time.sleep(60)"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pid = int(tests.stdout.readline())
        assert listening_ports(pid)
        tests.kill()
    wait_until("end of the server", lambda: listening_ports(pid), lambda ports: not ports, timeout_s=5.0)


@pytest.mark.parametrize("backend", [Jaeger, Prometheus])
def test_a_port_that_somebody_took_meanwhile_is_replaced(
    backend: type[Jaeger | Prometheus], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a real server cannot bind a port, it is started again on other ones."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        good = free_ports(len(backend.port_names))
        choose_ports(monkeypatch, [*good[1:], port], good)
        with backend() as server:
            assert listening_ports(server.pid) == set(good)


def test_only_its_own_ports_make_a_server_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger that answers on the picked port is not taken for the server."""
    with Script(SERVE) as stranger:
        choose_ports(monkeypatch, *[[stranger.port("http")]] * 5)
        silent = Script("import time; time.sleep(60)", ready_timeout_s=0.5)
        with pytest.raises(BackendError, match=r"was not ready within 0\.5 s"):
            silent.__enter__()


def test_somebody_else_on_every_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempts are bounded."""
    with Script(SERVE) as stranger:
        choose_ports(monkeypatch, *[[stranger.port("http")]] * 5)
        with pytest.raises(BackendError, match="in 5 attempts somebody else took one of its ports"):
            Script(SERVE).__enter__()
