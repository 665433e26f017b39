"""Switching on and off, suppression, no SDK, and broken telemetry, for loaded layers."""

import copy
import importlib
import pickle
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from inference.jit_programs import bits, predictions, request, rows, switched_on
from observed import raising, returning
from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_otel.inference.jit_static_values import CallValues
from paddle_otel.operations.model_load import ModelLoads
from paddle_otel.operations.prediction import Prediction
from paddle_otel.operations.telemetry import Telemetry
from recording import Recorder


def _functions(paddle: Any) -> list[Any]:
    return [vars(module)["load"] for module in (paddle.jit, importlib.import_module("paddle.jit.api"))]


def test_switching_off_restores_the_very_same_objects(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """Both names of ``load`` are the function they were; the inherited ``__call__`` is inherited again."""
    kind = cast("Any", type(paddle.jit.load(str(classifier))))
    before, call = _functions(paddle), paddle.nn.Layer.__call__
    with switched_on(recorder):
        assert all(now is not then for now, then in zip(_functions(paddle), before, strict=True))
        assert "__call__" in vars(kind)
        assert paddle.nn.Layer.__call__ is call
    assert all(now is then for now, then in zip(_functions(paddle), before, strict=True))
    assert "__call__" not in vars(kind)
    assert kind.__call__ is call


def test_both_names_of_load_are_seen(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """One load is one span, whichever module it was imported from."""
    for load in _functions(paddle):
        load(str(classifier))
    assert [span.name for span in observed.spans()] == ["load_model scores"] * 2


def test_switched_off_nothing_is_reported(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """A layer that was loaded while it was on is an ordinary layer afterwards."""
    with switched_on(recorder):
        layer = paddle.jit.load(str(classifier))
        kept = layer.__call__
    layer(rows(paddle))
    kept(rows(paddle))
    assert predictions(recorder) == 0


def test_suppressed_nothing_is_reported(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """OpenTelemetry's own way to be left alone."""
    with suppress_instrumentation():
        layer = paddle.jit.load(str(classifier))
        layer(rows(paddle))
    assert observed.spans() == []
    assert predictions(observed) == 0


def test_without_an_sdk_nothing_is_started(paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a load nor a prediction: what is broken in them is not even noticed."""
    plain = bits(paddle.jit.load(str(classifier))(rows(paddle)))
    for owner, name in ((ModelLoads, "start"), (Prediction, "__init__")):
        monkeypatch.setattr(owner, name, raising(ZeroDivisionError("started without an SDK")))
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument()
    try:
        assert bits(paddle.jit.load(str(classifier))(rows(paddle))) == plain
    finally:
        instrumentor.uninstrument()


def test_without_an_sdk_the_name_is_remembered(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SDK may be configured after the model was loaded."""
    with switched_on(recorder):
        with monkeypatch.context() as before:
            before.setattr(Telemetry, "is_idle", returning(value=True))
            layer = paddle.jit.load(str(classifier))
            layer(rows(paddle))
        assert recorder.spans() == []
        assert predictions(recorder) == 0
        with request(recorder):
            layer(rows(paddle))
    assert [span.name for span in recorder.spans()] == ["predict scores", "request"]


def test_a_name_alone_makes_no_span_below_nothing(
    recorder: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prediction that is short and not part of a trace is counted and timed only."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPAN_MINIMUM", "600")  # however slow this machine is
    with switched_on(recorder):
        layer = paddle.jit.load(str(classifier))
        recorder.clear_spans()
        for _ in range(3):
            layer(rows(paddle))
    assert recorder.spans() == []
    assert predictions(recorder) == 3


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Prediction, "__init__"), (ModelLoads, "start"), (CallValues, "shapes"), (CallValues, "__init__")],
)
def test_broken_telemetry_leaves_load_and_call_alone(
    observed: Recorder,
    paddle: Any,
    classifier: Path,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Any,
    owner: type,
    name: str,
) -> None:
    """A bug of ours costs what it would have reported, nothing else."""
    telemetry_trouble.expected = True
    with suppress_instrumentation():
        plain = bits(paddle.jit.load(str(classifier))(rows(paddle)))
    broken = raising(ZeroDivisionError("a bug"))
    monkeypatch.setattr(owner, name, broken)
    with request(observed):
        assert bits(paddle.jit.load(str(classifier))(rows(paddle))) == plain
    assert telemetry_trouble.sites


def test_a_load_that_cannot_be_observed_still_names_its_layer(
    observed: Recorder, paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """What is broken is the span of the load only."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(ModelLoads, "start", raising(ZeroDivisionError("a bug")))
    layer = paddle.jit.load(str(classifier))
    with request(observed):
        layer(rows(paddle))
    assert [span.name for span in observed.spans()] == ["predict scores", "request"]


def test_layers_copy_and_fail_to_pickle_as_they_do(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """What works without us works with us, and what fails fails the same way."""
    layer = paddle.jit.load(str(classifier))

    def outcome(action: Any) -> tuple[object, str]:
        try:
            return type(cast("object", action(layer))), ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is to be the same
            return type(error), str(error)

    actions = (copy.copy, copy.deepcopy, pickle.dumps)
    plain = [outcome(action) for action in actions]
    with switched_on(recorder):
        assert [outcome(action) for action in actions] == plain


def test_what_two_modules_export_is_pickled(observed: Recorder, paddle: Any) -> None:
    """As without us, by name: for a pool of processes, say."""
    assert observed.spans() == []
    for function in (paddle.jit.load, paddle.static.load_inference_model):
        assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301 - our own
