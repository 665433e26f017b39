"""Decorated generator functions: each value is a step, and nothing is current while the program has the turn."""

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from forked import in_child
from global_sdk import Clock, clock, globally, no_sdk
from observed import OUTPUT, returning
from paddle_otel.operations import observe_generation, observe_prediction, observed_generation
from paddle_otel.operations.generation import current_generation
from recording import Recorder

__all__ = ["clock", "globally", "no_sdk"]


def counted(recorder: Recorder, name: str = "text_completion m") -> Any:
    """Return the output tokens of the one span of this name."""
    return (recorder.span(name).attributes or {})["gen_ai.usage.output_tokens"]


def nothing_is_current() -> bool:
    """Tell whether the caller's context is as it was."""
    return current_generation() is None and trace.get_current_span() is trace.INVALID_SPAN


def test_it_begins_with_the_first_value(globally: Recorder) -> None:
    """A generator that nobody asks is no generation; one that is asked is active until its end."""

    @observe_generation("m")
    def answer() -> Iterator[str]:
        yield from "abc"

    values = answer()
    assert globally.points("paddle.request.active") == []
    assert next(values) == "a"
    assert nothing_is_current()
    assert globally.point("paddle.request.active").value == 1
    assert globally.point("paddle.tokens", **OUTPUT).value == 1
    assert list(values) == ["b", "c"]
    assert globally.point("paddle.request.active").value == 0
    assert counted(globally) == 3


def test_the_reader_s_time_is_not_the_model_s(globally: Recorder, clock: Clock) -> None:
    """Durations are those of the work, whatever the reader does in between; the span lasts from start to end."""

    @observe_generation("m", batch_size=1)
    def answer() -> Iterator[str]:
        for letter in "abc":
            clock.passes(1)
            yield letter
        clock.passes(1)

    for _ in answer():
        clock.passes(100)
    span = globally.span("text_completion m")
    assert span.start_time is not None
    assert span.end_time is not None
    assert (span.end_time - span.start_time) / 1e9 == 304
    found = dict(span.attributes or {})
    assert (found["paddle.time_to_first_token"], found["paddle.time_per_output_token"]) == (1.0, 1.5)
    assert globally.point("gen_ai.server.request.duration").value == 4
    prefill, decode = globally.children(span)
    assert (prefill.end_time, decode.end_time) == (span.start_time + 1_000_000_000, span.end_time)


def test_values_that_are_no_tokens(globally: Recorder, clock: Clock) -> None:
    """The first real one gives the time to the first token, without the time of the reader or of counting."""

    def tokens(value: str) -> int:
        clock.passes(1000)
        return len(value)

    @observe_generation("m", batch_size=1, tokens=tokens)
    def answer() -> Iterator[str]:
        for value in ("", "a", "bc"):
            clock.passes(1)
            yield value

    for _ in answer():
        clock.passes(100)
    found = dict(globally.span("text_completion m").attributes or {})
    assert found["gen_ai.usage.output_tokens"] == 3
    assert (found["paddle.time_to_first_token"], found["paddle.time_per_output_token"]) == (2.0, 0.5)


COUNTS: list[tuple[Callable[[Any], Any], int | None]] = [
    (len, 6),
    (returning(0), 0),
    (returning(None), None),
    (returning(2.5), None),
]


@pytest.mark.parametrize(("tokens", "total"), COUNTS)
def test_how_many_tokens_a_value_is(globally: Recorder, tokens: Callable[[Any], Any], total: int | None) -> None:
    """The program's function tells; what it cannot tell, or tells wrongly, is absent."""

    @observe_generation("m", tokens=tokens)
    def answer() -> Iterator[str]:
        yield from ("a", "bb", "ccc")

    assert list(answer()) == ["a", "bb", "ccc"]
    assert (globally.span("text_completion m").attributes or {}).get("gen_ai.usage.output_tokens") == total


def test_a_body_that_counts_itself(globally: Recorder) -> None:
    """With ``tokens=None`` values are no steps; the body says what it made."""

    @observe_generation("m", tokens=None)
    def answer() -> Iterator[str]:
        observed_generation().set_input_tokens(3)
        for letter in "ab":
            observed_generation().step(4)
            yield letter
        observed_generation().finish("stop")

    assert list(answer()) == ["a", "b"]
    found = dict(globally.span("text_completion m").attributes or {})
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (3, 8)
    assert found["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_function_of_the_program_that_raises(globally: Recorder, telemetry_trouble: Any) -> None:
    """Its error stays away from the values; the count is absent."""
    telemetry_trouble.expected = True

    @observe_generation("m", tokens=lambda value: value.no_such_attribute)
    def answer() -> Iterator[str]:
        yield from "ab"

    assert list(answer()) == ["a", "b"]
    assert "gen_ai.usage.output_tokens" not in (globally.span("text_completion m").attributes or {})


def test_closed_and_abandoned(globally: Recorder) -> None:
    """Both end it without an error, and what was written is counted."""

    @observe_generation("m")
    def answer() -> Iterator[str]:
        yield from "abc"

    closed: Any = answer()
    next(closed)
    closed.close()
    abandoned = answer()
    next(abandoned)
    next(abandoned)
    del abandoned
    gc.collect()
    spans = globally.spans("text_completion m")
    assert [(span.attributes or {})["gen_ai.usage.output_tokens"] for span in spans] == [1, 2]
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}
    assert all("gen_ai.response.finish_reasons" not in (span.attributes or {}) for span in spans)
    assert globally.point("paddle.request.active").value == 0


@pytest.mark.parametrize("observe", [observe_generation, observe_prediction])
def test_a_span_that_the_body_keeps_open(globally: Recorder, observe: Any) -> None:
    """What the body made current is current again in its next part, and only there."""
    tracer = globally.tracer_provider.get_tracer("program")

    @observe("m")
    def answer() -> Iterator[int]:
        with tracer.start_as_current_span("section"):
            yield 1
            tracer.start_span("inside").end()
            yield 2
        tracer.start_span("after").end()

    for _ in answer():
        assert nothing_is_current()
    (name,) = {span.name for span in globally.spans()} - {"prefill", "decode", "section", "inside", "after"}
    assert [span.name for span in globally.children(globally.span("section"))] == ["inside"]
    assert {"section", "after"} <= {span.name for span in globally.children(globally.span(name))}


@pytest.mark.parametrize("observe", [observe_generation, observe_prediction])
def test_one_that_a_forked_child_ends(globally: Recorder, observe: Any) -> None:
    """The child has a copy of it, which it may read and close; only the parent reports it."""

    @observe("m")
    def answer() -> Iterator[int]:
        yield from range(3)

    values: Any = answer()
    assert next(values) == 0

    def child() -> bool:
        read = [next(values), next(values), next(values, None)]
        histogram = (
            "gen_ai.client.operation.duration" if observe is observe_generation else "paddle.prediction.duration"
        )
        return read == [1, 2, None] and globally.spans() == [] and globally.points(histogram) == []

    assert in_child(child) == 0
    values.close()
    assert [span.name for span in globally.spans() if span.name.endswith(" m")] != []


def test_values_are_not_kept(globally: Recorder) -> None:
    """A value that the reader has let go of is gone, though its generator goes on; of both kinds of generator."""

    class Value:
        """Something that can be referred to weakly."""

    @observe_generation("m", tokens=returning(1))
    def answer() -> Iterator[Value]:
        yield Value()
        yield Value()

    @observe_generation("m", tokens=returning(1))
    async def answer_later() -> AsyncGenerator[Value, None]:
        yield Value()
        yield Value()

    async def first_is_gone() -> bool:
        later = answer_later()
        gone = weakref.ref(await anext(later))
        is_gone = gone() is None
        await later.aclose()
        return is_gone

    values = answer()
    gone = weakref.ref(next(values))
    assert gone() is None
    assert asyncio.run(first_is_gone())
    assert len(list(values)) == 1
    assert len(globally.spans("text_completion m")) == 2


def test_one_that_the_garbage_collector_finds(globally: Recorder) -> None:
    """It ends wherever the collector happens to run; a generation that goes on there is not disturbed."""

    @observe_generation("m")
    def answer() -> Generator[int, Any, None]:
        itself = yield 1
        yield 2
        assert itself is None

    values = answer()
    next(values)
    values.send(values)  # a cycle, which only the collector ends
    del values
    with observe_generation("another") as another:
        gc.collect()
        assert observed_generation() is another
        another.step()
    assert counted(globally) == 2
    assert counted(globally, "text_completion another") == 1
    assert globally.span("text_completion m").parent is None


def test_send_throw_and_return(globally: Recorder) -> None:
    """A decorated generator takes what it took and returns what it returned."""

    @observe_generation("m")
    def answer() -> Generator[str, int, str]:
        got = yield "a"
        try:
            yield str(got)
        except ValueError as error:
            yield str(error)
        return "done"

    values = answer()
    assert next(values) == "a"
    assert values.send(7) == "7"
    assert values.throw(ValueError("thrown")) == "thrown"
    with pytest.raises(StopIteration) as end:
        next(values)
    assert end.value.value == "done"
    assert counted(globally) == 3
    assert nothing_is_current()


def test_generators_in_turns(globally: Recorder) -> None:
    """Two of them in turns in one thread: each has its own current generation and its own children."""
    tracer = globally.tracer_provider.get_tracer("program")

    @observe_generation("m")
    def answer(name: str) -> Iterator[str]:
        for number in range(3):
            tracer.start_span(f"{name} {number}").end()
            yield name

    for pair in zip(answer("a"), answer("b"), strict=True):
        assert pair == ("a", "b")
        assert nothing_is_current()
    children = [
        {child.name for child in globally.children(span)} - {"prefill", "decode"}
        for span in globally.spans("text_completion m")
    ]
    assert children == [{"a 0", "a 1", "a 2"}, {"b 0", "b 1", "b 2"}]


def test_each_value_from_another_thread(globally: Recorder) -> None:
    """As web servers do: each value is asked for in a thread, with a copy of the caller's context."""

    @observe_generation("m")
    def answer() -> Iterator[str]:
        yield from "abc"

    values, ids = answer(), set[int]()

    def ask() -> str:
        ids.add(threading.get_ident())
        return copy_context().run(next, values)

    got = list[str]()
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            got.append(pool.submit(ask).result())
    assert got == ["a", "b", "c"]
    assert next(values, None) is None
    assert counted(globally) == 3
    assert nothing_is_current()


def test_a_block_inside_a_generator_asked_in_copied_contexts(
    globally: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A block that is left in another context than it was entered in ends well, and nothing is logged."""

    def answer() -> Iterator[str]:
        with observe_generation("m") as generation:
            for letter in "abc":
                generation.step()
                yield letter

    values = answer()
    assert [copy_context().run(next, values) for _ in range(3)] == ["a", "b", "c"]
    assert copy_context().run(next, values, None) is None
    assert counted(globally) == 3
    assert nothing_is_current()
    assert caplog.records == []


def test_a_block_that_is_left_in_a_copy_of_its_context(globally: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """In the copy nothing of it is left either: what the program does there next is no part of it."""
    block = observe_generation("m")

    def leave() -> bool:
        block.__exit__(None, None, None)
        return nothing_is_current() and observed_generation() is not generation

    outside = copy_context()

    def enter_and_leave() -> None:
        nonlocal generation
        generation = block.__enter__()
        assert copy_context().run(leave)

    generation: Any = None
    outside.run(enter_and_leave)
    assert globally.span("text_completion m")
    assert caplog.records == []


def test_asynchronous_generators(globally: Recorder) -> None:
    """Two of them in turns in two tasks; nothing is current in the reader between two values."""
    tracer = globally.tracer_provider.get_tracer("program")

    @observe_generation("m")
    async def answer(name: str) -> AsyncGenerator[str, None]:
        for number in range(3):
            await asyncio.sleep(0)
            tracer.start_span(f"{name} {number}").end()
            yield name

    async def read(name: str) -> int:
        seen = 0
        async for value in answer(name):
            assert value == name
            assert nothing_is_current()
            await asyncio.sleep(0)
            seen += 1
        return seen

    async def both() -> list[int]:
        return list(await asyncio.gather(read("a"), read("b")))

    assert asyncio.run(both()) == [3, 3]
    children = [
        {child.name for child in globally.children(span)} - {"prefill", "decode"}
        for span in globally.spans("text_completion m")
    ]
    assert sorted(map(sorted, children)) == [["a 0", "a 1", "a 2"], ["b 0", "b 1", "b 2"]]


def test_asend_athrow_and_aclose(globally: Recorder) -> None:
    """An asynchronous generator takes what it took; that it is closed is no error."""
    closed = list[str]()

    @observe_generation("m")
    async def answer() -> AsyncGenerator[str, int]:
        try:
            got = yield "a"
            try:
                yield str(got)
            except ValueError as error:
                yield str(error)
            yield "more"
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def main() -> list[str]:
        values = answer()
        got = [await anext(values), await values.asend(7), await values.athrow(ValueError("thrown"))]
        await values.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(values)
        return got

    assert asyncio.run(main()) == ["a", "7", "thrown"]
    assert closed == ["closed"]
    assert counted(globally) == 3
    assert globally.span("text_completion m").status.status_code is StatusCode.UNSET


def test_an_asynchronous_generator_that_is_abandoned(globally: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """It is closed by another task, or when the loop ends, and counts what it wrote."""
    kept = list[Any]()

    @observe_generation("m")
    async def answer() -> AsyncGenerator[str, None]:
        try:
            for letter in "abc":
                yield letter
        finally:
            await asyncio.sleep(0)

    async def main() -> None:
        async for _ in answer():
            break
        gc.collect()
        for _ in range(100):  # until the task that closes it has had its turns
            await asyncio.sleep(0)
        assert counted(globally) == 1
        values = answer()
        kept.append(values)  # still there when the loop ends
        await anext(values)
        await asyncio.create_task(close_later(answer()))

    async def close_later(values: AsyncGenerator[str, None]) -> None:
        await anext(values)
        await values.aclose()

    asyncio.run(main())
    spans = globally.spans("text_completion m")
    assert [(span.attributes or {})["gen_ai.usage.output_tokens"] for span in spans] == [1, 1, 1]
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}
    assert globally.point("paddle.request.active").value == 0
    assert caplog.records == []


def test_an_asynchronous_generator_whose_reader_is_cancelled(globally: Recorder) -> None:
    """Cancelled while it waits for the model, it fails; while the reader has the turn, it is closed."""

    @observe_generation("m")
    async def answer() -> AsyncGenerator[str, None]:
        yield "a"
        await asyncio.Event().wait()

    async def read(values: AsyncGenerator[str, None], pause: float) -> None:
        async with contextlib.aclosing(values):
            async for _ in values:
                await asyncio.sleep(pause)

    async def main() -> None:
        for pause in (0, 100):
            task = asyncio.create_task(read(answer(), pause))
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    first, second = globally.spans("text_completion m")
    assert (first.attributes or {})["error.type"] == "asyncio.exceptions.CancelledError"
    assert "error.type" not in (second.attributes or {})


def test_an_asynchronous_generator_whose_loop_is_gone(globally: Recorder) -> None:
    """Closed while it waits for the model, as when nobody drives it any more, it ends without an error."""

    @observe_generation("m")
    async def answer() -> AsyncGenerator[str, None]:
        yield "a"
        await asyncio.sleep(0)
        yield "b"

    values = answer()
    with pytest.raises(StopIteration):
        values.__anext__().send(None)
    waiting: Any = values.__anext__()
    waiting.send(None)
    with pytest.raises(GeneratorExit):
        waiting.throw(GeneratorExit())
    assert counted(globally) == 1
    assert globally.span("text_completion m").status.status_code is StatusCode.UNSET
    assert nothing_is_current()


def test_a_generator_inside_a_generation_is_part_of_it(globally: Recorder) -> None:
    """Its values are not counted a second time, of neither kind of generator."""

    @observe_generation("inner")
    def answer() -> Iterator[str]:
        observed_generation().step(100)
        yield from "abc"

    @observe_generation("inner")
    async def answer_later() -> AsyncGenerator[str, None]:
        observed_generation().step(100)
        yield "a"
        yield "b"

    async def listed() -> list[str]:
        return [value async for value in answer_later()]

    with observe_generation("outer") as generation:
        assert list(answer()) == ["a", "b", "c"]
        assert asyncio.run(listed()) == ["a", "b"]
        generation.step()
    assert {span.name for span in globally.spans()} == {"text_completion outer", "prefill"}
    assert counted(globally, "text_completion outer") == 1


def test_names_in_tracebacks() -> None:
    """An observed generator has the name of its function."""

    @observe_generation("m")
    def answer() -> Iterator[str]:
        yield "a"

    @observe_generation("m")
    async def answer_later() -> AsyncGenerator[str, None]:
        yield "a"

    values: Any = answer()
    later: Any = answer_later()
    assert (values.__name__, later.__name__) == ("answer", "answer_later")
