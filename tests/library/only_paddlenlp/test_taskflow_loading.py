"""Loading a Taskflow: a span around the loads of its models, its state, and the name that its programs go by."""

import gc
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode

import stacks
from library.expected import attributes_of, seconds, typed
from library.only_paddlenlp import own_task
from library.only_paddlenlp.conftest import CLASSIFIER
from paddle_otel.operations.model_naming import ModelNaming, model_naming
from paddle_otel.paddlenlp.taskflow_facts import taskflow_source
from recording import Recorder

KIND = {"paddle.model.kind": "pipeline"}
DURATION = "paddle.model.load.duration"
NONE = {"loading": 0, "ready": 0, "failed": 0, "unloaded": 0}


def states(observed: Recorder, name: str) -> dict[str, float]:
    """Return how many Taskflows whose model has a name are in each state."""
    return {
        str(point.attributes["paddle.model.state"]): point.value
        for point in observed.points("paddle.model.state")
        if {"paddle.model.name": name, **KIND}.items() <= point.attributes.items()
    }


def test_a_taskflow_is_loaded(observed: Recorder, taskflow: Callable[..., Any], classifier_folder: Path) -> None:
    """A span named after the last component of the path, and a duration; it is ready, and then gone."""
    loaded = taskflow("text_classification", task_path=str(classifier_folder))
    (span,) = [span for span in observed.spans() if span.parent is None]
    assert span.name == f"load_model {CLASSIFIER}"
    assert span.status.status_code is StatusCode.UNSET
    assert typed(attributes_of(span)) == typed(
        {
            **KIND,
            "paddle.model.name": CLASSIFIER,
            "paddle.model.class": "Taskflow",
            "paddle.pipeline.name": "text_classification",
            "paddle.pipeline.library": "paddlenlp",
        }
    )
    duration = observed.point(DURATION, **{key.replace(".", "__"): value for key, value in KIND.items()})
    assert dict(duration.attributes) == {**KIND, "paddle.model.name": CLASSIFIER}
    assert (duration.count, duration.value) == (1, pytest.approx(seconds(span), abs=2e-9))
    assert states(observed, CLASSIFIER) == {**NONE, "ready": 1}
    del loaded
    gc.collect()
    assert states(observed, CLASSIFIER) == {**NONE, "unloaded": 1}


def test_the_weights_are_loaded_in_it(
    observed: Recorder, taskflow: Callable[..., Any], classifier_folder: Path, tmp_path: Path
) -> None:
    """Its tokenizer, and the first time the model itself, which the Taskflow exports: loads inside the load."""
    for file in classifier_folder.iterdir():
        if file.is_file() and not file.name.startswith("."):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    taskflow("text_classification", task_path=str(tmp_path))
    (span,) = [span for span in observed.spans() if span.parent is None]
    kinds = sorted(str(attributes_of(child)["paddle.model.kind"]) for child in observed.children(span))
    assert kinds == ["pretrained_model", "tokenizer"]
    assert {child.name for child in observed.children(span)} == {f"load_model {tmp_path.name}"}


FAILURES: dict[str, tuple[tuple[Any, ...], dict[str, Any], str, str | None]] = {
    "no such task": (("no_such_task",), {}, "AssertionError", None),
    "no such mode": (("ner",), {"mode": "no-such-mode"}, "AssertionError", "no-such-mode"),
    "no such folder": (
        ("text_classification",),
        {"task_path": "/no/such/folder", "is_static_model": True},
        "FileNotFoundError",
        "folder",
    ),
    "no task": ((), {}, "TypeError", None),
    "not a task": ((5,), {}, "AssertionError", None),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_load_fails_as_it_does(name: str, observed: Recorder, taskflow: Callable[..., Any]) -> None:
    """The library's own exception; the span carries its class; the model's state is failed where it has a name."""
    args, kwargs, error, model = FAILURES[name]
    with pytest.raises(Exception, match=r".+") as raised:
        taskflow(*args, **kwargs)
    assert type(raised.value).__name__ == error
    (span,) = observed.spans()
    assert span.name == (f"load_model {model}" if model else "load_model")
    assert (span.status.status_code, attributes_of(span)["error.type"]) == (StatusCode.ERROR, error)
    assert attributes_of(span).get("paddle.pipeline.name") == (args[0] if args and isinstance(args[0], str) else None)
    if model:
        assert states(observed, model) == {**NONE, "failed": 1}
    assert observed.point(DURATION, error__type=error).attributes.get("paddle.model.name") == model


@pytest.mark.parametrize(
    ("args", "kwargs", "model"),
    [
        (("word_segmentation",), {"mode": "fast"}, "fast"),
        (("word_segmentation",), {}, "lac"),
        (("word_segmentation", None, "accurate"), {}, "wordtag"),
        (("ner",), {}, "wordtag"),
        (("ner",), {"mode": "fast"}, "lac"),
        (("information_extraction",), {"model": "uie-nano"}, "uie-nano"),
        (("information_extraction", "uie-nano"), {}, "uie-nano"),
        (("information_extraction",), {"task_path": "./a/my-uie/"}, "my-uie"),
        (("feature_extraction",), {"model": "rocketqa-zh-dureader-para-encoder"}, "rocketqa-zh-dureader-para-encoder"),
        ((), {"task": "sentiment_analysis"}, "bilstm"),
        (("text_classification",), {"mode": "prompt", "task_path": "C:\\models\\mine"}, "mine"),
    ],
)
def test_the_model_is_the_one_that_the_library_takes(
    args: tuple[Any, ...], kwargs: dict[str, Any], model: str, taskflow: Callable[..., Any]
) -> None:
    """The caller's, else the task's own; of a mode the model that it reads; of a path its last component."""
    assert taskflow
    task = args[0] if args else kwargs["task"]
    assert taskflow_source(args, kwargs) == (task, model)


def test_programs_are_named_after_the_task_s_model(
    observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it loads, also where the load is not observed; before and after, nothing is named."""
    names: list[ModelNaming | None] = []
    own_task.register(monkeypatch, lambda given: given, lambda: names.append(model_naming().get()))
    taskflow(own_task.TASK)
    assert names == [ModelNaming(own_task.MODEL)]
    with suppress_instrumentation():
        taskflow(own_task.TASK)
    assert names == [ModelNaming(own_task.MODEL), None]
    assert model_naming().get() is None
    assert len(observed.spans()) == 1


def test_a_failing_load_names_nothing_afterwards(
    observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception, even one that ends the program, takes the name away."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    own_task.register(monkeypatch, lambda given: given, interrupted)
    with pytest.raises(KeyboardInterrupt):
        taskflow(own_task.TASK)
    assert model_naming().get() is None
    assert attributes_of(observed.span(f"load_model {own_task.MODEL}"))["error.type"] == "KeyboardInterrupt"


def test_a_taskflow_that_loads_another(
    observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inner load is a child; its programs have its name, those behind it the outer one's again."""
    names: list[ModelNaming | None] = []

    def load() -> None:
        taskflow("word_segmentation", mode="fast")
        names.append(model_naming().get())

    own_task.register(monkeypatch, lambda given: given, load)
    taskflow(own_task.TASK)
    (inner,) = observed.children(observed.span(f"load_model {own_task.MODEL}"))
    assert inner.name == "load_model fast"
    assert names == [ModelNaming(own_task.MODEL)]


def test_a_taskflow_that_a_model_loads(
    observed: Recorder, stack: stacks.Stack, taskflow: Callable[..., Any], classifier_folder: Path
) -> None:
    """Inside ``from_pretrained`` it is part of the model's load: one span."""
    base: Any = stack.module("transformers").BertForSequenceClassification

    class OwnModel(base):
        def __init__(self, config: Any) -> None:
            base.__init__(self, config)
            self.words = taskflow("word_segmentation", mode="fast")

    assert OwnModel.from_pretrained(str(classifier_folder)).words("北京") == ["北京"]
    (load,) = [span for span in observed.spans() if span.name.startswith("load_model")]
    assert attributes_of(load)["paddle.model.class"] == "OwnModel"


def test_a_subclass_is_named(observed: Recorder) -> None:
    """The class that the program asks for."""
    kind: Any = importlib.import_module("paddlenlp").Taskflow
    own = type("OwnTaskflow", (kind,), {})
    own("word_segmentation", mode="fast")("北京")
    assert attributes_of(observed.span("load_model fast"))["paddle.model.class"] == "OwnTaskflow"
    assert observed.span("pipeline word_segmentation")
