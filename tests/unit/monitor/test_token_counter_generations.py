"""A counter that follows generations has their output from what is observed, and from nowhere else."""

from typing import Any

import pytest

from paddle_otel.identity import Identity
from paddle_otel.monitor.token_counter import TokenCounter
from paddle_otel.operations.generation_subscribers import GENERATION_SUBSCRIBERS, EndedGeneration
from stubs.tokenizer_base import TokenizerBase


def end_generation(output_tokens: int | None, *, session: str | None = None, request: str | None = None) -> None:
    """Tell everybody that a generation ended."""
    GENERATION_SUBSCRIBERS.tell(EndedGeneration(Identity(request, session), "model", 3, output_tokens, None))


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
