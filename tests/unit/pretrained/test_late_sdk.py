"""An SDK that is set up after switching on, as programs do that configure OpenTelemetry in code."""

import os
import subprocess
import sys

import pytest

SDK_LATER = """
from observed import OUTPUT
from stub_library import installed, make_stub, tokenizer_of
from recording import Recorder
from opentelemetry import metrics, trace
from paddle_otel.paddleformers import PaddleFormersInstrumentor

instrumentor = PaddleFormersInstrumentor()
with installed():
    instrumentor.instrument()
    stub = make_stub()
    assert stub.model.generate(stub.input_ids) is stub.script.result
    assert stub.script.criteria == [], "no SDK yet: nothing is added to the call"
    recorder = Recorder()
    trace.set_tracer_provider(recorder.tracer_provider)
    metrics.set_meter_provider(recorder.meter_provider)
    for _ in range(ROUNDS):
        instrumentor.uninstrument()
        instrumentor.instrument()
    stub.model.generate(stub.input_ids)
    tokenizer_of("paddleformers")("a b")
    assert len(recorder.spans("text_completion")) == 1
    print(*sorted(recorder.metrics()))
    print(recorder.point("paddle.tokens", **OUTPUT).value)
"""


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_an_sdk_that_comes_later(rounds: int) -> None:
    """Switched on before the SDK is set up, and perhaps off and on again after it: all metrics are there."""
    run = subprocess.run(
        [sys.executable, "-c", SDK_LATER.replace("ROUNDS", str(rounds))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    names, written = run.stdout.splitlines()
    assert names.split() == [
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_per_output_token",
        "gen_ai.server.time_to_first_token",
        "paddle.kv_cache.size",
        "paddle.request.active",
        "paddle.tokenizer.duration",
        "paddle.tokenizer.tokens",
        "paddle.tokens",
    ]
    assert written == "3"
    assert run.stderr == ""
