"""Taskflow with the instrumentor switched off, suppressed, without an SDK, or with a bug of ours."""

import copy
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import stacks
from library.expected import attributes_of, held_by
from library.only_paddlenlp import own_task
from library.only_paddlenlp.conftest import CLASSIFIER
from paddle_otel.operations.model_naming import ModelNaming, model_naming
from recording import Recorder

TEXTS = ["第十四届全运会在西安举办", "三亚是一个美丽的城市"]
SPAN = "pipeline word_segmentation"
PATCHED = ("__call__", "__init__", "from_segments")
SECRET = "the text that a message may quote"


@pytest.fixture
def kind(segmenter: Any) -> Any:
    """The class."""
    return cast("Any", type(segmenter))


def test_the_class_is_as_it_was(stack: stacks.Stack, recorder: Recorder, kind: Any) -> None:
    """Exactly three methods are wrapped while it is on; off, the class holds the very objects that it held."""
    before = held_by(kind)
    instrumentor = stack.new_instrumentor()
    for _ in range(3):
        instrumentor.instrument(**recorder.providers)
        now = held_by(kind)
        assert now.keys() == before.keys()
        assert sorted(name for name in before if now[name] is not before[name]) == list(PATCHED)
        instrumentor.uninstrument()
        now = held_by(kind)
        assert [name for name in now if now[name] is not before[name]] == []


def test_the_class_looks_as_it_did(stack: stacks.Stack, recorder: Recorder, kind: Any) -> None:
    """Its parameters, its documentation and its other methods are the library's."""
    instrumentor = stack.new_instrumentor()
    plain = (inspect.signature(kind), kind.__call__.__doc__, kind.tasks())
    instrumentor.instrument(**recorder.providers)
    assert (inspect.signature(kind), kind.__call__.__doc__, kind.tasks()) == plain
    instrumentor.uninstrument()


def test_on_and_off_and_on(stack: stacks.Stack, recorder: Recorder, segmenter: Any) -> None:
    """Each time it is on a call is one span, each time it is off none."""
    instrumentor = stack.new_instrumentor()
    results: list[Any] = []
    for turn in range(1, 4):
        instrumentor.instrument(**recorder.providers)
        results.append(segmenter(TEXTS))
        assert len(recorder.spans(SPAN)) == turn
        instrumentor.uninstrument()
        results.append(segmenter(TEXTS))
        assert len(recorder.spans()) == turn
    assert results == [results[0]] * 6


def test_suppressed_calls_are_not_seen(observed: Recorder, taskflow: Callable[..., Any], segmenter: Any) -> None:
    """No span and no metric where the program suppressed instrumentation, and the same result."""
    with suppress_instrumentation():
        words = taskflow("word_segmentation", mode="fast")(TEXTS)
    assert observed.spans() == []
    assert observed.metrics() == {}
    assert segmenter(TEXTS) == words


def test_a_trace_that_is_sampled_out_is_still_measured(stack: stacks.Stack, segmenter: Any) -> None:
    """No span, and the duration."""
    recorder = Recorder(sampler=ALWAYS_OFF)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    segmenter(TEXTS)
    instrumentor.uninstrument()
    assert recorder.spans() == []
    assert recorder.point("paddle.pipeline.duration").count == 1


def test_without_an_sdk_nothing_is_done(
    stack: stacks.Stack, segmenter: Any, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls are not even looked at; loads only name their programs, for an SDK that is configured later."""
    monkeypatch.setattr("paddle_otel.paddlenlp.taskflow_calls.taskflow_request", None)
    monkeypatch.setattr("paddle_otel.operations.model_load.ModelLoad", None)
    names: list[ModelNaming | None] = []
    own_task.register(monkeypatch, lambda given: given, lambda: names.append(model_naming().get()))
    expected = segmenter(TEXTS)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument()
    with_us = segmenter(TEXTS)
    own = taskflow(own_task.TASK)
    answered = own("a")
    instrumentor.uninstrument()
    assert (with_us, answered) == (expected, "a")
    assert names == [ModelNaming(own_task.MODEL)]


def test_switched_off_by_the_environment(
    stack: stacks.Stack, kind: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PADDLE_OTEL_ENABLED=false`` patches nothing."""
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", "false")
    before = held_by(kind)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    assert [name for name, held in held_by(kind).items() if held is not before[name]] == []
    instrumentor.uninstrument()


def test_a_copied_taskflow_is_observed(observed: Recorder, segmenter: Any) -> None:
    """As itself."""
    copy.copy(segmenter)(TEXTS)
    assert observed.span(SPAN)


CALL_SITES = (
    "paddle_otel.paddlenlp.taskflow_calls.taskflow_request",
    "paddle_otel.paddlenlp.taskflow_calls.result_count",
    "paddle_otel.paddlenlp.taskflow_facts.input_count",
    "paddle_otel.paddlenlp.taskflow_facts.model_name",
    "paddle_otel.operations.pipeline.PipelineCall.__init__",
    "paddle_otel.context_part.otel_context.attach",
)
LOAD_SITES = (
    "paddle_otel.paddlenlp.taskflow_loads.taskflow_source",
    "paddle_otel.paddlenlp.taskflow_facts.model_name",
    "paddle_otel.operations.model_load.ModelLoad.__init__",
    "paddle_otel.operations.model_load.ModelLoad._move",
    "paddle_otel.operations.model_load.ModelStates.move",
)


def bug(*_: Any, **__: Any) -> Any:
    """Fail, quoting what nobody may read."""
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("site", CALL_SITES)
def test_a_call_goes_on(
    site: str, observed: Recorder, segmenter: Any, telemetry_trouble: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With a bug of ours calls return and raise what they do; it is logged without its message; then all is well."""
    telemetry_trouble.expected = True
    expected = segmenter(TEXTS)
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(site, bug)
        assert [segmenter(TEXTS), segmenter(TEXTS)] == [expected] * 2
        with pytest.raises(ValueError, match="should not be empty text"):
            segmenter("")
    warnings = [record.getMessage() for record in caplog.records if record.name == "paddle_otel"]
    assert len(warnings) == len(set(warnings)) > 0
    assert not [warning for warning in warnings if SECRET in warning]
    observed.clear_spans()
    segmenter(TEXTS)
    assert observed.span(SPAN).parent is None
    assert attributes_of(observed.span(SPAN))["paddle.pipeline.results"] == 2


@pytest.mark.parametrize("site", LOAD_SITES)
def test_a_load_goes_on(
    site: str,
    observed: Recorder,
    taskflow: Callable[..., Any],
    classifier: Any,
    classifier_folder: Path,
    telemetry_trouble: Any,
) -> None:
    """With a bug of ours a Taskflow is loaded and answers; nothing of it stays current or named."""
    telemetry_trouble.expected = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, bug)
        loaded = taskflow("text_classification", task_path=str(classifier_folder))
        with pytest.raises(AssertionError, match="no_such_task"):
            taskflow("no_such_task")
    assert telemetry_trouble.sites
    assert model_naming().get() is None
    assert loaded(["what is paris"]) == classifier(["what is paris"])
    observed.clear_spans()
    taskflow("text_classification", task_path=str(classifier_folder))
    spans = [span for span in observed.spans(f"load_model {CLASSIFIER}") if span.parent is None]
    assert len(spans) == 1


def test_a_taskflow_without_its_own_attributes(
    observed: Recorder, segmenter: Any, taskflow: Callable[..., Any], telemetry_trouble: Any
) -> None:
    """A program that took away what we read is not disturbed; its call goes unobserved."""
    telemetry_trouble.expected = True
    stripped = taskflow("word_segmentation", mode="fast")
    observed.clear_spans()
    del stripped.task
    assert stripped(TEXTS) == segmenter(TEXTS)
    assert len(observed.spans(SPAN)) == 1
