"""Runs programs with and without ``opentelemetry-instrument``, as a user would from a shell."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")
LIMIT_S = 180
"""A program that has not ended by then hangs."""


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without its OpenTelemetry settings, and with these variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PADDLE_OTEL_"))}
    # Set for each test: no other process on this machine may report the devices of its programs.
    locks = {key: value for key, value in os.environ.items() if key == "PADDLE_OTEL_LOCK_DIRECTORY"}
    return {**kept, **locks, "NO_PROXY": "127.0.0.1", **variables}


def instrumented(*command: str) -> list[str]:
    """Return a Python command line with ``opentelemetry-instrument`` in front."""
    return [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, *command]


def run(command: list[str], variables: Mapping[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder to its end.

    Raises:
        subprocess.TimeoutExpired: It hangs.
    """
    return subprocess.run(
        command, env=dict(variables), cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def last_line(completed: "subprocess.CompletedProcess[str]") -> str:
    """Return the last line a program printed."""
    lines = completed.stdout.strip().splitlines()
    assert lines, completed.stderr[-3000:]
    return lines[-1]
