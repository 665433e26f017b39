"""A meter provider that is named by one instrumentor and is the global one for another."""

import os
import subprocess
import sys

import pytest
from opentelemetry import metrics

from conftest import Trouble
from observed import raising
from paddle_otel.conventions import metrics as m
from paddle_otel.operations.meters import METERS
from recording import Recorder

LABELS = {"paddle.model.name": "net", "paddle.model.kind": "predictor"}

LATER = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from recording import Recorder
from observed import telemetry_to
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.conventions import metrics as m
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.meters import METERS

recorder = Recorder()
provider = recorder.meter_provider
asked = [{"own": provider, "global": None, "set": "set"}[one] for one in ORDER.split()]
telemetries = []
for one in asked:
    if one == "set":
        metrics.set_meter_provider(provider)
    else:
        telemetries.append(telemetry_to(recorder.tracer_provider, one))
for telemetry in telemetries:
    telemetry.meters.shared(GenerationMetrics).count_input("net", 1)
    telemetry.meters.deferred_histogram(m.PREDICTION_DURATION).record(1, {})
print(int(recorder.point("paddle.tokens").value), recorder.point("paddle.prediction.duration").count)
"""


@pytest.mark.parametrize(
    "order",
    [
        "set own global",
        "set global own",
        "own set global",
        "own set own global own",
        "global set own",
        "global set global",
    ],
)
def test_a_provider_that_is_also_the_global_one(order: str) -> None:
    """Named by one instrumentor, taken as the global one by another, before or after it was set: sums are right."""
    run = subprocess.run(
        [sys.executable, "-c", LATER.replace("ORDER", repr(order))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    instrumentors = len(order.split()) - 1
    assert run.stdout.split() == [str(instrumentors)] * 2


def test_a_global_provider_that_cannot_be_loaded(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble
) -> None:
    """A wrong ``OTEL_PYTHON_METER_PROVIDER`` does not keep a provider that was named from being used."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(metrics, "get_meter_provider", raising(RuntimeError("no such provider")))
    meters = METERS.of(recorder.meter_provider)
    meters.deferred_histogram(m.PREDICTION_DURATION).record(1, LABELS)
    monkeypatch.undo()
    assert METERS.of(recorder.meter_provider) is meters
    assert recorder.point("paddle.prediction.duration").count == 1
