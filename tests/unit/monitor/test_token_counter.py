"""A token counter adds up what it is told, and refuses what is no number of tokens."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from paddle_otel.monitor.token_counter import TokenCounter
from stubs.tensors import StubTensor
from stubs.tokenizer_base import TokenizerBase

NOTHING = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
NO_NOTES = {
    "encode_calls": 0,
    "uncounted_calls": 0,
    "followed_generations": 0,
    "logged_tokens_not_counted": 0,
    "sessions": 0,
    "evicted_sessions": 0,
    "requests": 0,
    "evicted_requests": 0,
}


def test_the_three_lines_of_a_notebook() -> None:
    """A tracked tokenizer counts what goes in, the program says what comes out, and both are the total."""
    counter = TokenCounter(enable=True)
    tracked = counter.wrap_tokenizer(TokenizerBase())
    assert tracked("three short words", return_tensors="pd")["input_ids"].shape == [1, 3]
    counter.log_generated_tokens(4)
    assert (counter.get_input_count(), counter.get_output_count(), counter.get_total_count()) == (3, 4, 7)
    assert repr(counter) == "<TokenCounter: 7 tokens, 3 in, 4 out>"


def test_a_new_counter_has_counted_nothing() -> None:
    """All counts are there and 0."""
    assert TokenCounter().to_dict() == {
        **NOTHING,
        **NO_NOTES,
        "by_session": {"named": {}, "evicted": NOTHING, "unnamed": NOTHING},
        "by_request": {"named": {}, "evicted": NOTHING, "unnamed": NOTHING},
    }


def test_everything_by_name() -> None:
    """Sessions, what is forgotten and what has no session add up to the total, and JSON takes it all."""
    counter = TokenCounter(max_sessions=1)
    counter.log_input_tokens(1)
    with counter.session("old"):
        counter.log_input_tokens(10)
        counter.log_generated_tokens(20)
    with counter.session("ñ"), counter.request("r"):
        counter.log_generated_tokens(300)
    found = counter.to_dict()
    assert found["by_session"] == {
        "named": {"ñ": {"input_tokens": 0, "output_tokens": 300, "total_tokens": 300}},
        "evicted": {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30},
        "unnamed": {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1},
    }
    assert found["by_request"] == {
        "named": {"r": {"input_tokens": 0, "output_tokens": 300, "total_tokens": 300}},
        "evicted": NOTHING,
        "unnamed": {"input_tokens": 11, "output_tokens": 20, "total_tokens": 31},
    }
    assert (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (11, 320, 331)
    assert (found["sessions"], found["evicted_sessions"], found["requests"], found["evicted_requests"]) == (1, 1, 1, 0)
    assert json.loads(json.dumps(found)) == found


def test_statistics_are_of_one_moment() -> None:
    """What is counted later does not change them."""
    counter = TokenCounter()
    counter.log_input_tokens(2)
    before = counter.get_statistics()
    counter.log_input_tokens(2)
    assert (before.input_tokens, before.to_dict()) == (
        2,
        {**NO_NOTES, "input_tokens": 2, "output_tokens": 0} | {"total_tokens": 2},
    )
    assert counter.get_statistics().input_tokens == 4


def test_reset_begins_at_0_again() -> None:
    """Counts, sessions and notes; a tokenizer that is tracked goes on counting."""
    counter = TokenCounter(max_sessions=1, max_requests=1)
    tracked = counter.wrap_tokenizer(TokenizerBase())
    for name in ("a", "b"):
        with counter.session(name), counter.request(name):
            tracked("a word")
    counter.reset()
    assert counter.to_dict() == TokenCounter().to_dict()
    tracked("a word")
    assert counter.get_total_count() == 2


@pytest.mark.parametrize("count", [0, 1, 2**70, np.int64(3), np.uint8(200)])
def test_whole_numbers_count(count: Any) -> None:
    """Of Python, however large, and of NumPy; what comes back is Python's."""
    counter = TokenCounter()
    counter.log_generated_tokens(count)
    counter.log_input_tokens(count)
    assert (counter.get_output_count(), counter.get_input_count()) == (int(count), int(count))
    assert type(counter.get_total_count()) is int


LOG: dict[str, Callable[[TokenCounter, Any], None]] = {
    "input": TokenCounter.log_input_tokens,
    "generated": TokenCounter.log_generated_tokens,
    "unobserved": lambda counter, count: counter.log_generated_tokens(count, unobserved=True),
}


@pytest.mark.parametrize("enable", [True, False])
@pytest.mark.parametrize("log", LOG)
@pytest.mark.parametrize("count", [None, True, False, 1.0, "1", [1], np.float64(1), np.bool_(True), StubTensor(1)])
def test_what_is_no_whole_number_raises(count: Any, log: str, enable: bool) -> None:
    """At once, also while nothing is counted; no tensor is read."""
    counter = TokenCounter(enable)
    with pytest.raises(TypeError, match=rf"^the number of tokens must be an integer, not {type(count).__name__}$"):
        LOG[log](counter, count)
    assert counter.get_total_count() == 0


@pytest.mark.parametrize("log", LOG)
def test_a_negative_number_raises(log: str) -> None:
    """Counts only rise."""
    counter = TokenCounter()
    with pytest.raises(ValueError, match=r"^the number of tokens must be at least 0, not -1$"):
        LOG[log](counter, -1)
    assert counter.get_total_count() == 0


@pytest.mark.parametrize("maximum", ["max_sessions", "max_requests"])
def test_maxima_are_checked(maximum: str) -> None:
    """A counter of no session at all makes no sense, nor does half a session."""
    options: dict[str, Any] = {maximum: 0}
    with pytest.raises(ValueError, match=rf"^{maximum} must be at least 1, not 0$"):
        TokenCounter(**options)
    options = {maximum: 1.5}
    with pytest.raises(TypeError, match=rf"^{maximum} must be an integer, not float$"):
        TokenCounter(**options)


def test_counters_are_independent() -> None:
    """Each has its own counts and its own sessions."""
    one, other = TokenCounter(), TokenCounter()
    with one.session("a"):
        one.log_input_tokens(1)
        other.log_input_tokens(2)
    assert (one.get_total_count(), other.get_total_count()) == (1, 2)
    assert (one.session("a").get_total_count(), other.session("a").get_total_count()) == (1, 0)


def test_switched_off_it_is_not_there() -> None:
    """The tokenizer itself comes back; sessions, thresholds and logs work and count nothing."""
    counter = TokenCounter(enable=False, follow_generations=True)
    tokenizer = TokenizerBase()
    assert counter.wrap_tokenizer(tokenizer) is tokenizer
    crossed: list[Any] = []
    counter.on_threshold(1, crossed.append)
    with counter.session("a") as session, counter.request("b"):
        tokenizer("a word")
        counter.log_input_tokens(1)
        counter.log_generated_tokens(1)
        counter.log_generated_tokens(1, unobserved=True)
    assert (session.get_total_count(), crossed) == (0, [])
    assert counter.to_dict() == TokenCounter().to_dict()
