"""The patch of ``__call__`` leaves no trace, and a bug in it changes nothing."""

import copy
import logging
import pickle
from typing import Any

import pytest

import stacks
from library.expected import Prompts, held_by
from library.forward_models import classifier
from library.forward_readings import DURATION
from recording import Recorder

SITES = (
    "paddle_otel.pretrained.forward_patches.reports_requests",
    "paddle_otel.pretrained.forward_patches.named_inputs",
    "paddle_otel.pretrained.forward_patches.makes_embeddings",
    "paddle_otel.pretrained.forward_reader.forward_facts",
    "paddle_otel.pretrained.forward_reader.ForwardReader.facts",
    "paddle_otel.pretrained.forward_reader.leading_dimensions",
    "paddle_otel.pretrained.known_models.KnownModels.of",
    "paddle_otel.pretrained.known_models.KnownModel.predicted",
    "paddle_otel.pretrained.known_models.parameter_names",
    "paddle_otel.pretrained.known_models.parameter_facts",
    "paddle_otel.operations.prediction.Predictions.start",
    "paddle_otel.operations.prediction_metrics.PredictionMetrics.record",
)


SECRET = "what a message may quote"


def bug(*_: Any, **__: Any) -> Any:
    """Fail."""
    raise RuntimeError(SECRET)


def test_the_class_inherits_its_call_again(stack: stacks.Stack, recorder: Recorder, paddle: Any) -> None:
    """``__call__`` is Layer's before and after, and no class of models holds one in between."""
    base = stack.module("transformers.model_utils").PretrainedModel
    call = held_by(paddle.nn.Layer)["__call__"]
    instrumentor = stack.new_instrumentor()
    for _ in range(2):
        assert "__call__" not in held_by(base)
        instrumentor.instrument(**recorder.providers)
        assert "__call__" in held_by(base)
        assert held_by(paddle.nn.Layer)["__call__"] is call
        instrumentor.uninstrument()
    assert "__call__" not in held_by(base)
    assert base.__call__ is call


def test_a_kept_method_falls_through(stack: stacks.Stack, recorder: Recorder, paddle: Any, prompts: Prompts) -> None:
    """``model.__call__``, taken while it was on, works when it is off, unobserved."""
    model = classifier(stack, paddle)
    expected = model(**prompts.both).numpy()
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    kept = model.__call__
    instrumentor.uninstrument()
    assert (kept(**prompts.both).numpy() == expected).all()
    assert recorder.points(DURATION) == []


def test_a_model_is_copied_and_pickled_as_without_us(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """A deep copy is observed like any other model; a class travels by name."""
    twin = copy.deepcopy(llama)
    twin(**prompts.both)
    assert observed.point(DURATION).count == 1
    assert pickle.loads(pickle.dumps(type(llama))) is type(llama)  # noqa: S301 - its own bytes


@pytest.mark.parametrize("site", SITES)
def test_a_bug_of_ours_changes_nothing(
    site: str,
    observed: Recorder,
    stack: stacks.Stack,
    paddle: Any,
    prompts: Prompts,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Results and exceptions are the model's, one warning tells where, and the model inside is not taken for it."""
    telemetry_trouble.expected = True
    model = classifier(stack, paddle)
    expected = model(**prompts.both).numpy()
    before = observed.point(DURATION).count
    fresh = classifier(stack, paddle)
    tracer = observed.tracer_provider.get_tracer("a service")
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING), tracer.start_as_current_span("request"):
        broken.setattr(site, bug)
        assert (fresh(**prompts.both).numpy() == expected).all()
        assert (fresh(**prompts.both).numpy() == expected).all()
        with pytest.raises(TypeError, match="no_such_input"):
            fresh(no_such_input=1)
    messages = {record.getMessage() for record in caplog.records if record.name == "paddle_otel"}
    assert 1 <= len(messages) <= 2
    assert all("in bug" in message and SECRET not in message for message in messages)
    counts = sum(point.count for point in observed.points(DURATION)) - before
    assert counts in {0, 3}
    fresh(**prompts.both)
    assert sum(point.count for point in observed.points(DURATION)) == before + counts + 1
