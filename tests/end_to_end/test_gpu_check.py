"""The check for machines with a GPU, run against the fake driver: that it can pass, and that it can fail."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from end_to_end.running import LIMIT_S, PROGRAMS
from fake_nvml.driver import environment

CHECK = Path(__file__).parents[1] / "gpu" / "check.py"


@pytest.fixture
def nvidia_smi(tmp_path: Path) -> Path:
    """A folder with a program ``nvidia-smi`` that asks the same driver."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAMS / "nvidia_smi.py"}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def _check(
    library: Path, tools: Path, report: Path, *, rules: str = "", wrong: str = ""
) -> tuple[int, dict[str, bool]]:
    variables = environment(library, count=2, rules=rules)
    variables["PATH"] = os.pathsep.join([str(tools), variables["PATH"]])
    variables["NVIDIA_SMI_WRONG"] = wrong
    command = [sys.executable, str(CHECK), "--no-load", "--report", str(report)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (report / "gpu_check.json").exists(), done.stderr
    written: dict[str, Any] = json.loads((report / "gpu_check.json").read_text(encoding="utf-8"))
    return done.returncode, {check["name"]: check["passed"] for check in written["checks"]}


def test_it_passes_where_everything_agrees(fake_nvml_library: Path, nvidia_smi: Path, tmp_path: Path) -> None:
    """All comparisons of both GPUs; the CPU share is this machine's affair."""
    _, checks = _check(fake_nvml_library, nvidia_smi, tmp_path)
    del checks["share of a core at an interval of 1 s"]
    assert [name for name, passed in checks.items() if not passed] == []
    assert len(checks) > 35


def test_it_fails_where_a_value_differs(fake_nvml_library: Path, nvidia_smi: Path, tmp_path: Path) -> None:
    """On both GPUs, and in nothing else."""
    status, checks = _check(fake_nvml_library, nvidia_smi, tmp_path, wrong="enforced.power.limit")
    failed = [name for name, passed in checks.items() if not passed and name.startswith("GPU-")]
    assert status == 1
    assert [name.split()[1] for name in failed] == ["paddle.gpu.power.limit"] * 2


def test_it_fails_without_a_gpu(fake_nvml_library: Path, nvidia_smi: Path, tmp_path: Path) -> None:
    """No driver, no pass."""
    status, checks = _check(fake_nvml_library, nvidia_smi, tmp_path, rules="nvmlInitWithFlags@*=9")
    assert status == 1
    assert checks["UUIDs"] is False
