"""Decorators and coroutines that a program uses in ways that were not meant."""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from global_sdk import globally, no_sdk
from paddle_otel.operations import observe_generation, observe_prediction
from recording import Recorder

__all__ = ["globally", "no_sdk"]


@pytest.mark.parametrize("decorator", [observe_generation, observe_prediction])
def test_a_decorator_without_parentheses(decorator: Any) -> None:
    """Refused where the function is defined, and told how to write it: it would take the function for a name."""
    with pytest.raises(TypeError, match=rf"@{decorator.__name__}\(\.\.\.\) with parentheses"):

        @decorator
        def answer(_: str) -> None: ...


def test_a_function_for_tokens_that_raises(globally: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """It is the program's, and said so once, without its message; the values come as they would."""

    def count(_: str) -> int:
        raise ValueError("the text of a prompt")

    @observe_generation("m", tokens=count)
    def words() -> Iterator[str]:
        yield from ("one", "two")

    assert list(words()) == ["one", "two"]
    (line,) = [record.getMessage() for record in caplog.records if record.name == "paddle_otel"]
    assert line.startswith("paddle_otel.operations: the function given as tokens= raised ValueError")
    assert "prompt" not in line
    assert "gen_ai.usage.output_tokens" not in (globally.span("text_completion m").attributes or {})


async def _answer() -> int:
    return 42


def test_a_coroutine_has_the_functions_name(globally: Recorder) -> None:
    """In warnings and task lists."""
    coroutine: Any = observe_generation("m")(_answer)()
    assert (coroutine.__name__, coroutine.__qualname__) == ("_answer", "_answer")
    assert asyncio.run(coroutine) == 42
    assert len(globally.spans("text_completion m")) == 1


def test_a_task_that_is_cancelled_before_it_began(globally: Recorder) -> None:
    """No warning that somebody forgot to await something, and no generation."""

    async def program() -> None:
        task = asyncio.create_task(observe_generation("m")(_answer)())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(program())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert globally.spans() == []


def test_a_coroutine_that_nobody_awaits(globally: Recorder) -> None:
    """One warning, with the function's name, as without us."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forgotten: Any = observe_generation("m")(_answer)()
        del forgotten
        gc.collect()
    assert [str(warning.message) for warning in caught] == ["coroutine '_answer' was never awaited"]
    assert globally.spans() == []
