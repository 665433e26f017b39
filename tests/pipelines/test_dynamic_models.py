"""Models of PaddleX's engine ``paddle_dynamic``: networks in place of predictors."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from budgeted import budget, used
from docs.generators import generator
from paddle_otel.budgets import BudgetExceeded
from paddle_otel.paddlex import PaddleXInstrumentor
from pipelines.dynamic_models import ORIENTATION, write_classifier, write_language_model
from pipelines.own_pipelines import BasePipeline
from recording import Recorder

# PaddleX calls what Paddle 3.3 has moved.
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*swiglu. is deprecated")

PICTURE = np.full((60, 200, 3), 200, "uint8")


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


@pytest.fixture(scope="session")
def paddle(paddleocr: Any) -> Any:
    """Paddle."""
    assert paddleocr
    return importlib.import_module("paddle")


@pytest.fixture(scope="session")
def classifier(paddle: Any, paddlex: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier of pictures."""
    assert paddlex
    folder = tmp_path_factory.mktemp("dynamic") / "which-way-up"
    write_classifier(paddle, folder)
    return folder


@pytest.fixture
def language_model(paddle: Any, observed: Recorder, tmp_path: Path) -> Any:
    """A language model of PaddleX, loaded while it is observed."""
    model = write_language_model(paddle, tmp_path / "PP-Tiny").from_pretrained(str(tmp_path / "PP-Tiny"))
    model.eval()
    assert attributes_of(observed.span("load_model PP-Tiny")) == {
        "paddle.model.name": "PP-Tiny",
        "paddle.model.kind": "pretrained_model",
        "paddle.model.class": "Qwen2ForCausalLM",
    }
    observed.clear_spans()
    return model


def on_the_page(of: str) -> set[str]:
    """Return the attributes that PaddleX's page lists for one kind of span."""
    (emitted,) = [one for one in generator("emitted_by_library").LIBRARIES["paddlex"].spans if one.kind.of == of]
    return {name for name, _, _ in emitted.attributes()}


def generate(paddle: Any, model: Any, new_tokens: int = 5) -> list[list[int]]:
    """Return the ids that a model writes after a prompt of four."""
    ids = paddle.to_tensor([[1, 5, 6, 7]])
    options = {"max_new_tokens": new_tokens, "eos_token_id": 101, "pad_token_id": 0}
    return model.generate(ids, attention_mask=paddle.ones_like(ids), **options)[0].tolist()


def test_a_single_model(observed: Recorder, paddlex: Any, classifier: Path) -> None:
    """One load and one prediction, named after the folder, below the call of the model."""
    model = paddlex.create_model(ORIENTATION, model_dir=str(classifier), device="cpu", engine="paddle_dynamic")
    assert attributes_of(observed.span("load_model which-way-up")) == {
        "paddle.model.name": "which-way-up",
        "paddle.model.kind": "pretrained_model",
        "paddle.model.class": "PPLCNet",
    }
    observed.clear_spans()
    assert len(list(model.predict([PICTURE] * 2, batch_size=2))) == 2
    (prediction,) = observed.children(observed.span(f"pipeline {ORIENTATION}"))
    assert prediction.name == "predict which-way-up"
    assert attributes_of(prediction) == {
        "paddle.model.name": "which-way-up",
        "paddle.model.kind": "pretrained_model",
        "paddle.device": "cpu",
        "paddle.dtype": "float32",
        "paddle.prediction.output.leading_dimensions": (2,),
    }
    assert attributes_of(prediction).keys() <= on_the_page("a prediction")
    labels = {"paddle.model.name": "which-way-up", "paddle.model.kind": "pretrained_model"}
    assert observed.point("paddle.prediction.duration").attributes == labels
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 1


def test_the_model_of_a_pipeline(observed: Recorder, classifier: Path) -> None:
    """It has the name that the pipeline gives it, whatever its folder is called."""
    part = {"model_name": ORIENTATION, "module_name": "textline_orientation", "model_dir": str(classifier)}
    model = BasePipeline.create_model(_Part(device="cpu", engine="paddle_dynamic"), part)
    assert [span.name for span in observed.spans()] == [f"load_model {ORIENTATION}"]
    observed.clear_spans()
    assert len(list(model([PICTURE]))) == 1
    assert [span.name for span in observed.spans()] == [f"predict {ORIENTATION}"]


class _Part(BasePipeline):
    """A pipeline of nothing."""

    def predict(self, input: Any, **_: Any) -> None:  # noqa: A002 - PaddleX's name
        """Never called."""


def test_generate_is_one_generation(observed: Recorder, paddle: Any, language_model: Any) -> None:
    """With its tokens, its steps and their times; the calls of the model inside are no predictions."""
    assert [len(row) for row in generate(paddle, language_model)] == [5]
    assert [span.name for span in observed.spans()] == ["prefill", "decode", "text_completion PP-Tiny"]
    found = attributes_of(observed.span("text_completion PP-Tiny"))
    assert found.keys() <= on_the_page("a generation")
    assert found.pop("paddle.time_to_first_token") > 0
    assert found.pop("paddle.time_per_output_token") > 0
    counts = {key: value for key, value in found.items() if "token" in key or "finish" in key}
    assert counts == {
        "gen_ai.request.max_tokens": 5,
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 5,
        "paddle.sequences.output_tokens": (5,),
        "gen_ai.response.finish_reasons": ("length",),
    }
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 5
    assert observed.points("paddle.prediction.duration") == []


def test_the_same_ids_with_and_without(recorder: Recorder, paddle: Any, language_model: Any) -> None:
    """Switched off, the same model writes the same, and nothing more is recorded."""
    during = generate(paddle, language_model)
    PaddleXInstrumentor().uninstrument()
    assert generate(paddle, language_model) == during
    assert len(recorder.spans("text_completion PP-Tiny")) == 1


def test_a_budget_ends_it_where_it_is_used_up(observed: Recorder, paddle: Any, language_model: Any) -> None:
    """After the step that used it up; where nothing is left a call is refused before the model runs."""
    with budget(3, "stop", scope="process") as name:
        assert [len(row) for row in generate(paddle, language_model, 20)] == [3]
        assert used(name) == 3
    assert attributes_of(observed.span("text_completion PP-Tiny"))["paddle.budget.name"] == name
    with budget(0, "refuse", scope="process"), pytest.raises(BudgetExceeded):
        generate(paddle, language_model)


def test_a_call_of_the_model_itself(observed: Recorder, paddle: Any, language_model: Any) -> None:
    """Outside ``generate`` it is a prediction with its tokens; in training it is none."""
    ids = paddle.to_tensor([[1, 5, 6, 7], [1, 5, 6, 7]])
    with paddle.no_grad():
        language_model(input_ids=ids, attention_mask=paddle.to_tensor([[1, 1, 1, 1], [1, 1, 0, 0]]))
    found = attributes_of(observed.span("predict PP-Tiny"))
    assert (found["paddle.batch_size"], found["gen_ai.usage.input_tokens"]) == (2, 6)
    language_model.train()
    language_model(input_ids=ids)
    assert len(observed.spans()) == 1
