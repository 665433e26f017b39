"""A counter that follows generations has their output from what is observed, and from nowhere else."""

import contextlib
import gc
import weakref
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from typing import Any, cast

import pytest

from paddle_otel.identity import Identity, identify
from paddle_otel.monitor import GPUMonitor
from paddle_otel.monitor.token_counter import TokenCounter
from paddle_otel.operations import observe_generation
from paddle_otel.operations.generation_subscribers import GENERATION_SUBSCRIBERS, EndedGeneration
from stubs.tokenizer_base import TokenizerBase


def end_generation(output_tokens: int | None, *, session: str | None = None, request: str | None = None) -> None:
    """Tell everybody that a generation ended."""
    begun_at = GENERATION_SUBSCRIBERS.places()
    GENERATION_SUBSCRIBERS.tell(EndedGeneration(Identity(request, session), "model", 3, output_tokens, None, begun_at))


@pytest.fixture
def counter() -> TokenCounter:
    """One that follows generations."""
    return TokenCounter(follow_generations=True)


def test_output_comes_by_itself(counter: TokenCounter) -> None:
    """Once for each generation; the input is the tokenizer's."""
    other = TokenCounter()
    end_generation(5)
    end_generation(6)
    assert (counter.get_output_count(), counter.get_input_count(), other.get_total_count()) == (11, 0, 0)
    assert counter.get_statistics().followed_generations == 2


def test_what_is_logged_is_not_counted_again(counter: TokenCounter) -> None:
    """It is noted beside the count; what nobody else saw counts."""
    end_generation(5)
    counter.log_generated_tokens(5)
    counter.log_generated_tokens(7)
    assert (counter.get_output_count(), counter.get_statistics().logged_tokens_not_counted) == (5, 12)
    counter.log_generated_tokens(100, unobserved=True)
    assert (counter.get_output_count(), counter.get_statistics().logged_tokens_not_counted) == (105, 12)
    counter.log_input_tokens(1)
    assert counter.get_input_count() == 1


def test_a_counter_that_does_not_follow_counts_what_is_logged() -> None:
    """Both ways of saying so."""
    counter = TokenCounter()
    counter.log_generated_tokens(5)
    counter.log_generated_tokens(5, unobserved=True)
    assert (counter.get_output_count(), counter.get_statistics().logged_tokens_not_counted) == (10, 0)


def test_an_unknown_output_is_noted(counter: TokenCounter) -> None:
    """It is not 0 tokens."""
    end_generation(None)
    end_generation(0)
    found = counter.get_statistics()
    assert (found.followed_generations, found.uncounted_calls, found.output_tokens) == (2, 1, 0)


def test_it_belongs_to_who_is_here_or_asked(counter: TokenCounter) -> None:
    """An open session comes first, then who the generation was started for."""
    end_generation(1, session="s", request="r")
    with counter.session("a"), counter.request("b"):
        end_generation(10, session="s", request="r")
        end_generation(100)
    found = counter.to_dict()
    assert {name: one["output_tokens"] for name, one in found["by_session"]["named"].items()} == {"s": 1, "a": 110}
    assert {name: one["output_tokens"] for name, one in found["by_request"]["named"].items()} == {"r": 1, "b": 110}


def test_thresholds_are_reached_by_it(counter: TokenCounter) -> None:
    """In the thread that ended the generation."""
    crossed: list[Any] = []
    counter.on_threshold(5, crossed.append)
    end_generation(5)
    assert [one.tokens for one in crossed] == [5]


def test_decoded_tokens_would_count_twice(counter: TokenCounter) -> None:
    """So they are refused."""
    with pytest.raises(
        ValueError, match=r"^count_decoded on a counter that follows generations would count them twice$"
    ):
        counter.wrap_tokenizer(TokenizerBase(), count_decoded=True)


def test_a_counter_that_is_switched_off_follows_nothing() -> None:
    """All counts stay 0."""
    counter = TokenCounter(enable=False, follow_generations=True)
    end_generation(5)
    end_generation(None)
    assert counter.to_dict() == TokenCounter().to_dict()


def test_it_belongs_to_where_it_began(counter: TokenCounter) -> None:
    """An abandoned stream ends in whatever code lets go of it: nobody else's session is charged."""

    @observe_generation("m", batch_size=1)
    def stream() -> Iterator[int]:
        yield from range(100)

    with counter.session("Ada"), counter.request("first"):
        abandoned = stream()
        assert [next(abandoned) for _ in range(50)] == list(range(50))
    with counter.session("Bob"), counter.request("second"):
        read = stream()
        next(read)
        del abandoned
        gc.collect()
    with identify(session="Cleo"):
        unnamed = stream()
        next(unnamed)
    with counter.session("Dan"):
        assert len(list(read)) == 99
        assert len(list(unnamed)) == 99
    found = counter.to_dict()
    by_session = {name: one["output_tokens"] for name, one in found["by_session"]["named"].items()}
    assert by_session == {"Ada": 50, "Bob": 100, "Cleo": 100}
    by_request = {name: one["output_tokens"] for name, one in found["by_request"]["named"].items()}
    assert by_request == {"first": 50, "second": 100}


def test_nothing_of_the_program_is_kept_for_it(counter: TokenCounter) -> None:
    """Of where a generation began only names: what the program has in its context may go."""

    class Connection:
        """Something large."""

    variable: ContextVar[Connection | None] = ContextVar("variable", default=None)

    @observe_generation("m", batch_size=1)
    def stream() -> Generator[int, None, None]:
        yield from range(2)

    with counter.session("a"):
        token = variable.set(Connection())
        gone = weakref.ref(cast("Connection", variable.get()))
        values = stream()
        next(values)
        variable.reset(token)
    del token
    gc.collect()
    assert gone() is None
    values.close()
    assert counter.session("a").get_output_count() == 1


def test_a_counter_that_comes_later_knows_who_asked() -> None:
    """A session that was not there when a generation began is not one that it was begun in."""
    began_at = GENERATION_SUBSCRIBERS.places()
    counter = TokenCounter(follow_generations=True)
    with counter.session("later"):
        GENERATION_SUBSCRIBERS.tell(EndedGeneration(Identity(session="s"), "model", 3, 5, None, began_at))
    (session,) = counter.to_dict()["by_session"]["named"].items()
    assert session == ("s", {"input_tokens": 0, "output_tokens": 5, "total_tokens": 5})


@pytest.mark.parametrize("watched", [False, True])
def test_it_needs_neither_an_sdk_nor_a_monitor(counter: TokenCounter, watched: bool) -> None:
    """What is counted does not depend on who else wants to know."""
    monitor = GPUMonitor(0, observe=False) if watched else contextlib.nullcontext()
    with monitor, observe_generation("m", batch_size=1) as generation:
        generation.step()
        generation.step()
    assert (counter.get_output_count(), counter.get_statistics().followed_generations) == (2, 1)
