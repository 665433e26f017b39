"""Switching on and off: the very same objects, whatever was imported when."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.programs import predictor_of, run
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

ROWS = np.ones((2, 4), "float32")


def held(paddle: Any) -> dict[str, Any]:
    """Return what the patched modules and classes hold themselves."""
    inference, core = paddle.inference, paddle.base.core
    found: dict[str, Any] = {
        f"{owner.__name__}.{name}": vars(owner)[name]
        for owner, names in (
            (inference, ("create_predictor",)),
            (core, ("create_predictor", "create_paddle_predictor")),
            (inference.Predictor, ("__init__", "run", "clone")),
            (inference.PredictorPool, ("__init__", "retrieve", "retrive")),
            (core.AnalysisPredictor, ("run", "zero_copy_run", "clone")),
        )
        for name in names
        if name in vars(owner)
    }
    decorator = sys.modules.get("paddle.incubate.jit.inference_decorator")
    if decorator is not None:
        found["decorator"] = vars(decorator)["create_predictor"]
    return found


def test_the_very_same_objects_come_back(recorder: Recorder, paddle: Any) -> None:
    """Everything that was patched is what it was, and was patched in between."""
    before = held(paddle)
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    during = held(paddle)
    instrumentor.uninstrument()
    after = held(paddle)
    assert before.keys() == during.keys() == after.keys()
    assert [key for key, value in during.items() if value is before[key]] == []
    assert [key for key, value in after.items() if value is not before[key]] == []
    for method in ("__init__", "run"):
        assert type(after[f"PaddleInferPredictor.{method}"]).__name__ == "instancemethod"


def test_predictors_work_on_after_switching_off(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """A method that was bound while patched falls through; nothing more is recorded."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    predictor = predictor_of(paddle, classifier)
    bound = predictor.run
    (during,) = run(predictor, ROWS)
    instrumentor.uninstrument()
    bound()
    (after,) = run(predictor, ROWS)
    assert after.tobytes() == during.tobytes()
    assert recorder.point("paddle.prediction.duration").count == 1


def test_a_name_is_kept_while_switched_off(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """Switched on again, a predictor of before is still known."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    predictor = predictor_of(paddle, classifier)
    instrumentor.uninstrument()
    instrumentor.instrument(**recorder.providers)
    run(predictor, ROWS)
    instrumentor.uninstrument()
    assert recorder.point("paddle.prediction.duration").attributes["paddle.model.name"] == "scores"


def test_switched_off_by_its_setting_nothing_is_patched(
    recorder: Recorder, paddle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PADDLE_OTEL_ENABLED=false`` costs a run nothing at all."""
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", "false")
    before = held(paddle)
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    during = held(paddle)
    instrumentor.uninstrument()
    assert [key for key, value in during.items() if value is not before[key]] == []


def test_predictors_copy_and_pickle_as_unpatched(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Paddle's predictors can be neither; we do not change that, nor take attributes."""
    predictor = predictor_of(paddle, classifier)
    run(predictor, ROWS)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(predictor)
    with pytest.raises(AttributeError):
        predictor.anything = 1
    assert observed.point("paddle.prediction.duration").count == 1


SCRIPT = """
import zlib
from pathlib import Path
import sys

sys.path.insert(0, sys.argv[1])
import numpy as np

from inference.programs import predictor_of, run
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

assert "paddle" not in sys.modules
recorder = Recorder()
PaddleInferenceInstrumentor().instrument(**recorder.providers)
assert "paddle" not in sys.modules
import paddle
from paddle.inference import Config, create_predictor  # bound by name, after the instrumentor

path = Path(sys.argv[2])
run(predictor_of(paddle, path), np.ones((2, 4), "float32"))
files = sorted(file for file in path.parent.iterdir() if file.suffix in (".json", ".pdmodel"))
run(create_predictor(Config(str(files[0]), str(path.with_suffix(".pdiparams")))), np.ones((2, 4), "float32"))
print([span.name for span in recorder.spans() if span.name.startswith("load_model")])
print(recorder.point("paddle.prediction.duration").count)
PaddleInferenceInstrumentor().uninstrument()
names = ("paddle.inference", "paddle.base.core", "paddle.incubate.jit.inference_decorator")
modules = [sys.modules[name] for name in names if name in sys.modules]
print({module.create_predictor is paddle.base.libpaddle.create_predictor for module in modules})
"""


def test_instrumented_before_paddle_is_imported(classifier: Path) -> None:
    """As ``opentelemetry-instrument`` does it: names bound later are seen too, each load once; all come back."""
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, tests, str(classifier)]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    assert completed.stdout.splitlines()[-3:] == ["['load_model scores', 'load_model scores']", "2", "{True}"]
