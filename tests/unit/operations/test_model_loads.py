"""Loading models and tokenizers: a span, a duration, and how many models of each name are in which state."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from forked import in_child
from observed import raising, telemetry_on
from paddle_otel.operations.model_load import MAXIMUM_MODELS, ModelLoad, ModelLoads
from recording import Recorder

STATES = ("loading", "ready", "failed", "unloaded")


class Model:
    """A model that can be weakly referenced."""


@pytest.fixture
def loads(recorder: Recorder) -> ModelLoads:
    """Loads on the recorder."""
    return ModelLoads(telemetry_on(recorder))


def start(loads: ModelLoads, name: str | None = "Qwen2-0.5B", kind: str = "pretrained_model") -> ModelLoad:
    """Start a load."""
    load = loads.start(name, kind, "Qwen2ForCausalLM")
    assert load is not None
    return load


def states(recorder: Recorder, name: str = "Qwen2-0.5B") -> dict[str, float]:
    """Return the models of a name by state."""
    points = [p for p in recorder.points("paddle.model.state") if p.attributes["paddle.model.name"] == name]
    keys = {"paddle.model.name", "paddle.model.kind", "paddle.model.state"}
    assert all(set(point.attributes) == keys for point in points)
    return {point.attributes["paddle.model.state"]: point.value for point in points}


def by_state(**known: int) -> dict[str, int]:
    """Return every state with its count, 0 unless given."""
    return {state: known.get(state, 0) for state in STATES}


def test_from_loading_to_unloaded(recorder: Recorder, loads: ModelLoads) -> None:
    """A model is loading, then ready, then, when its last reference is gone, unloaded; every state is always told."""
    assert states(recorder) == {}
    load = start(loads)
    assert states(recorder) == by_state(loading=1)
    model = Model()
    load.finish(model)
    del load
    assert states(recorder) == by_state(ready=1)
    del model
    gc.collect()
    assert states(recorder) == by_state(unloaded=1)


def test_models_of_one_name_add_up(recorder: Recorder, loads: ModelLoads) -> None:
    """Two models of a name, one of them failed, and one of another name."""
    kept = [Model(), Model()]
    start(loads).finish(kept[0])
    start(loads, "other").finish(kept[1])
    start(loads).fail(ValueError())
    assert states(recorder) == by_state(ready=1, failed=1)
    assert states(recorder, "other") == by_state(ready=1)


def test_span_and_duration_of_a_success(recorder: Recorder, loads: ModelLoads) -> None:
    """The span has name, class and kind, is current inside and not after; the duration has name and kind."""
    with recorder.tracer_provider.get_tracer("user").start_as_current_span("start-up") as outer:
        load = start(loads)
        with recorder.tracer_provider.get_tracer("user").start_as_current_span("download"):
            pass
        load.finish(Model())
        assert trace.get_current_span() is outer
    span = recorder.span("load_model Qwen2-0.5B")
    labels = {"paddle.model.kind": "pretrained_model", "paddle.model.name": "Qwen2-0.5B"}
    assert dict(span.attributes or {}) == {**labels, "paddle.model.class": "Qwen2ForCausalLM"}
    assert span.status.status_code is StatusCode.UNSET
    assert recorder.children(recorder.span("start-up")) == [span]
    assert recorder.children(span) == [recorder.span("download")]
    duration = recorder.metrics()["paddle.model.load.duration"]
    (point,) = duration.data.data_points
    assert dict(point.attributes or {}) == labels
    assert span.start_time is not None
    assert span.end_time is not None
    assert recorder.point("paddle.model.load.duration").value == pytest.approx((span.end_time - span.start_time) / 1e9)


def test_a_load_before_a_fork_is_counted_once(recorder: Recorder, loads: ModelLoads) -> None:
    """By the master that loaded; not again by each worker that it forks before its first export."""
    start(loads).finish(Model())
    assert in_child(lambda: recorder.points("paddle.model.load.duration") == []) == 0
    assert recorder.point("paddle.model.load.duration").count == 1


@pytest.mark.parametrize("error", [ValueError("/home/me/secret"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failure(recorder: Recorder, loads: ModelLoads, error: BaseException) -> None:
    """Status ERROR, ``error.type`` on span and duration, the model counted as failed; the message is nowhere."""
    start(loads).fail(error)
    span = recorder.span("load_model Qwen2-0.5B")
    kind = type(error).__name__
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, kind)
    assert (span.attributes or {})["error.type"] == kind
    assert "secret" not in span.to_json()
    assert recorder.point("paddle.model.load.duration").attributes["error.type"] == kind
    assert states(recorder) == by_state(failed=1)


def test_a_tokenizer_has_no_state(recorder: Recorder, loads: ModelLoads) -> None:
    """Tokenizers hold no device memory: span and duration only."""
    start(loads, kind="tokenizer").finish(object())
    assert recorder.point("paddle.model.load.duration").attributes["paddle.model.kind"] == "tokenizer"
    assert recorder.points("paddle.model.state") == []


def test_without_a_name(recorder: Recorder, loads: ModelLoads) -> None:
    """An unnamed model has a bare span name, no name attribute and no state."""
    start(loads, name=None).finish(Model())
    assert "paddle.model.name" not in (recorder.span("load_model").attributes or {})
    assert dict(recorder.point("paddle.model.load.duration").attributes) == {"paddle.model.kind": "pretrained_model"}
    assert recorder.points("paddle.model.state") == []


def test_a_result_without_weak_references(recorder: Recorder, loads: ModelLoads) -> None:
    """A tuple (a model with loading information) is ready; when it goes cannot be told, and nothing complains."""
    start(loads).finish((1, 2))
    assert states(recorder) == by_state(ready=1)
    assert len(recorder.spans("load_model Qwen2-0.5B")) == 1
    assert recorder.point("paddle.model.load.duration").count == 1


def test_broken_instruments_cost_no_span(recorder: Recorder, loads: ModelLoads, telemetry_trouble: Any) -> None:
    """A histogram that raises leaves the span ended and the caller's context restored."""
    telemetry_trouble.expected = True
    setattr(loads.metrics.duration, "record", raising(RuntimeError("broken")))  # noqa: B010 - not assignable for pyright
    start(loads).finish(Model())
    start(loads).fail(ValueError())
    assert len(recorder.spans("load_model Qwen2-0.5B")) == 2
    assert trace.get_current_span() is trace.INVALID_SPAN


def _finish(load: ModelLoad) -> None:
    load.finish(Model())


def _fail(load: ModelLoad) -> None:
    load.fail(ValueError())


@pytest.mark.parametrize("end", [_finish, _fail])
def test_ctrl_c_while_it_is_recorded(recorder: Recorder, loads: ModelLoads, end: Callable[[ModelLoad], None]) -> None:
    """Ctrl-C is the program's; the span is ended and the caller's context is there again all the same."""
    setattr(loads.metrics.states, "move", raising(KeyboardInterrupt()))  # noqa: B010 - not assignable for pyright
    load = loads.start(None, "pretrained_model")
    assert load is not None
    load._name = "m"  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - so that only the end is interrupted
    with pytest.raises(KeyboardInterrupt):
        end(load)
    assert len(recorder.spans("load_model")) == 1
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_model_keeps_nothing_of_its_load(loads: ModelLoads) -> None:
    """As long as a model lives only its state is remembered: neither the load, nor its span, nor where it went."""
    model = Model()
    load = start(loads)
    load.finish(model)
    gone = weakref.ref(load)
    del load
    gc.collect()
    assert gone() is None


def test_attributes_of_a_load(recorder: Recorder, loads: ModelLoads) -> None:
    """More attributes are on the span alone; name and kind cannot be overwritten by them."""
    load = loads.start("net", "predictor", attributes={"paddle.ir_optim": True, "paddle.model.kind": "other"})
    assert load is not None
    load.finish(Model())
    assert dict(recorder.span("load_model net").attributes or {}) == {
        "paddle.model.name": "net",
        "paddle.model.kind": "predictor",
        "paddle.ir_optim": True,
    }
    assert set(recorder.point("paddle.model.load.duration").attributes) == {"paddle.model.name", "paddle.model.kind"}


def test_the_number_of_names_is_bounded(recorder: Recorder, loads: ModelLoads) -> None:
    """Past the limit further names have no state; those that have one keep theirs."""
    for number in range(MAXIMUM_MODELS + 20):
        start(loads, f"model {number}").fail(ValueError())
    start(loads, "model 0").fail(ValueError())
    assert len(recorder.points("paddle.model.state")) == MAXIMUM_MODELS * len(STATES)
    assert states(recorder, "model 0") == by_state(failed=2)


def test_a_model_that_outlives_the_recorder(loads: ModelLoads) -> None:
    """Unloading a model when nobody collects any more is harmless."""
    model = Model()
    start(loads).finish(model)
    del loads, model
    gc.collect()
