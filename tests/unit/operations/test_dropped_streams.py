"""Streams that garbage collection ends while others go on."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from paddle_otel.operations import observe_generation

@observe_generation("tiny", batch_size=1, max_tokens=50, input_tokens=3)
def stream():
    for _ in range(50):
        yield 1

class Cycle:
    pass

for number in range(5_000):
    dropped = stream()
    next(dropped)
    cycle = Cycle()
    cycle.cycle, cycle.dropped = cycle, dropped
    del cycle, dropped
    garbage = [[] for _ in range(number % 31)]
    closed = stream()
    next(closed)
    closed.close()
print("done")
"""


def test_the_interpreter_does_not_crash(tmp_path: Path) -> None:
    """Garbage is collected wherever memory is asked for, so that streams end inside of everything that is done here."""
    file = tmp_path / "budgets.yaml"
    file.write_text("budgets:\n  - {name: all, scope: process, limit: 1000000000, action: [stop, refuse]}\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PADDLE_OTEL_BUDGETS": str(file)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
