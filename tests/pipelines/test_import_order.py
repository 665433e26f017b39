"""PaddleX may be imported before or after it is switched on, and nobody imports Paddle for it."""

import subprocess
import sys
from typing import Final

import pytest

from end_to_end.running import environment

PROGRAM: Final = """
import sys

def switch_on():
    from paddle_otel.inference import PaddleInferenceInstrumentor
    from paddle_otel.paddlex import PaddleXInstrumentor
    PaddleInferenceInstrumentor().instrument(**recorder.providers)
    PaddleXInstrumentor().instrument(**recorder.providers)

def use_library():
    global own_pipelines
    import paddlex
    if sys.argv[2] == "paddleocr":
        import paddleocr
    from pipelines import own_pipelines

from recording import Recorder
recorder = Recorder()
first, second = (switch_on, use_library) if sys.argv[1] == "before" else (use_library, switch_on)
first()
second()
print("paddle" in sys.modules)
assert list(own_pipelines.Halves()([2])) == [1.0]
print([span.name for span in recorder.spans()])
"""


@pytest.mark.parametrize("library", ["paddlex", "paddleocr"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_import_order(when: str, library: str) -> None:
    """``import paddlex`` fails when anything imports Paddle meanwhile; nothing of ours does, then or later."""
    command = [sys.executable, "-c", PROGRAM, when, library]
    variables = environment(PYTHONPATH=":".join(sys.path))
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == ["False", "['load_model halves', 'pipeline halves']"]
