"""Calls of a Taskflow: one span and one duration for the outermost one, whatever comes of it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from library.expected import attributes_of, seconds, typed
from library.only_paddlenlp import own_task
from recording import Recorder

TEXTS = ["第十四届全运会在西安举办", "三亚是一个美丽的城市"]
SPAN = "pipeline word_segmentation"
LABELS = {"paddle.pipeline.name": "word_segmentation", "paddle.pipeline.library": "paddlenlp"}
DURATION = "paddle.pipeline.duration"
ACTIVE = "paddle.pipeline.active_duration"
THREADS = 8


def facts(span: ReadableSpan) -> dict[str, Any]:
    """Return a pipeline's attributes without its duration, each with its type."""
    return typed({key: value for key, value in attributes_of(span).items() if key != ACTIVE})


def test_a_call_is_a_span_and_a_duration(observed: Recorder, segmenter: Any) -> None:
    """With the task, what answers, how many inputs and how many results."""
    assert [len(words) > 1 for words in segmenter(TEXTS)] == [True, True]
    span = observed.span(SPAN)
    assert facts(span) == typed(
        {
            **LABELS,
            "paddle.model.name": "fast",
            "paddle.pipeline.inputs": 2,
            "paddle.pipeline.results": 2,
        }
    )
    assert (span.kind, span.status.status_code, span.parent) == (SpanKind.INTERNAL, StatusCode.UNSET, None)
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "paddle_otel.paddlenlp"
    (duration,) = observed.points(DURATION)
    assert (dict(duration.attributes), duration.count) == (LABELS, 1)
    assert duration.value == attributes_of(span)[ACTIVE]
    assert 0 < duration.value <= seconds(span)


@pytest.mark.parametrize(
    ("given", "inputs", "results"),
    [
        (TEXTS[0], 1, None),  # the words of one text: how many results that is cannot be told from the list
        ("北京", 1, 1),
        (TEXTS[:1], 1, None),
        (["北京"], 1, 1),
        ([*TEXTS, "北京"], 3, 3),
    ],
    ids=["a text", "a word", "a list of one text", "a list of one word", "three"],
)
def test_inputs_and_results_are_counted(
    given: Any, inputs: int, results: int | None, observed: Recorder, segmenter: Any
) -> None:
    """A list counts its elements; the number of results is absent where a list of words might be one result."""
    segmenter(given)
    attributes = attributes_of(observed.span(SPAN))
    assert attributes["paddle.pipeline.inputs"] == inputs
    assert attributes.get("paddle.pipeline.results") == results


OTHER_INPUTS: dict[str, tuple[Callable[[], Any], int | None]] = {
    "a dictionary": (lambda: {"question": "?"}, 1),
    "a pair": (lambda: ("a", "b"), 2),
    "a generator": (lambda: (text for text in TEXTS), None),
    "a number": (lambda: 5, None),
    "nothing in a list": (list, 0),
}


@pytest.mark.parametrize("name", OTHER_INPUTS)
def test_inputs_are_not_consumed(
    name: str, observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be counted is not counted, and reaches the task as it was given."""
    make, inputs = OTHER_INPUTS[name]
    reached: list[Any] = []
    own_task.register(monkeypatch, lambda given: reached.append(given) or {"answer": 1})
    given = make()
    assert taskflow(own_task.TASK)(given, "a second argument") == {"answer": 1}
    assert reached[0] is given
    attributes = attributes_of(observed.span(f"pipeline {own_task.TASK}"))
    assert attributes.get("paddle.pipeline.inputs") == inputs
    assert "paddle.pipeline.results" not in attributes
    assert attributes["paddle.model.name"] == own_task.MODEL
    if inputs is None and name == "a generator":
        assert list(given) == TEXTS


def test_results_come_back_as_they_are(
    observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very object, also a generator, which is not asked for anything."""
    asked: list[int] = []
    results = (asked.append(1) for _ in TEXTS)
    own_task.register(monkeypatch, lambda _: results)
    assert taskflow(own_task.TASK)(TEXTS) is results
    assert asked == []
    assert "paddle.pipeline.results" not in attributes_of(observed.span(f"pipeline {own_task.TASK}"))


ERRORS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no text": (("",), "ValueError"),
    "not a text": ((5,), "TypeError"),
    "an empty list": (([],), "IndexError"),
    "a list of numbers": (([1, 2],), "TypeError"),
    "no arguments": ((), "IndexError"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_failing_call_fails_as_it_does(name: str, observed: Recorder, segmenter: Any) -> None:
    """The library's own exception; the span and the duration carry its class, not its message."""
    args, error = ERRORS[name]
    with pytest.raises(Exception, match=r".+") as raised:
        segmenter(*args)
    assert type(raised.value).__name__ == error
    span = observed.span(SPAN)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, error)
    assert attributes_of(span)["error.type"] == error
    assert "paddle.pipeline.results" not in attributes_of(span)
    assert span.events == ()
    (duration,) = observed.points(DURATION)
    assert dict(duration.attributes) == {**LABELS, "error.type": error}
    observed.clear_spans()
    segmenter(TEXTS)
    assert "error.type" not in attributes_of(observed.span(SPAN))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), RuntimeError("a text")])
def test_whatever_is_raised_ends_the_span(
    error: BaseException, observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very exception leaves, the span ends, and the next call is a span of its own."""
    errors = [error]

    def answer(given: Any) -> Any:
        if errors:
            raise errors.pop()
        return given

    own_task.register(monkeypatch, answer)
    own = taskflow(own_task.TASK)
    with pytest.raises(type(error)) as raised:
        own("a")
    assert raised.value is error
    own("a")
    first, second = observed.spans(f"pipeline {own_task.TASK}")
    assert attributes_of(first)["error.type"] == type(error).__name__
    assert (second.parent, second.status.status_code) == (None, StatusCode.UNSET)


def test_a_taskflow_that_is_called_by_another_is_part_of_it(
    observed: Recorder, segmenter: Any, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One span and one duration, the outer one's; called alone the inner one has its own again."""
    own_task.register(monkeypatch, segmenter)
    outer = taskflow(own_task.TASK)
    observed.clear_spans()
    words = outer(TEXTS)
    (span,) = observed.spans()
    assert span.name == f"pipeline {own_task.TASK}"
    assert [point.attributes["paddle.pipeline.name"] for point in observed.points(DURATION)] == [own_task.TASK]
    assert segmenter(TEXTS) == words
    assert observed.span(SPAN).parent is None


def test_segments_are_a_call_too(
    observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``from_segments`` of tasks that have it: one span."""
    own_task.register(monkeypatch, lambda given: [len(words) for words in given])
    assert taskflow(own_task.TASK).from_segments([["a", "b"], ["c"]]) == [2, 1]
    attributes = attributes_of(observed.span(f"pipeline {own_task.TASK}"))
    assert (attributes["paddle.pipeline.inputs"], attributes["paddle.pipeline.results"]) == (2, 2)


def test_a_call_is_current_while_it_goes_on(
    observed: Recorder, taskflow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a child of the request, what happens in it is below it, and afterwards the request is current again."""
    seen: list[int] = []

    def answer(given: Any) -> Any:
        seen.append(trace.get_current_span().get_span_context().span_id)
        return given

    own_task.register(monkeypatch, answer)
    own = taskflow(own_task.TASK)
    tracer = observed.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request") as request:
        own("a")
        assert trace.get_current_span() is request
    (span,) = observed.children(observed.span("request"))
    assert span.context is not None
    assert seen == [span.context.span_id]


def test_eight_at_a_time_keep_their_own_spans(observed: Recorder, segmenter: Any) -> None:
    """Each thread has a request of its own and inputs of its own number."""
    expected = segmenter(TEXTS)
    observed.clear_spans()
    tracer = observed.tracer_provider.get_tracer("a service")
    begin = threading.Barrier(THREADS)

    def request(number: int) -> Any:
        begin.wait(60)
        with tracer.start_as_current_span(f"request {number}"):
            return segmenter(TEXTS * (number + 1))

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(request, range(THREADS)))
    for number, result in enumerate(results):
        assert result == expected * (number + 1)
        (span,) = observed.children(observed.span(f"request {number}"))
        assert attributes_of(span)["paddle.pipeline.inputs"] == 2 * (number + 1)
        assert attributes_of(span)["paddle.pipeline.results"] == 2 * (number + 1)
    assert len(observed.spans()) == 2 * THREADS
    assert observed.point(DURATION).count == THREADS + 1
