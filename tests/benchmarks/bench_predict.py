"""What observing predictions, forwards, pipelines and a program's own loops costs, with real Paddle."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from rows import Row

_FOLDER: Final = Path(__file__).parent


def run() -> list[Row]:
    """Measure in a process of its own: Paddle is imported there, and the other benchmarks measure without it.

    Returns:
        The rows of the table.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PADDLE_OTEL_"))}
    # On a busy machine a small program takes long enough for a span now and then.
    environment["PADDLE_OTEL_PREDICTION_SPAN_MINIMUM"] = "60"
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(_FOLDER), str(_FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    finished = subprocess.run(
        [sys.executable, _FOLDER / "predictions_measured.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:  # Paddle and its libraries write warnings there, of which nobody learns anything
        sys.stderr.write(finished.stderr)
        finished.check_returncode()
    return json.loads(finished.stdout.splitlines()[-1])
