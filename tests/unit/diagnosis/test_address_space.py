"""The address space of this process, in programs with and without a limit."""

import subprocess
import sys

PROGRAM = """
import resource
from paddle_otel.diagnosis.address_space import address_space
assert address_space() is None
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.RLIM_INFINITY))
before = address_space()
assert before.limit == 8 << 30
kept = bytearray(256 << 20)
after = address_space()
assert 250 << 20 <= after.used - before.used < 300 << 20, (before, after)
assert 10 << 20 < before.used < 4 << 30
"""


def test_address_space() -> None:
    """Nothing without a limit; then the limit and what is mapped."""
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert completed.returncode == 0, completed.stderr
