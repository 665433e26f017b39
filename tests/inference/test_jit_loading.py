"""``paddle.jit.load``: its span and metrics, and the name that a layer keeps."""

import copy
import gc
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from inference.jit_programs import bits, inside, request, rows, switched_on
from inference.programs import raised_by
from paddle_otel.operations.model_load import inside_model_load
from paddle_otel.operations.model_naming import ModelNaming, model_naming
from recording import Recorder

LABELS = {"paddle.model.name": "scores", "paddle.model.kind": "jit_layer"}


def _states(recorder: Recorder) -> dict[str, float]:
    return {point.attributes["paddle.model.state"]: point.value for point in recorder.points("paddle.model.state")}


def _named(recorder: Recorder, name: str) -> Mapping[str, Any]:
    return recorder.span(f"predict {name}").attributes or {}


def test_a_load_is_a_span_a_duration_and_a_state(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The model is named by the last part of its path that tells models apart."""
    layer = paddle.jit.load(str(classifier))
    span = observed.span("load_model scores")
    assert dict(span.attributes or {}) == {**LABELS, "paddle.device": "cpu"}
    assert span.status.status_code is StatusCode.UNSET
    point = observed.point("paddle.model.load.duration")
    assert (dict(point.attributes), point.count) == (LABELS, 1)
    assert _states(observed) == {"loading": 0, "ready": 1, "failed": 0, "unloaded": 0}
    del layer
    gc.collect()
    assert _states(observed) == {"loading": 0, "ready": 0, "failed": 0, "unloaded": 1}


def test_a_failed_load_raises_what_it_raises(recorder: Recorder, paddle: Any, tmp_path: Path) -> None:
    """The exception is the plain one; span, duration and state tell of it."""
    missing = str(tmp_path / "nothing")
    plain = raised_by(paddle.jit.load, missing)
    with switched_on(recorder):
        seen = raised_by(paddle.jit.load, missing)
    assert (type(seen), str(seen)) == (type(plain), str(plain))
    span = recorder.span("load_model nothing")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert recorder.point("paddle.model.load.duration").attributes["error.type"] == "ValueError"


def test_a_file_of_a_folder_names_the_model(observed: Recorder, paddle: Any, classifier: Path, tmp_path: Path) -> None:
    """A path without a file of its own is a folder; the file in it is named beside it."""
    for name in ("det", "model"):
        folder = tmp_path / f"{name}_folder"
        shutil.copytree(classifier.parent, folder)
        for file in tuple(folder.iterdir()):
            file.rename(file.with_name(file.name.replace("inference", name)))
        program = next(file.name for file in folder.iterdir() if file.suffix in (".json", ".pdmodel"))
        paddle.jit.load(str(folder), model_filename=program, params_filename=f"{name}.pdiparams")
    assert [span.name for span in observed.spans()] == ["load_model det", "load_model model_folder"]


def test_a_library_may_name_its_model(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """What the library calls it stands on the load and on every prediction, with what else it says."""
    token = model_naming().set(ModelNaming("PP-Test", {"paddle.pipeline.module": "text_detection"}))
    layer = paddle.jit.load(path=str(classifier))
    model_naming().reset(token)
    with request(observed):
        layer(rows(paddle))
    load = observed.span("load_model PP-Test").attributes or {}
    for attributes in (load, _named(observed, "PP-Test")):
        assert attributes["paddle.model.name"] == "PP-Test"
        assert attributes["paddle.pipeline.module"] == "text_detection"


def test_a_load_inside_a_load_is_part_of_it(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """It has no span of its own, but its layer has its name."""
    with inside(inside_model_load()):
        layer = paddle.jit.load(str(classifier))
    assert observed.spans() == []
    with request(observed):
        layer(rows(paddle))
    assert _named(observed, "scores")["paddle.model.name"] == "scores"


def test_a_layer_from_before_has_no_name(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """A name that nobody saw is not guessed."""
    layer = paddle.jit.load(str(classifier))
    with switched_on(recorder), request(recorder):
        layer(rows(paddle))
    attributes = _named(recorder, "unknown")
    assert attributes["paddle.model.name"] == "unknown"
    assert attributes["paddle.prediction.input.names"] == ("features",)


def test_a_name_outlives_switching_off_and_on(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """A layer is loaded once, and may be used after the instrumentor was switched off for a while."""
    with switched_on(recorder):
        layer = paddle.jit.load(str(classifier))
    with switched_on(recorder), request(recorder):
        layer(rows(paddle))
    assert _named(recorder, "scores")["paddle.model.name"] == "scores"


def test_a_copy_has_no_name(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Copying is what it is without us; that a copy still is the model that was loaded, nobody knows."""
    layer = paddle.jit.load(str(classifier))
    copied = copy.copy(layer)
    with request(observed):
        assert bits(copied(rows(paddle))) == bits(layer(rows(paddle)))
    assert [span.name for span in observed.spans()] == [
        "load_model scores",
        "predict unknown",
        "predict scores",
        "request",
    ]


def test_static_mode_refuses_as_it_does(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """``paddle.jit.load`` works in dynamic mode only, and says so itself."""
    paddle.enable_static()
    try:
        with pytest.raises(AssertionError):
            paddle.jit.load(str(classifier))
    finally:
        paddle.disable_static()
    assert (observed.span("load_model scores").attributes or {})["error.type"] == "AssertionError"
