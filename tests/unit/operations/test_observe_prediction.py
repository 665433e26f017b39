"""A block that a program reports as a prediction: its span, its metrics, and what is below it."""

import asyncio
from collections.abc import Iterator
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from global_sdk import START_UNIX_NS, Clock, clock, globally, no_sdk
from observed import INPUT, raising, returning
from paddle_otel.operations import observe_generation, observe_prediction
from paddle_otel.operations.resource_use import RESOURCE_USE
from recording import Recorder

__all__ = ["clock", "globally", "no_sdk"]

LABELS = {"paddle.model.name": "encoder", "paddle.model.kind": "custom"}


def test_everything_that_is_said(globally: Recorder, clock: Clock) -> None:
    """The span begins with the block; counts that are told inside replace those of the start."""
    with observe_prediction("models/encoder", batch_size=2, device="cpu") as prediction:
        clock.passes(0.25)
        prediction.set_batch_size(3)
        prediction.set_input_tokens(12)
    span = globally.span("predict encoder")
    assert dict(span.attributes or {}) == {
        **LABELS,
        "paddle.device": "cpu",
        "paddle.batch_size": 3,
        "gen_ai.usage.input_tokens": 12,
    }
    assert (span.start_time, span.end_time) == (START_UNIX_NS, START_UNIX_NS + 250_000_000)
    assert span.status.status_code is StatusCode.UNSET
    duration = globally.point("paddle.prediction.duration")
    assert (duration.value, duration.count, dict(duration.attributes)) == (0.25, 1, LABELS)
    rows = globally.point("paddle.prediction.batch_size")
    assert (rows.value, dict(rows.attributes)) == (3, LABELS)
    assert globally.point("paddle.tokens", **INPUT).value == 12


def test_what_is_not_said_is_absent(globally: Recorder) -> None:
    """A bare block is a prediction of an unknown model."""
    with observe_prediction():
        pass
    assert dict(globally.span("predict unknown").attributes or {}) == {
        "paddle.model.name": "unknown",
        "paddle.model.kind": "custom",
    }
    assert globally.points("paddle.prediction.batch_size") == []
    assert globally.points("paddle.tokens") == []
    assert globally.point("paddle.prediction.duration").count == 1


def test_embeddings(globally: Recorder) -> None:
    """What makes embeddings is also an operation of the GenAI conventions."""
    with observe_prediction("encoder", embeddings=True, input_tokens=5):
        pass
    found = dict(globally.span("embeddings encoder").attributes or {})
    assert (found["gen_ai.operation.name"], found["gen_ai.request.model"]) == ("embeddings", "encoder")
    assert found["gen_ai.usage.input_tokens"] == 5
    usage = globally.point("gen_ai.client.token.usage", gen_ai__operation__name="embeddings")
    assert (usage.value, usage.attributes["gen_ai.token.type"]) == (5, "input")


def test_what_is_inside_is_below(globally: Recorder) -> None:
    """Spans and predictions inside are its children; afterwards the caller's span is current again."""
    tracer = globally.tracer_provider.get_tracer("program")
    with tracer.start_as_current_span("request") as request:
        with observe_prediction("outer"):
            tracer.start_span("inside").end()
            with observe_prediction("inner"):
                pass
        assert trace.get_current_span() is request
    outer = globally.span("predict outer")
    assert globally.children(globally.span("request")) == [outer]
    assert [span.name for span in globally.children(outer)] == ["inside", "predict inner"]


@pytest.mark.parametrize(("mode", "outside", "inside"), [("auto", 1, 0), ("always", 1, 1), ("never", 0, 0)])
def test_when_there_is_a_span(
    globally: Recorder, monkeypatch: pytest.MonkeyPatch, mode: str, outside: int, inside: int
) -> None:
    """The setting decides; by default none in a generation, which calls its model for every token. Metrics always."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", mode)
    with observe_prediction("outside"):
        assert trace.get_current_span().is_recording() == bool(outside)
    with observe_generation("m"), observe_prediction("inside"):
        pass
    assert len(globally.spans("predict outside")) == outside
    assert len(globally.spans("predict inside")) == inside
    assert sum(point.count for point in globally.points("paddle.prediction.duration")) == 2


def test_an_error(globally: Recorder) -> None:
    """It leaves the block unchanged; span and duration have its class."""
    error = ValueError("secret")
    with pytest.raises(ValueError, match="secret") as caught, observe_prediction("encoder", batch_size=1):
        raise error
    assert caught.value is error
    span = globally.span("predict encoder")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert span.events == ()
    assert globally.point("paddle.prediction.duration").attributes["error.type"] == "ValueError"
    assert trace.get_current_span() is trace.INVALID_SPAN


class Used:
    """One operation's use of the GPUs."""

    def __init__(self, device: object) -> None:
        self.device = device

    def end(self) -> dict[str, Any]:
        """End it."""
        return {"paddle.gpu.energy": 2.5, "paddle.gpu.ids": (str(self.device),)}


def test_what_it_used_of_the_gpu(globally: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the span of the outermost operation only."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")
    monkeypatch.setattr(RESOURCE_USE, "_begin", Used)
    with observe_prediction("alone", device="gpu:0"):
        pass
    with observe_generation("m", device="gpu:1"), observe_prediction("inside", device="gpu:1"):
        pass
    assert (globally.span("predict alone").attributes or {})["paddle.gpu.ids"] == ("gpu:0",)
    assert (globally.span("text_completion m").attributes or {})["paddle.gpu.energy"] == 2.5
    assert "paddle.gpu.energy" not in (globally.span("predict inside").attributes or {})


@pytest.mark.parametrize("broken", [raising(RuntimeError()), returning(SimpleNamespace(end=raising(RuntimeError())))])
def test_a_use_that_cannot_be_told(
    globally: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any, broken: Any
) -> None:
    """The prediction is reported without it."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(RESOURCE_USE, "_begin", broken)
    with observe_prediction("encoder", batch_size=2):
        pass
    assert (globally.span("predict encoder").attributes or {})["paddle.batch_size"] == 2
    assert globally.point("paddle.prediction.duration").count == 1


def test_decorated_functions(globally: Recorder, clock: Clock) -> None:
    """Each call of a function, a coroutine function or a generator function is one prediction."""

    @observe_prediction("encoder")
    def predict(value: int) -> int:
        clock.passes(1)
        return value + 1

    @observe_prediction("encoder")
    async def predict_later(value: int) -> int:
        await asyncio.sleep(0)
        clock.passes(1)
        return value + 1

    @observe_prediction("encoder")
    def predict_each() -> Iterator[int]:
        for value in range(2):
            clock.passes(1)
            yield value

    assert predict(1) == asyncio.run(predict_later(1)) == 2
    for _ in predict_each():
        assert trace.get_current_span() is trace.INVALID_SPAN
        clock.passes(10)
    durations = [
        (cast("int", span.end_time) - cast("int", span.start_time)) / 1e9 for span in globally.spans("predict encoder")
    ]
    assert durations == [1, 1, 22]
    assert globally.point("paddle.prediction.duration").value == 4


def test_a_generator_that_is_closed_or_asked_elsewhere(globally: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """Early ends are no errors; a block that is left in another context ends well, and nothing is logged."""

    @observe_prediction("encoder")
    def predict_each() -> Iterator[int]:
        yield from range(5)

    def in_a_block() -> Iterator[int]:
        with observe_prediction("block"):
            yield from range(3)

    values: Any = predict_each()
    next(values)
    values.close()
    blocked = in_a_block()
    assert [copy_context().run(next, blocked, None) for _ in range(4)] == [0, 1, 2, None]
    for name in ("encoder", "block"):
        assert globally.span(f"predict {name}").status.status_code is StatusCode.UNSET
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert caplog.records == []


def test_a_block_that_is_left_in_a_copy_of_its_context(globally: Recorder) -> None:
    """In the copy its span is not current any more."""
    block = observe_prediction("encoder")

    def leave() -> bool:
        block.__exit__(None, None, None)
        return trace.get_current_span() is trace.INVALID_SPAN

    def enter_and_leave() -> bool:
        block.__enter__()
        return copy_context().run(leave)

    assert copy_context().run(enter_and_leave)
    assert globally.span("predict encoder")
