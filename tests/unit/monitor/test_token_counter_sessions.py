"""Tokens belong to the session and the request that the code is in: by thread, by task, nested, or as identified."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from paddle_otel.identity import identify
from paddle_otel.monitor.token_counter import TokenCounter
from paddle_otel.monitor.token_counter_scope import TokenScope


@pytest.fixture
def counter() -> TokenCounter:
    """A new one."""
    return TokenCounter()


def totals(counter: TokenCounter, by: str = "by_session") -> dict[str, int]:
    """Return the total of each session or request, and of what has none."""
    found: dict[str, Any] = counter.to_dict()[by]
    named = {name: tokens["total_tokens"] for name, tokens in found["named"].items()}
    return {**named, "-": found["unnamed"]["total_tokens"]}


def test_a_block_counts_for_its_session(counter: TokenCounter) -> None:
    """Before and after it nothing does; the object tells input and output."""
    counter.log_input_tokens(1)
    with counter.session("a") as session:
        counter.log_input_tokens(10)
        counter.log_generated_tokens(20)
    counter.log_input_tokens(1)
    assert (session.get_input_count(), session.get_output_count(), session.get_total_count()) == (10, 20, 30)
    assert session.to_dict() == {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
    assert repr(session) == "<session 'a': 30 tokens>"
    assert counter.session("a").get_total_count() == 30
    assert counter.session("b").get_total_count() == 0
    assert totals(counter) == {"a": 30, "-": 2}


def test_sessions_and_requests_are_counted_side_by_side(counter: TokenCounter) -> None:
    """A request within a session counts for both, and names of the two have nothing to do with each other."""
    with counter.session("a"):
        counter.log_input_tokens(1)
        for name in ("a", "b"):
            with counter.request(name) as request:
                counter.log_input_tokens(10)
            assert (repr(request), request.get_total_count()) == (f"<request '{name}': 10 tokens>", 10)
    assert (totals(counter), totals(counter, "by_request")) == ({"a": 21, "-": 0}, {"a": 10, "b": 10, "-": 1})
    assert counter.get_total_count() == 21


def test_the_innermost_session_counts(counter: TokenCounter) -> None:
    """Also inside one of the same name; afterwards the outer one does again."""
    with counter.session("a"):
        with counter.session("b"), counter.session("a"), counter.session("b"):
            counter.log_input_tokens(1)
        counter.log_input_tokens(10)
        with counter.session("a"):
            pass
        counter.log_input_tokens(100)
    counter.log_input_tokens(1000)
    assert totals(counter) == {"a": 110, "b": 1, "-": 1000}


def test_one_object_is_entered_again(counter: TokenCounter) -> None:
    """One after the other, inside itself, and in two threads at once."""
    session = counter.session("a")
    with session, session:
        counter.log_input_tokens(1)
    with session, ThreadPoolExecutor(1) as pool:

        def inside() -> None:
            with session:
                counter.log_input_tokens(10)

        pool.submit(inside).result()
        pool.submit(counter.log_input_tokens, 100).result()
        counter.log_input_tokens(1000)
    assert totals(counter) == {"a": 1011, "-": 100}


def test_an_exception_leaves_the_session(counter: TokenCounter) -> None:
    """It passes, and what follows is outside."""
    with pytest.raises(KeyError, match="a user's"), counter.session("a"):
        raise KeyError("a user's")
    counter.log_input_tokens(1)
    assert totals(counter) == {"-": 1}


def test_tasks_have_their_own_sessions(counter: TokenCounter) -> None:
    """A task begins where it was made, and what it opens is open in it alone."""

    async def work(name: str, meet: asyncio.Event) -> None:
        counter.log_input_tokens(1)
        with counter.session(name):
            await asyncio.sleep(0)
            counter.log_input_tokens(10)
            await meet.wait()
            await asyncio.to_thread(counter.log_input_tokens, 100)

    async def program() -> None:
        meet = asyncio.Event()
        with counter.session("outer"):
            tasks = [asyncio.create_task(work(name, meet)) for name in ("a", "b")]
            await asyncio.sleep(0.01)
            counter.log_input_tokens(1000)
        meet.set()
        await asyncio.gather(*tasks)
        counter.log_input_tokens(10000)

    asyncio.run(program())
    assert totals(counter) == {"outer": 1002, "a": 110, "b": 110, "-": 10000}


def test_threads_are_outside_unless_given_the_context(counter: TokenCounter) -> None:
    """As every context variable."""
    with counter.session("a"):
        context = contextvars.copy_context()
        alone = threading.Thread(target=lambda: contextvars.Context().run(counter.log_input_tokens, 1))
        along = threading.Thread(target=context.run, args=(counter.log_input_tokens, 10))
        for thread in (alone, along):
            thread.start()
            thread.join()
    assert totals(counter) == {"a": 10, "-": 1}


def test_blocks_that_close_out_of_order(counter: TokenCounter) -> None:
    """Two generators, the first of which ends first: what is left open is the second."""

    def stream(session: TokenScope) -> Iterator[None]:
        with session:
            yield

    first, second = stream(counter.session("a")), stream(counter.session("b"))
    next(first)
    next(second)
    assert next(first, "ended") == "ended"
    counter.log_input_tokens(1)
    assert next(second, "ended") == "ended"
    counter.log_input_tokens(10)
    assert totals(counter) == {"b": 1, "-": 10}


def test_a_block_that_is_closed_elsewhere_closes_nothing_there(counter: TokenCounter) -> None:
    """A generator that another thread or context closes leaves that one's own session open."""

    def stream() -> Iterator[None]:
        with counter.session("a"):
            yield

    generator = stream()
    contextvars.copy_context().run(next, generator)
    with counter.session("b"):
        assert next(generator, "ended") == "ended"
        counter.log_input_tokens(1)
    assert totals(counter) == {"b": 1, "-": 0}


def test_who_asked_names_session_and_request(counter: TokenCounter) -> None:
    """Where the program identified them and opened none; one that it opened comes first."""
    with identify(session="s", request="r"):
        counter.log_input_tokens(1)
        with counter.session("a"):
            counter.log_input_tokens(10)
            with identify(session="t", request="q"):
                counter.log_input_tokens(100)
        with counter.request("b"):
            counter.log_input_tokens(1000)
    counter.log_input_tokens(10000)
    assert totals(counter) == {"s": 1001, "a": 110, "-": 10000}
    assert totals(counter, "by_request") == {"r": 11, "q": 100, "b": 1000, "-": 10000}


def test_sessions_of_one_counter_are_not_those_of_another(counter: TokenCounter) -> None:
    """Both may be open, in any order."""
    other = TokenCounter()
    with counter.session("a"), other.session("b"):
        counter.log_input_tokens(1)
        other.log_input_tokens(10)
    assert (totals(counter), totals(other)) == ({"a": 1, "-": 0}, {"b": 10, "-": 0})


def test_counters_that_come_and_go_leave_nothing_in_the_context() -> None:
    """A service that makes a counter for each request does not fill its threads' contexts."""
    before = len(contextvars.copy_context())
    for _ in range(100):
        counter = TokenCounter()
        with counter.session("a"):
            counter.log_input_tokens(1)
    assert len(contextvars.copy_context()) <= before + 1


@pytest.mark.parametrize("kind", ["session", "request"])
@pytest.mark.parametrize("name", ["a", "日本語 🎉", "\x00\n", " ", "x" * 1024])
def test_any_text_is_a_name(counter: TokenCounter, kind: str, name: str) -> None:
    """Of any characters, up to the longest."""
    with getattr(counter, kind)(name):
        counter.log_input_tokens(1)
    assert totals(counter, f"by_{kind}") == {name: 1, "-": 0}


@pytest.mark.parametrize("kind", ["session", "request"])
def test_what_is_no_name_raises(counter: TokenCounter, kind: str) -> None:
    """At once, before anything is counted for it."""
    for name in (None, 5, b"a", True):
        with pytest.raises(TypeError, match=f"^the name of a {kind} must be a string, not {type(name).__name__}$"):
            getattr(counter, kind)(name)
    for name in ("", "x" * 1025):
        with pytest.raises(
            ValueError, match=rf"^the name of a {kind} must have 1 to 1024 characters, not {len(name)}$"
        ):
            getattr(counter, kind)(name)
