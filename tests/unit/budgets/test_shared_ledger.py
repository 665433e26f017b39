"""Budgets that are counted in Redis: what several processes may use together, to the token."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from backends.redis import Redis
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.shared_connection import Connection
from paddle_otel.budgets.shared_keys import key_prefix
from paddle_otel.budgets.shared_ledger import SharedLedger
from paddle_otel.budgets.shared_script import Answer, Question

# A loaded machine may let an answer wait; what happens then is tested beside the outages.
PATIENT = 5.0
WINDOWS = (Window(), Window("fixed", 86_400), Window("sliding", 86_400))
_numbers = itertools.count()

Making = Callable[[], SharedLedger]


@pytest.fixture
def ledger_of(redis: Redis) -> Iterator[Making]:
    """Make ledgers as processes have them, each with a connection and a thread of its own."""
    made: list[SharedLedger] = []

    def make() -> SharedLedger:
        ledger = SharedLedger(redis.address, PATIENT)
        made.append(ledger)
        wait_until(lambda: ledger.health.available is True)
        return ledger

    yield make
    for ledger in made:
        ledger.shut()


def account(window: Window = WINDOWS[0], *, subject: str = "") -> Account:
    """Return an account that no other test uses."""
    return Account("test", "tenant", f"{subject}{time.time_ns()}-{next(_numbers)}", window)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def key(of: Account) -> str:
    """Return the key of an account's present bucket."""
    prefix = key_prefix(of.scope, of.budget, of.subject, of.window)
    return prefix if of.window.kind == "none" else f"{prefix}:{int(time.time() / of.window.seconds)}"


def spend(ledger: SharedLedger, of: Account, limit: int, step: int = 1, most: int = 10_000) -> int:
    """Spend as one request does until nothing is granted; return how much."""
    ledger.opened(of)
    spent = 0
    while spent < most and ledger.take(of, step, limit).granted:
        spent += step
    ledger.closed(of)
    return spent


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.kind)
@pytest.mark.parametrize(("step", "spent"), [(1, 100), (7, 98), (100, 100), (101, 0)])
def test_a_budget_is_spent_to_its_end_and_not_beyond(
    redis: Redis, ledger_of: Making, window: Window, step: int, spent: int
) -> None:
    """Whole steps only; Redis knows the same number, and nothing is held when the request has ended."""
    one, of = ledger_of(), account(window)
    assert spend(one, of, 100, step) == spent
    wait_until(lambda: redis.sum(key(of)) == (spent, 0))
    assert one.used(of) == spent


def test_processes_share_a_budget(redis: Redis, ledger_of: Making) -> None:
    """What one has used, another cannot; what one holds goes back when its request ends."""
    one, other, of = ledger_of(), ledger_of(), account()
    assert spend(one, of, 100, most=60) == 60
    wait_until(lambda: redis.sum(key(of)) == (60, 0))
    assert spend(other, of, 100) == 40
    assert spend(one, of, 100) == 0
    wait_until(lambda: redis.sum(key(of)) == (100, 0))


def test_accounts_are_separate(ledger_of: Making) -> None:
    """Of subjects, budgets, scopes and windows."""
    one, base = ledger_of(), account()
    others = [
        Account("test", "tenant", base.subject + "x", base.window),
        Account("other", "tenant", base.subject, base.window),
        Account("test", "user", base.subject, base.window),
        Account("test", "tenant", base.subject, Window("fixed", 86_400)),
        Account("test", "tenant", base.subject, Window("sliding", 86_400)),
    ]
    assert spend(one, base, 10) == 10
    assert [spend(one, of, 10) for of in others] == [10] * 5


def test_what_was_taken_and_not_used_goes_back(redis: Redis, ledger_of: Making) -> None:
    """To whoever asks next, here or elsewhere."""
    one, other, of = ledger_of(), ledger_of(), account()
    one.opened(of)
    taken = one.take(of, 80, 100)
    assert (taken.granted, taken.used, taken.bucket) == (True, 80, 0)
    one.give_back(of, 30, taken.bucket)
    assert one.used(of) == 50
    one.closed(of)
    wait_until(lambda: redis.sum(key(of)) == (50, 0))
    assert spend(other, of, 100) == 50


def test_nothing_becomes_less_than_nothing(redis: Redis, ledger_of: Making) -> None:
    """Giving back more than was taken, or into a bucket that nobody knows."""
    one, of = ledger_of(), account()
    taken = one.take(of, 5, 100)
    one.give_back(of, 50, taken.bucket)
    assert one.used(of) == 0
    one.add(of, 3)
    one.give_back(of, 3, taken.bucket - 7)
    assert one.used(of) == 3
    wait_until(lambda: redis.sum(key(of)) == (3, 0))


def test_what_is_only_counted_may_go_beyond(redis: Redis, ledger_of: Making) -> None:
    """Counted in both places; nothing is granted afterwards."""
    one, other, of = ledger_of(), ledger_of(), account()
    assert one.add(of, 150) == (True, 150, 0)
    wait_until(lambda: redis.sum(key(of)) == (150, 0))
    assert other.take(of, 1, 100) == (False, 150, 0)
    assert other.take(of, 0, 100).granted is False
    assert other.take(of, 0, 151).granted is True
    assert other.add(of, 1) == (True, 151, 0)
    wait_until(lambda: redis.sum(key(of)) == (151, 0))


def test_a_limit_of_nothing_grants_nothing(ledger_of: Making) -> None:
    """And asking for nothing is no exception."""
    one, of = ledger_of(), account()
    assert one.take(of, 1, 0) == (False, 0, 0)
    assert one.take(of, 0, 0) == (False, 0, 0)
    assert one.take(of, 0, 1) == (True, 0, 0)


def test_the_limit_may_change_between_two_steps(redis: Redis, ledger_of: Making) -> None:
    """Lowered, what is held under the old one does not count; raised, there is more at once."""
    one, of = ledger_of(), account()
    one.opened(of)
    assert one.take(of, 10, 1000).granted
    assert one.take(of, 1, 10) == (False, 10, 0)
    assert one.take(of, 1, 11) == (True, 11, 0)
    assert one.take(of, 500, 1000) == (True, 511, 0)
    one.closed(of)
    wait_until(lambda: redis.sum(key(of)) == (511, 0))


def test_two_requests_of_a_process_share_what_it_holds(redis: Redis, ledger_of: Making) -> None:
    """The first that ends gives nothing back; the last does."""
    one, of = ledger_of(), account()
    one.opened(of)
    one.opened(of)
    assert one.take(of, 1, 1000).granted
    wait_until(lambda: redis.sum(key(of))[1] > 0)
    one.closed(of)
    assert one.take(of, 1, 1000).granted
    one.closed(of)
    wait_until(lambda: redis.sum(key(of)) == (2, 0))


def test_an_idle_request_holds_nothing(redis: Redis, ledger_of: Making) -> None:
    """Somebody else may have it after a second or two; the request goes on afterwards."""
    one, of = ledger_of(), account()
    one.opened(of)
    assert one.take(of, 1, 1000).granted
    wait_until(lambda: redis.sum(key(of))[1] > 0)
    wait_until(lambda: redis.sum(key(of)) == (1, 0))
    assert one.take(of, 1, 1000) == (True, 2, 0)


def test_a_process_takes_only_a_part_of_what_is_left_ahead(redis: Redis, ledger_of: Making) -> None:
    """A 16th while others hold some too."""
    one, other, of = ledger_of(), ledger_of(), account()
    for ledger in (one, other):
        ledger.opened(of)
        assert ledger.take(of, 100, 1000).granted
    used, held = redis.sum(key(of))
    assert used <= 200
    assert used + held <= 1000
    for ledger in (one, other):
        ledger.closed(of)
    wait_until(lambda: redis.sum(key(of)) == (200, 0))


def test_steps_do_not_ask_each_time(redis: Redis, ledger_of: Making) -> None:
    """While there is plenty, a process asks for many steps at once."""
    one, of = ledger_of(), account()
    before = _questions(redis)
    assert spend(one, of, 10**9, most=5_000) == 5_000
    wait_until(lambda: redis.sum(key(of)) == (5_000, 0))
    assert _questions(redis) - before < 500


def test_threads_share_a_budget_exactly(redis: Redis, ledger_of: Making) -> None:
    """16 threads of two processes: together what is there, however they come."""
    ledgers, of = [ledger_of(), ledger_of()], account()
    spent: list[int] = []

    def work(one: SharedLedger) -> None:
        spent.append(spend(one, of, 3_000, 3))

    threads = [threading.Thread(target=work, args=(ledgers[number % 2],)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2_900 < sum(spent) <= 3_000
    wait_until(lambda: redis.sum(key(of)) == (sum(spent), 0))


def test_a_fixed_window_begins_anew(redis: Redis, ledger_of: Making) -> None:
    """All is there again in the next one; each window's tokens are counted in its own bucket, also late reports."""
    one, window = ledger_of(), Window("fixed", 2)
    of = account(window)
    wait_until(lambda: time.time() % 2 < 0.5)
    first = int(time.time() / 2)
    one.opened(of)
    assert one.take(of, 10, 10) == (True, 10, first)
    denied = one.take(of, 1, 10)
    assert denied == (False, 10, first)
    wait = one.retry_after(of, 1, 10)
    assert wait is not None
    assert 0 < wait <= 2
    assert one.retry_after(of, 11, 10) is None
    wait_until(lambda: one.take(of, 10, 10) == (True, 10, first + 1))
    one.closed(of)
    prefix = key_prefix(of.scope, of.budget, of.subject, window)
    wait_until(lambda: redis.sum(f"{prefix}:{first + 1}") == (10, 0))
    assert redis.sum(f"{prefix}:{first}") == (10, 0)


def test_a_sliding_window_forgets_little_by_little(redis: Redis, ledger_of: Making) -> None:
    """The bucket before counts by what of it is still inside; a new process sees the same."""
    one, other, window = ledger_of(), ledger_of(), Window("sliding", 4)
    of = account(window)
    wait_until(lambda: time.time() % 4 < 0.5)
    first = int(time.time() / 4)
    assert one.take(of, 100, 100) == (True, 100, first)
    assert one.take(of, 1, 100).granted is False
    wait = one.retry_after(of, 50, 100)
    assert wait is not None
    assert 4 < wait <= 6
    wait_until(lambda: int(time.time() / 4) > first)
    assert one.take(of, 100, 100).granted is False
    wait_until(lambda: time.time() % 4 > 2)
    elapsed = time.time() % 4
    for ledger in (one, other):
        used = ledger.take(of, 0, 100).used
        assert used is not None
        assert 100 * (4 - elapsed - 0.5) / 4 <= used <= 100 * (4 - elapsed) / 4 + 1
    assert one.take(of, 100, 100).granted is False
    assert one.take(of, 40, 100).granted is True
    wait_until(lambda: redis.sum(f"{key_prefix(of.scope, of.budget, of.subject, window)}:{first + 1}")[0] == 40)


def test_names_of_any_kind_are_counted(redis: Redis, ledger_of: Making) -> None:
    """Other scripts, braces, line ends, lone surrogates, a megabyte."""
    one = ledger_of()
    for subject in ("张三", "{a}:b", "a\nb\0", "\ud800", "x" * 1_000_000):
        of = account(subject=subject)
        assert spend(one, of, 5) == 5
        wait_until(lambda of=of: redis.sum(key(of)) == (5, 0))


def test_large_limits_are_exact(redis: Redis, ledger_of: Making) -> None:
    """Up to 2^53, beyond which a number with a point would lose tokens."""
    one, of = ledger_of(), account()
    most = 2**53
    one.add(of, most - 3)
    wait_until(lambda: redis.sum(key(of)) == (most - 3, 0))
    assert spend(one, of, most) == 3
    wait_until(lambda: redis.sum(key(of)) == (most, 0))


def test_counts_expire(redis: Redis, ledger_of: Making) -> None:
    """30 days after the last use without a window, two windows and a minute after with one."""
    one = ledger_of()
    for window, seconds in ((Window(), 2_592_000), (Window("fixed", 600), 1_260), (Window("sliding", 600), 1_260)):
        of = account(window)
        assert spend(one, of, 5) == 5
        wait_until(lambda of=of: redis.sum(key(of)) == (5, 0))
        assert seconds - 60 < int(redis.ask("TTL", key(of))) <= seconds


def test_a_count_can_be_set_by_hand(redis: Redis, ledger_of: Making) -> None:
    """While processes spend: all see the new number, and what they use afterwards is added to it."""
    one, of = ledger_of(), account()
    assert spend(one, of, 100) == 100
    wait_until(lambda: redis.sum(key(of)) == (100, 0))
    redis.ask("HSET", key(of), "used", "0")
    assert spend(one, of, 100, most=30) == 30
    wait_until(lambda: redis.sum(key(of)) == (30, 0))


def test_what_a_dead_process_holds_comes_back(redis: Redis, ledger_of: Making) -> None:
    """Once its time is over, and not before; what it has used stays used."""
    one, of = ledger_of(), account()
    now = int(time.time())
    for name, until in (("dead", now - 5), ("living", now + 50)):
        redis.ask("HSET", key(of), f"held:{name}", "30", f"until:{name}", str(until), f"used:{name}", "5")
    redis.ask("HSET", key(of), "held", "60", "used", "10")
    assert spend(one, of, 100) == 60
    wait_until(lambda: redis.sum(key(of)) == (70, 30))


def test_nobody_is_known_of_whom_nothing_was_asked(ledger_of: Making) -> None:
    """Unknown is not zero."""
    one, of = ledger_of(), account()
    assert one.used(of) is None
    assert one.retry_after(of, 1, 10) is None
    one.closed(of)
    one.give_back(of, 5, 0)
    assert one.used(of) is None


def _questions(redis: Redis) -> int:
    lines = [line for line in redis.ask("INFO", "commandstats").splitlines() if line.startswith("cmdstat_evalsha:")]
    return int(lines[0].partition("calls=")[2].partition(",")[0]) if lines else 0


def test_processes_that_are_gone_are_forgotten(redis: Redis, ledger_of: Making) -> None:
    """A count without a window may last for years: what they have used stays counted, what they held does not."""
    of, now = account(), int(time.time())
    name = key(of)
    redis.ask("HSET", name, "used", "710", "held", "3")
    for number in range(70):
        until = now - (8 if number else 6) * 86_400
        redis.ask("HSET", name, f"used:{number}", "10", f"until:{number}", f"{until}")
    redis.ask("HSET", name, "held:7", "3", "used:me", "10")
    assert ledger_of().take(of, 1, 1_000).used == 711
    wait_until(lambda: redis.sum(name) == (711, 0))
    fields = set(redis.hash(name))
    assert sum(field.startswith("used:") for field in fields) == 3  # number 0, one of unknown age, and the ledger's
    assert {"used:0", "used:me", "until:0"} < fields


def test_processes_are_kept_while_there_are_few(redis: Redis, ledger_of: Making) -> None:
    """Nothing is looked through for them."""
    of = account()
    redis.ask("HSET", key(of), "used", "10", "used:gone", "10", "until:gone", "5")
    ledger_of().take(of, 1, 1_000)
    fields = redis.hash(key(of))
    assert fields["used:gone"] == "10"
    assert "swept" not in fields


def test_nobody_is_refused_while_there_is_plenty(ledger_of: Making) -> None:
    """Though what is set aside for one of its threads is taken by the others before that has woken up."""
    ledger, of, refused = ledger_of(), account(), list[int]()

    def work(want: int) -> None:
        for _ in range(150):
            ledger.opened(of)
            if not ledger.take(of, want, 10**12).granted:
                refused.append(want)
            ledger.closed(of)

    workers = [threading.Thread(target=work, args=(6_000 + number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert refused == []


@pytest.mark.parametrize("wait", [0.002, 0.05, 0.5])
def test_nobody_waits_longer_than_for_any_answer(redis: Redis, wait: float) -> None:
    """But where each step is to wait for longer."""
    ledger = SharedLedger(redis.address, wait)
    assert ledger.longest_wait == {0.002: 0.1, 0.05: 0.1, 0.5: 0.5}[wait]
    ledger.shut()


def test_what_a_killed_process_held_of_the_bucket_before_counts_for_seconds_only(redis: Redis) -> None:
    """In a sliding window, to which the bucket before belongs."""
    of = account(Window("sliding", 86_400))
    bucket, prefix = int(time.time() / 86_400), key_prefix(of.scope, of.budget, of.subject, of.window)
    redis.ask("HSET", f"{prefix}:{bucket - 1}", "held", "500", "held:gone", "500")
    question = Question(prefix, "sliding", 86_400, 1_000, "me", -1, 0, 0, 0, 0, leaves=False, earlier=())
    connection = Connection(redis.address)
    (answer,) = connection.ask([question])
    connection.close()
    assert isinstance(answer, Answer)
    assert answer.previous == (500 if time.time() % 86_400 < 10 else 0)
