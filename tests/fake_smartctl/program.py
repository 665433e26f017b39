"""A program that is called smartctl and says what a test wants; and what it was called with."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parents[1] / "unit/hardware/smart_fixtures"

_PROGRAM = """#!/bin/sh
here={here}
echo "$*" >> "$here/calls"
echo $$ >> "$here/pids"
echo $PPID >> "$here/callers"
for last; do :; done
case "$*" in --scan*) last=scan;; esac
. "$here/answers/$(echo "$last" | tr / _)"
"""


def fixture(name: str) -> dict[str, Any]:
    """Return a recorded answer of smartctl 7.3."""
    answer: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return answer


class FakeSmartctl:
    """The disks that the program finds; changes hold from its next call on.

    Args:
        folder: Where the program lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._types: dict[str, str] = {}
        (folder / "answers").mkdir(parents=True)
        program = folder / "smartctl"
        program.write_text(_PROGRAM.format(here=folder), encoding="utf-8")
        program.chmod(0o755)
        self._scan()

    def put_on_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have it found before the real one."""
        monkeypatch.setenv("PATH", f"{self.folder}{os.pathsep}{os.environ['PATH']}")

    def disk(self, name: str, answer: Mapping[str, Any] | str | bytes, status: int = 0, kind: str = "sat") -> None:
        """Have a disk, and what is said about it."""
        if isinstance(answer, Mapping):
            answer = json.dumps({**answer, "smartctl": {"exit_status": status, **answer.get("smartctl", {})}})
        said = self.folder / f"said{name.replace('/', '_')}"
        said.write_bytes(answer.encode() if isinstance(answer, str) else answer)
        self.script(name, f"cat {said}; exit {status}", kind)

    def script(self, name: str, shell: str, kind: str = "sat") -> None:
        """Have a disk, and shell code that is run when it is asked for; ``scan`` stands for the scan."""
        (self.folder / "answers" / name.replace("/", "_")).write_text(shell + "\n", encoding="utf-8")
        if name != "scan":
            self._types[name] = kind
            self._scan()

    def remove(self, name: str) -> None:
        """Have the disk no longer."""
        del self._types[name]
        self._scan()

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        return self._lines("calls")

    @property
    def reads(self) -> list[str]:
        """The arguments of each call about a disk."""
        return [call for call in self.calls if not call.startswith("--scan")]

    @property
    def pids(self) -> list[int]:
        """The process of each call."""
        return [int(line) for line in self._lines("pids")]

    @property
    def callers(self) -> list[int]:
        """The process that made each call."""
        return [int(line) for line in self._lines("callers")]

    def _lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def _scan(self) -> None:
        devices = [
            {"name": name, "info_name": name, "type": kind, "protocol": "ATA"} for name, kind in self._types.items()
        ]
        scan = {"json_format_version": [1, 0], "smartctl": {"version": [7, 3], "exit_status": 0}, "devices": devices}
        (self.folder / "scan.json").write_text(json.dumps(scan), encoding="utf-8")
        self.script("scan", f"cat {self.folder}/scan.json")


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"
