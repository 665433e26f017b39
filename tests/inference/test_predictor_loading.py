"""How predictors are made: a load with what the configuration says, and the name that every run carries."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from inference.programs import config_of, predictor_of, program_file, raised_by, run, save_legacy_classifier
from observed import returning
from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_otel.inference.predictor_config import origin_of
from paddle_otel.operations.model_load import inside_model_load
from paddle_otel.operations.model_naming import ModelNaming, model_naming
from paddle_otel.operations.telemetry import Telemetry
from recording import Recorder

ROWS = np.ones((2, 4), "float32")
LABELS = {"paddle.model.name": "scores", "paddle.model.kind": "predictor"}
ON_CPU = {
    **LABELS,
    "paddle.device": "cpu",
    "paddle.inference.ir_optimization": True,
    "paddle.inference.cpu_threads": 1,
    "paddle.inference.onednn": False,
    "paddle.inference.tensorrt": False,
}


@pytest.fixture(autouse=True)
def _every_run_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")


def test_a_load_says_how_the_predictor_was_made(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """The attributes are the configuration's; the duration and the state are by name."""
    predictor = predictor_of(paddle, classifier)
    span = observed.span("load_model scores")
    assert dict(span.attributes or {}) == ON_CPU
    assert observed.point("paddle.model.load.duration").attributes == LABELS
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 1
    del predictor
    gc.collect()
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 0
    assert observed.point("paddle.model.state", paddle__model__state="unloaded").value == 1


def test_what_the_configuration_changes_is_told(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """IR optimisation, threads and oneDNN as they were set."""
    config = config_of(paddle, classifier)
    config.switch_ir_optim(False)
    config.set_cpu_math_library_num_threads(2)
    config.enable_mkldnn()
    paddle.inference.create_predictor(config)
    changed = {
        "paddle.inference.ir_optimization": False,
        "paddle.inference.cpu_threads": 2,
        "paddle.inference.onednn": True,
    }
    assert dict(observed.span("load_model scores").attributes or {}) == {**ON_CPU, **changed}


def test_a_configuration_that_changes_afterwards_changes_nothing(
    observed: Recorder, paddle: Any, classifier: Path, tmp_path: Path
) -> None:
    """What was read is what the predictor was made from."""
    config = config_of(paddle, classifier)
    predictor = paddle.inference.create_predictor(config)
    config.set_prog_file(str(tmp_path / "other.pdmodel"))
    run(predictor, ROWS)
    assert observed.spans("predict scores")


def test_the_folder_form_names_the_folder(paddle: Any, classifier: Path) -> None:
    """A configuration made from a folder or a path without extension; not every version of Paddle runs these."""
    for path in (classifier.parent, classifier):
        assert origin_of(paddle.inference.Config(str(path))).name == "scores"


def test_a_path_that_is_set_later_names_the_model(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A configuration made without a path and given one afterwards is named the same way."""
    config = paddle.inference.Config()
    config.set_model(str(program_file(classifier)), str(classifier.with_suffix(".pdiparams")))
    config.disable_mkldnn()
    run(paddle.inference.create_predictor(config), ROWS)
    assert observed.spans("predict scores")


def test_the_legacy_format_is_observed_alike(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """A program in the format before Paddle 3.0 is named by its path too."""
    save_legacy_classifier(tmp_path / "old" / "inference")
    config = paddle.inference.Config(str(tmp_path / "old/inference.pdmodel"), str(tmp_path / "old/inference.pdiparams"))
    config.disable_mkldnn()
    (scores,) = run(paddle.inference.create_predictor(config), ROWS)
    assert scores.shape == (2, 2)
    assert (observed.span("predict old").attributes or {})["paddle.batch_size"] == 2


def test_a_program_from_memory_has_no_name(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """Where a configuration holds the program itself in place of its path, not a byte of it is told."""
    save_legacy_classifier(tmp_path / "old" / "inference")
    program, weights = ((tmp_path / f"old/inference.{kind}").read_bytes() for kind in ("pdmodel", "pdiparams"))
    config = paddle.inference.Config()
    config.set_model_buffer(program, len(program), weights, len(weights))
    config.disable_mkldnn()
    run(paddle.inference.create_predictor(config), ROWS)
    assert "paddle.model.name" not in (observed.span("load_model").attributes or {})
    assert (observed.span("predict unknown").attributes or {})["paddle.model.name"] == "unknown"
    assert observed.points("paddle.model.state") == []


def test_a_librarys_name_goes_before_the_paths(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A library that names the model it is loading gives every run its name and its attributes."""
    token = model_naming().set(ModelNaming("PP-OCRv4_rec", {"paddle.pipeline.module": "text_recognition"}))
    predictor = predictor_of(paddle, classifier)
    model_naming().reset(token)
    run(predictor, ROWS)
    load, prediction = observed.span("load_model PP-OCRv4_rec"), observed.span("predict PP-OCRv4_rec")
    assert (load.attributes or {})["paddle.pipeline.module"] == "text_recognition"
    assert (prediction.attributes or {})["paddle.pipeline.module"] == "text_recognition"
    assert observed.point("paddle.prediction.duration").attributes == {**LABELS, "paddle.model.name": "PP-OCRv4_rec"}


def test_a_load_inside_a_load_is_part_of_it_and_still_named(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A pipeline that loads its models reports one load; their runs carry their names."""
    token = inside_model_load().set(True)
    predictor = predictor_of(paddle, classifier)
    inside_model_load().reset(token)
    assert observed.spans() == []
    run(predictor, ROWS)
    assert observed.spans("predict scores")


def test_a_load_that_fails_is_an_error(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """Paddle's exception reaches the caller; the load is marked and ends."""
    (tmp_path / "broken").mkdir()
    files = [tmp_path / f"broken/model.{kind}" for kind in ("pdmodel", "pdiparams")]
    for file in files:
        file.touch()
    error = raised_by(paddle.inference.create_predictor, paddle.inference.Config(*map(str, files)))
    assert type(error) is IndexError
    span = observed.span("load_model broken")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "IndexError"
    assert observed.point("paddle.model.state", paddle__model__state="failed").value == 1
    assert inside_model_load().get() is False


def test_a_used_up_configuration_fails_as_without_us(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A configuration serves one predictor; reading it changes nothing about that."""
    config = config_of(paddle, classifier)
    first = paddle.inference.create_predictor(config)
    error = raised_by(paddle.inference.create_predictor, config)
    assert "can only be used for one predictor" in str(error)
    run(first, ROWS)
    assert [span.status.status_code.name for span in observed.spans("load_model scores")] == ["UNSET", "ERROR"]


@pytest.mark.parametrize("argument", [(), (5,)])
def test_a_call_without_configuration_fails_as_without_us(
    observed: Recorder, paddle: Any, argument: tuple[Any, ...]
) -> None:
    """The same ``TypeError``; what is no configuration is not described."""
    error = raised_by(paddle.inference.create_predictor, *argument)
    assert type(error) is TypeError
    assert (observed.span("load_model").attributes or {})["error.type"] == "TypeError"


def test_every_name_that_paddle_has_for_it_is_seen(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """``paddle.base.core.create_predictor`` makes the same predictors."""
    run(paddle.base.core.create_predictor(config_of(paddle, classifier)), ROWS)
    assert len(observed.spans("load_model scores")) == 1
    assert len(observed.spans("predict scores")) == 1


@pytest.mark.parametrize("subclass", [False, True])
def test_a_predictor_made_by_its_class(observed: Recorder, paddle: Any, classifier: Path, *, subclass: bool) -> None:
    """``Predictor(config)`` is a load like any other, a class of the program's own too; clones carry the name on."""
    base: Any = paddle.inference.Predictor

    class Own(base):
        def __init__(self, config: Any, note: str) -> None:
            base.__init__(self, config)
            self.note = note

    config = config_of(paddle, classifier)
    predictor = Own(config, "mine") if subclass else base(config)
    assert dict(observed.span("load_model scores").attributes or {}) == ON_CPU
    (scores,) = run(predictor, ROWS)
    run(predictor.clone(), ROWS)
    assert scores.shape == (2, 2)
    assert [span.name for span in observed.spans()] == ["load_model scores", "predict scores", "predict scores"]
    assert observed.point("paddle.model.load.duration").count == 1
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 1
    del predictor
    gc.collect()
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 0


def test_create_predictor_is_one_load(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """It does not go through the class."""
    predictor_of(paddle, classifier)
    assert len(observed.spans("load_model scores")) == 1
    assert observed.point("paddle.model.load.duration").count == 1


@pytest.mark.parametrize("argument", [(), (5,)])
def test_a_class_that_is_called_without_configuration(
    observed: Recorder, paddle: Any, argument: tuple[Any, ...]
) -> None:
    """The same ``TypeError`` as without us."""
    error = raised_by(paddle.inference.Predictor, *argument)
    assert type(error) is TypeError
    assert "incompatible" in str(error)
    assert (observed.span("load_model").attributes or {})["error.type"] == "TypeError"


def test_the_oldest_configuration_is_not_read(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """Its fields are values, not methods; Paddle's own exception reaches the caller."""
    config = paddle.base.core.NativeConfig()
    config.model_dir = str(tmp_path / "nothing")
    error = raised_by(paddle.base.core.create_paddle_predictor, config)
    assert "nothing" in str(error)
    attributes = dict(observed.span("load_model").attributes or {})
    assert (attributes["error.type"], "paddle.model.name" in attributes) == (type(error).__name__, False)


def test_a_model_that_was_loaded_before_the_sdk_came_is_named(
    paddle: Any, classifier: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an SDK nothing is measured, but the name is kept for when there is one."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    try:
        with monkeypatch.context() as before:
            before.setattr(Telemetry, "is_idle", returning(value=True))
            predictor = predictor_of(paddle, classifier)
            run(predictor, ROWS)
        assert recorder.spans() == []
        run(predictor, ROWS)
    finally:
        instrumentor.uninstrument()
    assert len(recorder.spans("predict scores")) == 1


def test_a_configuration_without_a_program(observed: Recorder, paddle: Any) -> None:
    """Paddle makes something of it that must not be asked for anything: it would end the process."""
    made = [paddle.inference.create_predictor(paddle.inference.Config()) for _ in range(2)]
    assert [type(one).__name__ for one in made] == ["PaddleInferPredictor"] * 2
    assert len(observed.spans("load_model")) == 2
