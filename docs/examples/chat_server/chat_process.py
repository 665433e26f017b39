"""Runs the chat service under `opentelemetry-instrument` for as long as a `with` block lasts."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

_READY_TIMEOUT_S: Final = 240
_STOP_TIMEOUT_S: Final = 60
_POLL_S: Final = 0.2


@contextmanager
def chat_service(environment: dict[str, str], log_file: Path) -> Generator[str, None, None]:
    """Starts the service on a free port of the loopback interface and stops it at the end of the block.

    Args:
        environment: The whole environment of its process.
        log_file: Receives everything it prints.

    Yields:
        Its address, once it answers.

    Raises:
        FileNotFoundError: `opentelemetry-instrument` is not installed.
        RuntimeError: The service ended, or did not answer in time; the message holds the end of what it printed.
    """
    port = _free_port()
    app = Path(__file__).with_name("app.py")
    command = [_instrument_command(), sys.executable, str(app), "--port", str(port)]
    with log_file.open("wb") as log:
        # S603 warns of commands made of untrusted input; there is none in this one.
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url, log_file)
        yield url
    finally:
        _stop(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log_file: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while not _is_ready(url):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with status {process.returncode}:\n{_end_of(log_file)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the service did not answer within {_READY_TIMEOUT_S} s:\n{_end_of(log_file)}")
        time.sleep(_POLL_S)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stops the service as Ctrl-C does and waits for its end, in which it exports the telemetry that it still holds.

    Not SIGTERM: uvicorn shuts down and then lets the signal end the process, so Python's exit handlers do not run and
    OpenTelemetry loses what it has not exported yet (up to five seconds of spans).
    """
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of(log_file: Path) -> str:
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-15:])


def _instrument_command() -> str:
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    if not os.access(command, os.X_OK):
        raise FileNotFoundError(f'{command} is missing; run: pip install "paddle-otel[otlp]"')
    return str(command)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
