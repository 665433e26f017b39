"""Budgets in what a program reports itself: its loop is told to stop, its generators end, its calls are refused."""

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from budgeted import budget, used
from global_sdk import globally, no_sdk
from observed import returning
from paddle_otel.budgets import BUDGETS, BudgetExceeded
from paddle_otel.operations import observe_generation, observe_prediction, observed_generation
from paddle_otel.operations.generation import current_generation
from recording import Recorder

__all__ = ["globally", "no_sdk"]

NAME = "text_completion m"


def attributes_of(recorder: Recorder) -> dict[str, Any]:
    """Return the attributes of the one generation."""
    return dict(recorder.span(NAME).attributes or {})


def nothing_is_current() -> bool:
    """Tell whether the caller's context is as it was."""
    return current_generation() is None and trace.get_current_span() is trace.INVALID_SPAN


async def read(values: AsyncGenerator[Any, None]) -> list[Any]:
    """Read an asynchronous generator to its end."""
    return [value async for value in values]


def test_a_loop_is_told_to_stop(globally: Recorder) -> None:
    """``step()`` says so behind the budget's last token, and again to a loop that goes on all the same."""
    with budget(4, scope="process") as name, observe_generation("m") as generation:
        told = [(generation.step(), generation.over_budget) for _ in range(4)]
    assert told == [(False, False)] * 3 + [(True, True)]
    found = attributes_of(globally)
    assert found["gen_ai.usage.output_tokens"] == 4
    assert found["gen_ai.response.finish_reasons"] == ("budget",)
    assert found["paddle.budget.name"] == name


def test_a_loop_that_goes_on_all_the_same(globally: Recorder) -> None:
    """It is counted, and told again."""
    with budget(2, scope="process") as name:
        with observe_generation("m") as generation:
            assert [generation.step() for _ in range(4)] == [False, True, True, True]
        assert used(name) == 4
    assert attributes_of(globally)["gen_ai.usage.output_tokens"] == 4


def test_a_stop_that_no_longer_holds(globally: Recorder) -> None:
    """Where a loop went on and the budget is gone meanwhile, no budget has ended it."""
    with ExitStack() as until_removed:
        until_removed.enter_context(budget(1))
        with observe_generation("m") as generation:
            assert generation.step() is True
            until_removed.close()
            assert generation.step() is False
            assert generation.over_budget is False
    found = attributes_of(globally)
    assert found["gen_ai.usage.output_tokens"] == 2
    assert "gen_ai.response.finish_reasons" not in found
    assert "paddle.budget.name" not in found


def test_what_the_program_says_counts_more(globally: Recorder) -> None:
    """A reason that it gives is the reason."""
    with budget(1), observe_generation("m") as generation:
        assert generation.step() is True
        generation.finish("stop")
    found = attributes_of(globally)
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert "paddle.budget.name" not in found


def test_several_tokens_a_step(globally: Recorder) -> None:
    """The next step is expected to make as many; what it makes is what counts."""
    with budget(10, scope="process") as name:
        with observe_generation("m", batch_size=3) as generation:
            assert [generation.step(tokens) for tokens in (3, 3)] == [False, False]
            assert generation.step(3) is True
        assert used(name) == 9
    found = attributes_of(globally)
    assert found["gen_ai.usage.output_tokens"] == 9
    assert "gen_ai.response.finish_reasons" not in found  # which of the three had ended before is not known
    assert found["paddle.budget.name"] == name


def test_steps_that_make_no_token(globally: Recorder) -> None:
    """A prompt that is read in pieces uses nothing."""
    with budget(1), observe_generation("m") as generation:
        assert [generation.step(0) for _ in range(3)] == [False] * 3
        assert generation.step() is True
    assert attributes_of(globally)["gen_ai.usage.output_tokens"] == 1


def test_steps_of_unknown_tokens(globally: Recorder) -> None:
    """Each counts as one token at least, for the budget only."""
    with budget(3, scope="process") as name:
        with observe_generation("m") as generation:
            assert [generation.step(None) for _ in range(3)] == [False, False, True]
        assert used(name) == 3
    assert "gen_ai.usage.output_tokens" not in attributes_of(globally)


@pytest.mark.parametrize("wrong", ["three", 1.5, -1, True])
def test_a_wrong_count(wrong: Any, globally: Recorder) -> None:
    """Is an unknown one."""
    with observe_generation("m") as generation:
        assert generation.step(wrong) is False
    assert globally.span(NAME)


def test_without_budgets_nobody_is_told_to_stop(globally: Recorder) -> None:
    """Observed or not."""
    with observe_generation("m") as generation:
        assert [generation.step() for _ in range(3)] == [False] * 3
        assert generation.over_budget is False
    assert observed_generation().step() is False
    assert observed_generation().over_budget is False
    assert globally.span(NAME)


@pytest.mark.usefixtures("no_sdk")
def test_without_an_sdk() -> None:
    """Budgets hold where nothing is reported."""
    with budget(2, "stop", "refuse", scope="process"):
        with observe_generation("m") as generation:
            assert [generation.step() for _ in range(2)] == [False, True]
        with pytest.raises(BudgetExceeded), observe_generation("m"):
            raise AssertionError("the block ran")


def test_a_generator_ends_behind_its_budget(globally: Recorder) -> None:
    """The consumer sees a usual end; the function cleans up inside, when the next value is asked for."""
    cleaned: list[bool] = []

    @observe_generation("m")
    def answer() -> Generator[str, None, str]:
        try:
            yield from "abcdef"
        finally:
            cleaned.append(nothing_is_current())
        return "never"

    with budget(3) as name:
        values = answer()
        assert [next(values) for _ in range(3)] == ["a", "b", "c"]
        assert cleaned == []
        with pytest.raises(StopIteration) as end:
            next(values)
        assert end.value.value is None
        assert list(values) == []
    assert cleaned == [False]
    assert nothing_is_current()
    span = globally.span(NAME)
    assert span.status.status_code is StatusCode.UNSET
    found = attributes_of(globally)
    assert found["gen_ai.usage.output_tokens"] == 3
    assert found["gen_ai.response.finish_reasons"] == ("budget",)
    assert found["paddle.budget.name"] == name
    assert globally.point("paddle.request.active").value == 0


def test_an_asynchronous_generator_ends_behind_its_budget(globally: Recorder) -> None:
    """In the same way."""
    cleaned: list[bool] = []

    @observe_generation("m")
    async def answer() -> AsyncGenerator[int, None]:
        try:
            for number in range(9):
                await asyncio.sleep(0)
                yield number
        finally:
            cleaned.append(nothing_is_current())

    with budget(3):
        assert asyncio.run(read(answer())) == [0, 1, 2]
    assert cleaned == [False]
    assert nothing_is_current()
    assert attributes_of(globally)["gen_ai.response.finish_reasons"] == ("budget",)


def test_a_generator_whose_own_count_is_used(globally: Recorder) -> None:
    """With ``tokens=`` the values are counted, with ``tokens=None`` the function counts."""

    @observe_generation("m", tokens=len)
    def words() -> Iterator[str]:
        yield from ("ab", "cd", "ef", "gh")

    @observe_generation("m", tokens=None)
    def counts() -> Iterator[int]:
        for number in range(9):
            observed_generation().step(2)
            yield number

    with budget(4):
        assert list(words()) == ["ab", "cd"]
        assert list(counts()) == [0, 1]
    assert [(span.attributes or {})["gen_ai.usage.output_tokens"] for span in globally.spans(NAME)] == [4, 4]


@pytest.mark.parametrize("how", ["close", "let go", "throw"])
def test_a_generator_that_nobody_asks_again(how: str, globally: Recorder) -> None:
    """Behind its last value it may be closed, let go of or thrown into, as any other."""

    @observe_generation("m")
    def answer() -> Iterator[str]:
        yield from "abc"

    with budget(1):
        values: Any = answer()
        assert next(values) == "a"
        if how == "close":
            values.close()
        elif how == "throw":
            with pytest.raises(KeyError):
                values.throw(KeyError("the consumer's"))
        del values
        gc.collect()
    found = attributes_of(globally)
    assert found["gen_ai.usage.output_tokens"] == 1
    reason = "error" if how == "throw" else "budget"
    assert found.get("gen_ai.response.finish_reasons", (reason,)) == (reason,)
    assert globally.point("paddle.request.active").value == 0


def test_a_generator_that_fails_when_it_is_closed(globally: Recorder) -> None:
    """Its exception is the consumer's, as of any generator."""

    @observe_generation("m")
    def answer() -> Iterator[str]:
        try:
            yield from "abc"
        finally:
            raise ConnectionError("cannot clean up")

    with budget(1), pytest.raises(ConnectionError, match="cannot clean up"):
        list(answer())
    assert globally.span(NAME).status.status_code is StatusCode.ERROR


def refused_block() -> None:
    """Run a block."""
    with observe_generation("m", input_tokens=3):
        raise AssertionError("the block ran")


def refused_async_block() -> None:
    """Run a block of a coroutine."""

    async def run() -> None:
        async with observe_generation("m", input_tokens=3):
            raise AssertionError("the block ran")

    asyncio.run(run())


@observe_generation("m", input_tokens=3)
def refused_function() -> None:
    """Run."""
    raise AssertionError("the function ran")


@observe_generation("m", input_tokens=3)
async def a_coroutine() -> None:
    """Run."""
    raise AssertionError("the coroutine ran")


def refused_coroutine() -> None:
    """Run a coroutine."""
    asyncio.run(a_coroutine())


@observe_generation("m", input_tokens=3)
def a_generator() -> Iterator[int]:
    """Give a value."""
    raise AssertionError("the generator ran")
    yield 1


def refused_generator() -> None:
    """Ask for the first value."""
    values = a_generator()
    try:
        next(values)
    finally:
        assert list(values) == []  # as after any exception


@observe_generation("m", input_tokens=3)
async def an_async_generator() -> AsyncGenerator[int, None]:
    """Give a value."""
    raise AssertionError("the generator ran")
    yield 1


def refused_async_generator() -> None:
    """Ask for the first value."""
    asyncio.run(read(an_async_generator()))


REFUSED = (
    refused_block,
    refused_async_block,
    refused_function,
    refused_coroutine,
    refused_generator,
    refused_async_generator,
)


@pytest.mark.parametrize("run", REFUSED)
def test_nothing_of_the_program_runs_when_it_is_refused(run: Callable[[], None], globally: Recorder) -> None:
    """``BudgetExceeded`` comes in its place, with no warning of something that was never awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with budget(3, "refuse", counts="both") as name, pytest.raises(BudgetExceeded) as caught:
            run()
        gc.collect()
    assert (caught.value.budget, caught.value.limit) == (name, 3)
    assert nothing_is_current()
    found = attributes_of(globally)
    assert found["error.type"] == f"{BudgetExceeded.__module__}.BudgetExceeded"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (0, 0)
    assert found["paddle.budget.name"] == name
    assert globally.point("paddle.request.active").value == 0
    with pytest.raises(AssertionError, match="ran"):
        run()


def test_an_observer_that_was_refused_may_be_entered_again(globally: Recorder) -> None:
    """Nothing of the refused block is left in it."""
    observer = observe_generation("m")
    with budget(0, "refuse"), pytest.raises(BudgetExceeded), observer:
        pass
    with observer as generation:
        generation.step()
    assert len(globally.spans(NAME)) == 2


def test_predictions_are_counted_and_not_refused(globally: Recorder) -> None:
    """Whether one reads tokens is known at its end only."""
    with budget(0, "stop", "refuse", scope="process", counts="input") as name:
        with observe_prediction("m", input_tokens=5):
            pass
        assert used(name) == 5
    assert globally.point("paddle.prediction.duration").count == 1


def test_embeddings_are_refused_before_the_block(globally: Recorder) -> None:
    """One that still had tokens left goes on to its end, the next one does not begin."""
    ran: list[int] = []

    @observe_prediction("bge", input_tokens=5, embeddings=True)
    def embed() -> None:
        ran.append(1)

    with budget(4, "refuse", scope="process", counts="input") as name:
        embed()
        with pytest.raises(BudgetExceeded) as caught:
            embed()
        assert (caught.value.budget, caught.value.used, used(name)) == (name, 5, 5)
    embed()
    assert len(ran) == 2
    assert nothing_is_current()
    first, refused, last = (dict(span.attributes or {}) for span in globally.spans("embeddings bge"))
    assert refused["error.type"] == "paddle_otel.budgets.BudgetExceeded"
    assert [one.get("gen_ai.usage.input_tokens") for one in (first, refused, last)] == [5, 0, 5]
    assert globally.point("paddle.tokens").value == 10


class Broken:
    """A spending that fails wherever it is touched."""

    @property
    def refusal(self) -> Any:
        """Fail."""
        raise RuntimeError("a bug of ours")

    stopped_by = refusal

    def step(self, *_: Any) -> bool:
        """Fail."""
        raise RuntimeError("a bug of ours")

    def end(self, *_: Any) -> None:
        """Fail."""
        raise RuntimeError("a bug of ours")


def test_a_spending_that_fails_everywhere(
    globally: Recorder, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """The program's loop is not told to stop, and its generator runs to its end."""
    telemetry_trouble.expected = True

    @observe_generation("m")
    def answer() -> Iterator[str]:
        yield from "abc"

    with budget(1, "stop", "refuse"):
        monkeypatch.setattr(type(BUDGETS), "begin", returning(Broken()))
        assert list(answer()) == ["a", "b", "c"]
        with observe_generation("m") as generation:
            assert [generation.step() for _ in range(3)] == [False] * 3
    assert [(span.attributes or {})["gen_ai.usage.output_tokens"] for span in globally.spans(NAME)] == [3, 3]


def test_threads_share_a_budget(globally: Recorder) -> None:
    """Sixteen generators at once give at most the limit and one value each."""

    @observe_generation("m")
    def answer() -> Iterator[int]:
        yield from range(1000)

    given: list[int] = []
    with budget(500, scope="process") as name:
        threads = [threading.Thread(target=lambda: given.append(len(list(answer())))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert used(name) == sum(given)
    assert 500 <= sum(given) <= 516
    assert len(globally.spans(NAME)) == 16
