"""Budgets of a file come into force when Paddle is imported, or when a program reports an operation itself."""

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from paddle_otel.operations.budget_loading import LoadingWithPaddle
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings

WITH_A_LIBRARY = """
import json, sys, threading
from paddle_otel.budgets import BUDGETS
from paddle_otel.paddlenlp import PaddleNLPInstrumentor

def now():
    return [[budget.name for budget in BUDGETS.budgets()], "yaml" in sys.modules, threading.active_count()]

PaddleNLPInstrumentor().instrument()
before = now()
import paddle
print(json.dumps({"before": before, "after": now()}))
"""

WITHOUT_PADDLE = """
import json, sys
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry import metrics
from paddle_otel.budgets import BUDGETS
from paddle_otel.operations import observe_generation

metrics.set_meter_provider(MeterProvider())
before = [budget.name for budget in BUDGETS.budgets()]
with observe_generation("m") as generation:
    told = [generation.step() for _ in range(3)]
print(json.dumps({"before": before, "told": told, "paddle": "paddle" in sys.modules}))
"""


@pytest.fixture
def budget_file(tmp_path: Path) -> Path:
    """A file with a budget of two tokens, beside something that is called Paddle."""
    (tmp_path / "paddle.py").write_text("")
    path = tmp_path / "budgets.yaml"
    path.write_text("budgets: [{name: two, scope: request, limit: 2, counts: output, action: stop}]\n")
    return path


def run(program: str, budget_file: Path) -> Any:
    """Run a program with that file; return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(budget_file.parent), "PADDLE_OTEL_BUDGETS": str(budget_file)},
    )
    return json.loads(ended.stdout)


def test_with_paddle(budget_file: Path) -> None:
    """Until then no file is read and no thread follows it."""
    said = run(WITH_A_LIBRARY, budget_file)
    assert said["before"] == [[], False, 1]
    assert said["after"] == [["two"], True, 2]


def test_with_the_first_operation_that_a_program_reports(budget_file: Path) -> None:
    """Such a program may have no Paddle."""
    assert run(WITHOUT_PADDLE, budget_file) == {"before": [], "told": [False, True, True], "paddle": False}


def test_who_waits_for_paddle_in_vain_is_not_kept() -> None:
    """Instrumenting again and again, each time for other providers, does not grow."""
    loading = LoadingWithPaddle()
    telemetry = Telemetry("test", None, MeterProvider(shutdown_on_exit=False), Settings())
    gone = weakref.ref(telemetry.meters)
    loading.load(telemetry.settings, telemetry.meters)
    del telemetry
    gc.collect()
    assert gone() is None
