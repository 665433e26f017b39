"""A threshold's function is called once for each time that a count reaches it."""

import threading
from typing import Any

import pytest

from paddle_otel.monitor.token_counter import TokenCounter
from paddle_otel.monitor.token_counter_thresholds import ThresholdCrossed
from racing import race
from stubs.tokenizer_base import TokenizerBase


@pytest.fixture
def counter() -> TokenCounter:
    """A new one."""
    return TokenCounter()


def test_reaching_it_calls_once(counter: TokenCounter) -> None:
    """With the addition that reaches it, input or output, not before and not again."""
    crossed: list[ThresholdCrossed] = []
    counter.on_threshold(10, crossed.append)
    counter.log_input_tokens(9)
    assert crossed == []
    counter.log_generated_tokens(1)
    assert crossed == [ThresholdCrossed(limit=10, scope="total", name=None, tokens=10)]
    counter.log_input_tokens(100)
    assert len(crossed) == 1


def test_jumping_over_it_calls_too(counter: TokenCounter) -> None:
    """The function is told what the count is now; of several limits the lower one is told first."""
    crossed: list[ThresholdCrossed] = []
    for limit in (20, 10, 1000):
        counter.on_threshold(limit, crossed.append)
    counter.log_input_tokens(500)
    assert [(found.limit, found.tokens) for found in crossed] == [(10, 500), (20, 500)]


@pytest.mark.parametrize("scope", ["session", "request"])
def test_each_session_or_request_has_its_own_crossing(counter: TokenCounter, scope: Any) -> None:
    """What has no name has none, and the total is not asked."""
    crossed: list[ThresholdCrossed] = []
    counter.on_threshold(10, crossed.append, scope=scope)
    counter.log_input_tokens(100)
    for name in ("a", "b", "a"):
        with getattr(counter, scope)(name):
            counter.log_input_tokens(6)
    assert crossed == [ThresholdCrossed(10, scope, "a", 12)]
    with getattr(counter, scope)("b"):
        counter.log_input_tokens(6)
    assert crossed[1:] == [ThresholdCrossed(10, scope, "b", 12)]


def test_all_scopes_at_one_addition(counter: TokenCounter) -> None:
    """Total, session, request: each is told its own count."""
    crossed: list[ThresholdCrossed] = []
    counter.log_input_tokens(5)
    for scope in ("request", "session", "total"):
        counter.on_threshold(7, crossed.append, scope)
    with counter.session("s"), counter.request("r"):
        counter.log_input_tokens(7)
    assert crossed == [(7, "total", None, 12), (7, "session", "s", 7), (7, "request", "r", 7)]


def test_a_count_that_is_there_already_calls_nothing(counter: TokenCounter) -> None:
    """It does not reach the limit: it is past it. After a reset it can."""
    crossed: list[ThresholdCrossed] = []
    counter.log_input_tokens(10)
    counter.on_threshold(10, crossed.append)
    counter.log_input_tokens(1)
    assert crossed == []
    for _ in range(2):
        counter.reset()
        counter.log_input_tokens(10)
    assert len(crossed) == 2


def test_a_forgotten_session_can_reach_it_again() -> None:
    """Its count begins at 0."""
    counter = TokenCounter(max_sessions=1)
    crossed: list[ThresholdCrossed] = []
    counter.on_threshold(3, crossed.append, "session")
    for name in ("a", "b", "a"):
        with counter.session(name):
            counter.log_input_tokens(3)
    assert [found.name for found in crossed] == ["a", "b", "a"]


def test_cancelled_it_calls_nothing(counter: TokenCounter) -> None:
    """The others stay; cancelling twice changes nothing."""
    crossed: list[ThresholdCrossed] = []
    first, _ = counter.on_threshold(1, crossed.append), counter.on_threshold(1, crossed.append, "total")
    first.cancel()
    first.cancel()
    counter.log_input_tokens(1)
    assert len(crossed) == 1


def test_the_thread_that_reaches_it_calls(counter: TokenCounter) -> None:
    """Whichever that is, and no other."""
    callers: list[int] = []
    counter.on_threshold(5, lambda _: callers.append(threading.get_ident()))
    thread = threading.Thread(target=counter.log_input_tokens, args=(5,))
    thread.start()
    ident = thread.ident
    thread.join()
    assert callers == [ident]


def test_once_among_sixteen_threads(counter: TokenCounter) -> None:
    """However they race; of a thousand limits each is reached once."""
    crossed: list[int] = []
    for limit in range(1, 1001):
        counter.on_threshold(limit, lambda found: crossed.append(found.limit))
    start = threading.Barrier(16)

    def work() -> None:
        start.wait()
        for _ in range(100):
            counter.log_generated_tokens(1)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(crossed) == list(range(1, 1001))


def test_the_function_may_use_the_counter(counter: TokenCounter) -> None:
    """It counts, asks, resets, and waits for another thread that counts: nothing is locked while it runs."""
    seen: list[int] = []

    def use(found: ThresholdCrossed) -> None:
        other = threading.Thread(target=counter.log_input_tokens, args=(1,), daemon=True)
        other.start()
        other.join(20)
        assert not other.is_alive()
        counter.log_generated_tokens(1)
        seen.append(counter.get_total_count() - found.tokens)
        counter.reset()

    counter.on_threshold(5, use)
    counter.log_input_tokens(5)
    assert (seen, counter.get_total_count()) == ([2], 0)


def test_what_it_raises_does_not_reach_the_program(counter: TokenCounter, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once; other functions are called; the tokenizer's result arrives; counts are right."""
    crossed: list[int] = []

    def broken(found: ThresholdCrossed) -> None:
        crossed.append(found.limit)
        raise RuntimeError(f"limit {found.limit}")

    for limit in (1, 2, 3):
        counter.on_threshold(limit, broken)
    tracked = counter.wrap_tokenizer(TokenizerBase())
    assert tracked.encode("a word") == [11, 14]
    counter.log_input_tokens(1)
    assert (crossed, counter.get_total_count()) == ([1, 2, 3], 3)
    (record,) = caplog.records
    assert "Your program's own code (the callback of a token threshold) raised RuntimeError" in record.getMessage()
    assert "limit 1" not in record.getMessage()


def test_an_interrupt_in_it_is_the_programs(counter: TokenCounter) -> None:
    """``KeyboardInterrupt`` passes, and the tokens are counted."""

    def interrupted(_: ThresholdCrossed) -> None:
        raise KeyboardInterrupt

    counter.on_threshold(1, interrupted)
    with pytest.raises(KeyboardInterrupt):
        counter.log_input_tokens(1)
    assert counter.get_total_count() == 1


WRONG: dict[str, tuple[type[Exception], str]] = {
    "0": (ValueError, "limit must be at least 1, not 0"),
    "True": (TypeError, "limit must be an integer, not bool"),
    "1.5": (TypeError, "limit must be an integer, not float"),
    "None": (TypeError, "limit must be an integer, not NoneType"),
}


@pytest.mark.parametrize("limit", [0, True, 1.5, None])
def test_a_wrong_limit_raises(counter: TokenCounter, limit: Any) -> None:
    """A limit of 0 is reached by nothing."""
    kind, message = WRONG[str(limit)]
    with pytest.raises(kind, match=rf"^{message}$"):
        counter.on_threshold(limit, print)


def test_a_wrong_scope_or_function_raises(counter: TokenCounter) -> None:
    """There are three scopes, and a function can be called."""
    scope: Any = "tenant"
    with pytest.raises(ValueError, match=r"^scope must be one of total, session, request, not 'tenant'$"):
        counter.on_threshold(1, print, scope)
    callback: Any = None
    with pytest.raises(TypeError, match=r"^callback must be callable, not NoneType$"):
        counter.on_threshold(1, callback)


def test_many_threads_look_out_at_once(counter: TokenCounter) -> None:
    """No limit is lost where another one is set or cancelled in the same moment; the lower ones are told first."""
    crossed: list[int] = []

    def work(number: int) -> None:
        for limit in range(1 + number, 401, 8):
            counter.on_threshold(limit, lambda found: crossed.append(-found.limit)).cancel()
            counter.on_threshold(limit, lambda found: crossed.append(found.limit))

    race(work)
    counter.log_generated_tokens(400)
    assert crossed == list(range(1, 401))
