"""A generator of a pipeline, however the program uses it."""

import gc
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from pipelines.own_pipelines import Halves, Later, Nested
from recording import Recorder

NAME = "pipeline halves"


def generator_of(pipeline: Any, numbers: list[Any], **options: Any) -> Generator[Any, Any, Any]:
    """Return the generator of a call."""
    return pipeline.predict(numbers, **options)


def facts(recorder: Recorder, name: str = NAME) -> dict[str, Any]:
    """Return what the one span of a pipeline tells about its results."""
    attributes = dict(recorder.span(name).attributes or {})
    return {key.rpartition(".")[2]: attributes.get(key) for key in attributes if key.startswith("paddle.pipeline.")}


@pytest.fixture
def halves(paddlex: Any) -> Halves:
    """A pipeline that gives the half of each number."""
    return paddlex.create_pipeline(config={"pipeline_name": "halves"})


def test_it_begins_with_the_first_result_that_is_asked_for(observed: Recorder, halves: Halves) -> None:
    """A generator that nobody asks for a result has done nothing, and is no call."""
    observed.clear_spans()
    assert isinstance(halves.predict([1]), Generator)
    gc.collect()
    assert observed.spans() == []
    assert observed.points("paddle.pipeline.duration") == []


def test_it_ends_when_it_is_exhausted(observed: Recorder, halves: Halves) -> None:
    """The span has the number of results, and what the generator returns arrives."""

    def outer() -> Generator[Any, Any, Any]:
        yield "returned", (yield from generator_of(halves, [2, 4]))

    assert list(outer()) == [1.0, 2.0, ("returned", 2)]
    found = facts(observed)
    assert found.pop("active_duration") > 0
    assert found == {"name": "halves", "library": "paddlex", "inputs": 2, "results": 2, "exhausted": True}


@pytest.mark.parametrize("how", ["close", "abandon", "break"])
def test_it_ends_when_the_program_has_had_enough(how: str, observed: Recorder, halves: Halves) -> None:
    """Closed, or let go of: the pipeline's own cleaning up runs, and the span tells how far it came."""
    results = generator_of(halves, [2, 4, 6])
    assert next(results) == 1.0
    assert not observed.spans(NAME)
    if how == "close":
        results.close()
    elif how == "break":
        for _ in results:
            break
    del results
    gc.collect()
    assert halves.closed
    found = facts(observed)
    assert (found["results"], found["exhausted"]) == (2 if how == "break" else 1, False)
    assert observed.span(NAME).status.status_code is StatusCode.UNSET


def test_between_two_results_nothing_of_it_is_current(observed: Recorder, halves: Halves) -> None:
    """What the program does with a result is not part of the pipeline; what the pipeline does is."""
    tracer = observed.tracer_provider.get_tracer("program")
    trace_ids: set[int] = set()
    with tracer.start_as_current_span("request") as request:
        for _ in halves.predict([2, 4]):
            assert trace.get_current_span() is request
            with tracer.start_as_current_span("use"):
                trace_ids.add(trace.get_current_span().get_span_context().trace_id)
    assert [child.name for child in observed.children(observed.span("request"))] == ["use", "use", NAME]
    assert observed.children(observed.span(NAME)) == []
    assert trace_ids == {request.get_span_context().trace_id}


def test_values_and_exceptions_go_in(observed: Recorder, halves: Halves) -> None:
    """``send`` and ``throw`` reach the pipeline, which may catch what is thrown."""
    results = generator_of(halves, [2, 4, 6], catch=(KeyError,))
    assert next(results) == 1.0
    assert results.send("more") == "more"
    assert next(results) == 2.0
    error = KeyError("caught")
    assert results.throw(error) is error
    assert list(results) == [3.0]
    assert facts(observed)["results"] == 5


@pytest.mark.parametrize("error", [ValueError("not caught"), KeyboardInterrupt()])
def test_an_exception_that_is_thrown_in_and_comes_out(error: BaseException, observed: Recorder, halves: Halves) -> None:
    """The very exception comes out; the span has its class and the number of results before."""
    results = generator_of(halves, [2, 4])
    next(results)
    with pytest.raises(type(error)) as raised:
        results.throw(error)
    assert raised.value is error
    assert halves.closed
    span = observed.span(NAME)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, type(error).__name__)
    assert (facts(observed)["results"], (span.attributes or {})["error.type"]) == (1, type(error).__name__)
    assert "exhausted" not in facts(observed)


def test_an_exception_of_the_pipeline(observed: Recorder, halves: Halves) -> None:
    """It leaves unchanged, and the duration is recorded with its class."""
    with pytest.raises(TypeError, match="unsupported operand"):
        list(halves.predict(["text"]))
    found = facts(observed)
    assert (found["results"], found.get("exhausted")) == (0, None)
    assert observed.point("paddle.pipeline.duration", error__type="TypeError").count == 1


def test_two_in_turns_keep_their_own_spans(observed: Recorder, halves: Halves) -> None:
    """Each has its own count, whichever is asked next."""
    first, second = generator_of(halves, [2, 4, 6]), generator_of(halves, [2])
    assert [next(first), next(second), next(first)] == [1.0, 1.0, 2.0]
    assert next(second, None) is None
    assert next(first) == 3.0
    assert next(first, None) is None
    counts = [(span.attributes or {})["paddle.pipeline.results"] for span in observed.spans(NAME)]
    assert counts == [1, 3]
    assert {span.parent for span in observed.spans(NAME)} == {None}


def test_each_result_in_another_thread(observed: Recorder, halves: Halves) -> None:
    """The span is one, and is left current in none of them."""
    results = generator_of(halves, [2, 4, 6])
    seen: list[Any] = []
    left: list[trace.Span] = []

    def take() -> None:
        seen.append(next(results))
        left.append(trace.get_current_span())

    for _ in range(3):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join(60)
    assert next(results, None) is None
    assert seen == [1.0, 2.0, 3.0]
    assert left == [trace.INVALID_SPAN] * 3
    assert facts(observed)["results"] == 3


def test_a_plain_method_that_returns_a_generator(observed: Recorder, paddlex: Any) -> None:
    """One call, from the first result that is asked for until the generator ends, as of any other generator."""
    later: Later = paddlex.create_pipeline(config={"pipeline_name": "later"})
    results = later.predict([1, 2])
    called = time.time_ns()
    assert not observed.spans("pipeline later")
    assert list(results) == [2, 3]
    assert (facts(observed, "pipeline later")["results"], facts(observed, "pipeline later")["exhausted"]) == (2, True)
    assert (observed.span("pipeline later").start_time or 0) >= called
    assert observed.point("paddle.pipeline.duration").count == 1


def test_a_plain_method_whose_generator_nobody_asks(observed: Recorder, paddlex: Any) -> None:
    """Nothing was done: no call, and the next one is whole."""
    later: Later = paddlex.create_pipeline(config={"pipeline_name": "later"})
    observed.clear_spans()
    results = later.predict([1, 2])
    del results
    gc.collect()
    assert (observed.spans(), observed.points("paddle.pipeline.duration")) == ([], [])
    assert list(later.predict([1])) == [2]
    assert facts(observed, "pipeline later")["results"] == 1


def test_a_plain_method_that_returns_a_list(observed: Recorder, paddlex: Any) -> None:
    """One call, with the number of its results."""
    doubles = paddlex.create_pipeline(config={"pipeline_name": "doubles"})
    assert doubles([1, 2, 3]) == [2, 4, 6]
    found = facts(observed, "pipeline doubles")
    assert (found["results"], "exhausted" in found) == (3, False)
    with pytest.raises(TypeError):
        doubles([None])
    failed = observed.spans("pipeline doubles")[1]
    assert (failed.status.status_code, "paddle.pipeline.results" in (failed.attributes or {})) == (
        StatusCode.ERROR,
        False,
    )


def test_a_generator_inside_a_generator_is_part_of_it(observed: Recorder, paddlex: Any) -> None:
    """Of pipelines inside pipelines there is one span, whichever was called first."""
    nested: Nested = paddlex.create_pipeline(config={"pipeline_name": "nested"})
    observed.clear_spans()
    assert list(nested([4, 8])) == [1.0, 2.0]
    assert [span.name for span in observed.spans()] == ["pipeline nested"]
    assert list(nested.halves([4])) == [2.0]
    assert [span.name for span in observed.spans()] == ["pipeline nested", NAME]


def test_what_the_program_runs_while_it_consumes_is_a_call_of_its_own(observed: Recorder, halves: Halves) -> None:
    """Another pipeline, called between two results, is not inside the first."""
    for number in halves.predict([4, 8]):
        assert list(halves.predict([number]))
    inputs = [(span.attributes or {})["paddle.pipeline.inputs"] for span in observed.spans(NAME)]
    assert inputs == [1, 1, 2]
    assert {span.parent for span in observed.spans(NAME)} == {None}
