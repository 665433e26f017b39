"""The instrumentor switched on before Paddle is imported, as ``opentelemetry-instrument`` does."""

import subprocess
import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]

_PROGRAM = """
import sys
import zlib

sys.path.insert(0, sys.argv[1])
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

recorder, instrumentor = Recorder(), PaddleInferenceInstrumentor()
instrumentor.instrument(**recorder.providers)

import paddle
from paddle.jit import load
from paddle.static import load_inference_model

layer = load(sys.argv[2])
layer(paddle.ones([3, 4]))
paddle.enable_static()
executor = paddle.static.Executor(paddle.CPUPlace())
program, names, fetches = load_inference_model(sys.argv[2], executor)
executor.run(program, feed={names[0]: __import__("numpy").ones((3, 4), "float32")}, fetch_list=fetches)
instrumentor.uninstrument()

points = recorder.points("paddle.prediction.duration")
print(sorted((point.attributes["paddle.model.kind"], point.attributes["paddle.model.name"]) for point in points))
for patched in (paddle.jit.load, paddle.static.load_inference_model, paddle.static.Executor.run):
    print(type(patched).__name__)
static = paddle.static
print(paddle.jit.api.load is paddle.jit.load, static.io.load_inference_model is static.load_inference_model)
"""


def test_what_is_imported_later_is_seen_and_restored(classifier: Path) -> None:
    """Every way in is patched at Paddle's import, and plain functions are left after switching off."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(_TESTS), str(classifier)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines() == [
        "[('jit_layer', 'scores'), ('static_program', 'scores')]",
        "function",
        "function",
        "function",
        "True True",
    ]
