"""What a token counter withstands: many threads, many sessions, signals, forks, other processes."""

import concurrent.futures
import copy
import gc
import multiprocessing
import pickle
import signal
import sys
import threading
import tracemalloc
import weakref
from typing import Any

import pytest

from forked import in_child
from paddle_otel.monitor.token_counter import TokenCounter
from stubs.tokenizer_base import TokenizerBase


def test_sixteen_threads_add_up_exactly() -> None:
    """Total, sessions and requests, also while sessions are evicted and somebody reads."""
    sys.setswitchinterval(1e-6)
    try:
        counter = TokenCounter(max_sessions=5, max_requests=1000)
        tracked = counter.wrap_tokenizer(TokenizerBase())
        start, stop = threading.Barrier(17), threading.Event()
        seen: list[bool] = []

        def work(number: int) -> None:
            start.wait()
            for turn in range(200):
                with counter.session(f"s{turn % 7}"), counter.request(f"r{number}"):
                    tracked("three short words")
                    counter.log_generated_tokens(2)

        def read() -> None:
            start.wait()
            while not stop.is_set():
                found = counter.to_dict()
                sessions = found["by_session"]
                named = sum(tokens["total_tokens"] for tokens in sessions["named"].values())
                seen.append(named + sessions["evicted"]["total_tokens"] == found["total_tokens"])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        reader = threading.Thread(target=read)
        for thread in (*threads, reader):
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        reader.join()
    finally:
        sys.setswitchinterval(0.005)
    assert (counter.get_input_count(), counter.get_output_count()) == (16 * 200 * 3, 16 * 200 * 2)
    assert [counter.request(f"r{number}").get_total_count() for number in range(16)] == [1000] * 16
    assert counter.get_statistics().encode_calls == 16 * 200
    assert seen
    assert all(seen)


def test_one_addition_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that counts while another one is in the middle waits; what it has counted is there when it returns."""
    counter = TokenCounter()
    is_inside, may_go_on, first = threading.Event(), threading.Event(), threading.Lock()

    def crossed(*_: object) -> list[Any]:
        if first.acquire(blocking=False):
            is_inside.set()
            may_go_on.wait(20)
        return []

    monkeypatch.setattr("paddle_otel.monitor.token_counter_thresholds.Thresholds.crossed", crossed)
    one = threading.Thread(target=counter.log_input_tokens, args=(1,))
    other = threading.Thread(target=counter.log_input_tokens, args=(10,))
    one.start()
    assert is_inside.wait(20)
    other.start()
    other.join(0.2)
    assert other.is_alive()
    may_go_on.set()
    for thread in (one, other):
        thread.join(20)
    assert counter.get_total_count() == 11


def test_counting_nothing_takes_no_place() -> None:
    """An empty text in a session does not make the session known, nor another one forgotten."""
    counter = TokenCounter(max_sessions=1)
    with counter.session("a"):
        counter.log_input_tokens(1)
    with counter.session("b"):
        counter.log_input_tokens(0)
        counter.wrap_tokenizer(TokenizerBase()).encode("")
    assert list(counter.to_dict()["by_session"]["named"]) == ["a"]
    assert counter.get_statistics().encode_calls == 1


@pytest.mark.parametrize("kind", ["session", "request"])
def test_the_names_used_last_are_kept(kind: str) -> None:
    """Using one again keeps it; what is evicted is one sum, and begins at 0 when it comes back."""
    options: dict[str, Any] = {f"max_{kind}s": 2}
    counter = TokenCounter(**options)
    scope = getattr(counter, kind)
    for name, tokens in (("a", 1), ("b", 10), ("a", 100), ("c", 1000)):
        with scope(name):
            counter.log_input_tokens(tokens)
    assert [scope(name).get_total_count() for name in "abc"] == [101, 0, 1000]
    found = counter.to_dict()[f"by_{kind}"]
    assert (list(found["named"]), found["evicted"]["total_tokens"]) == (["a", "c"], 10)
    with scope("b"):
        counter.log_generated_tokens(5)
    assert [scope(name).get_total_count() for name in "abc"] == [0, 5, 1000]
    assert counter.to_dict()[f"by_{kind}"]["evicted"] == {"input_tokens": 111, "output_tokens": 0, "total_tokens": 111}
    assert counter.to_dict()[f"evicted_{kind}s"] == 2
    assert counter.get_total_count() == 1116


def test_looking_at_a_session_does_not_keep_it() -> None:
    """Asking for counts, also of names that never were, takes no place."""
    counter = TokenCounter(max_sessions=2)
    for name in ("a", "b"):
        with counter.session(name):
            counter.log_input_tokens(1)
    assert [counter.session(name).get_total_count() for name in ("a", "x", "y", "z")] == [1, 0, 0, 0]
    with counter.session("c"):
        counter.log_input_tokens(1)
    assert [counter.session(name).get_total_count() for name in ("a", "b", "c")] == [0, 1, 1]


def test_memory_is_bounded() -> None:
    """Ten times as many sessions and requests as are kept take no more than those that are kept."""
    counter = TokenCounter(max_sessions=1000, max_requests=1000)

    def use(first: int, last: int) -> int:
        for number in range(first, last):
            with counter.session(f"session {number}"), counter.request(f"request {number}"):
                counter.log_input_tokens(1000)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        full = use(0, 2000)
        assert use(2000, 20000) < full * 1.2 + 50_000
    finally:
        tracemalloc.stop()
    assert counter.get_total_count() == 20_000_000
    assert counter.get_statistics().evicted_sessions == 19_000


def test_a_signal_handler_may_count() -> None:
    """Also where it interrupts an addition: nothing waits for itself, nothing is lost."""
    counter = TokenCounter()
    handled = 0

    def handle(*_: object) -> None:
        nonlocal handled
        handled += 1
        counter.log_generated_tokens(1)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        for _ in range(20_000):
            counter.log_input_tokens(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert counter.get_input_count() == 20_000
    assert counter.get_output_count() == handled > 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_counts_for_itself() -> None:
    """It begins at 0, also while a thread of the parent counts; what it counts stays with it; a session stays open."""
    counter = TokenCounter()
    tracked = counter.wrap_tokenizer(TokenizerBase())
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            counter.log_generated_tokens(1)

    def check() -> bool:
        begins_at_0 = counter.get_total_count() == 0
        tracked("three short words")
        return begins_at_0 and counter.to_dict()["by_session"]["named"]["a"]["total_tokens"] == 3

    thread = threading.Thread(target=count)
    thread.start()
    try:
        with counter.session("a"):
            assert [in_child(check) for _ in range(20)] == [0] * 20
    finally:
        stop.set()
        thread.join()
    assert counter.get_input_count() == 0


def tokens_there(tracked: TokenizerBase, counter: TokenCounter) -> tuple[list[int], int, int]:
    """Use a tracked tokenizer in another process."""
    before = counter.get_total_count()
    return tracked.encode("three short words"), before, counter.get_total_count()


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_worker_process_counts_for_itself(method: str) -> None:
    """Tokenizer and counter arrive there as belonging together; the program's own counter stays as it is."""
    counter = TokenCounter()
    tracked = counter.wrap_tokenizer(TokenizerBase())
    tracked("a word")
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        for turn in range(2):
            ids, before, after = pool.submit(tokens_there, tracked, counter).result(60)
            assert (ids, before, after) == ([15, 15, 15], 3 * turn, 3 * turn + 3)
        assert pool.submit(tracked.encode, "a word").result(60) == [11, 14]
    assert counter.get_total_count() == 2


def test_a_copy_counts_the_same_tokens() -> None:
    """Copied or pickled here, it is another handle of the same counts."""
    counter = TokenCounter(max_sessions=3)
    for other in (copy.copy(counter), copy.deepcopy(counter), pickle.loads(pickle.dumps(counter))):  # noqa: S301 - its own
        with counter.session("a"):
            other.log_input_tokens(1)
        assert other.get_total_count() == counter.get_total_count()
    assert counter.session("a").get_total_count() == 3


def test_a_counter_that_is_dropped_is_gone() -> None:
    """Neither forks, nor generations, nor pickling keep it."""
    counter = TokenCounter(follow_generations=True)
    pickle.dumps(counter)
    with counter.session("a"):
        counter.log_input_tokens(1)
    counting = weakref.ref(vars(counter)["_counting"])  # what must not live on
    del counter
    gc.collect()
    assert counting() is None
