"""The program format before Paddle 3.0, which every version still writes and reads when it is told to."""

import os
import subprocess
import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]

_FILES = (
    "test_jit_calls.py",
    "test_jit_loading.py",
    "test_static_runs.py",
    "test_static_kinds.py",
    "test_static_switching.py",
)

# Paddle 3 itself no longer exports every operator in the older format, and crashes when it trains a loaded layer there.
_BEYOND_PADDLE = "not mask and not outputs_are_told"


def test_the_same_holds_in_the_older_format() -> None:
    """The same tests, in a process that uses the older format throughout."""
    files = [str(_TESTS / "inference" / file) for file in _FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *files, "-q", "-p", "no:cacheprovider", "-k", _BEYOND_PADDLE],
        env={**os.environ, "FLAGS_enable_pir_api": "0"},
        cwd=_TESTS.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
