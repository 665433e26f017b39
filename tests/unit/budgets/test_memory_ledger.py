"""The ledger in memory: exact, bounded, and not fooled by clocks."""

import itertools
import threading
from typing import Any

import pytest

from forked import in_child
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import PASSING, Account, Taken
from paddle_otel.budgets.memory_ledger import MemoryLedger

# Newer Pythons warn of what is tested here: a fork while other threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")

_NONE = Window()
_DAY = Window("fixed", 86_400)
_HOUR = Window("sliding", 3600)


def _account(window: Window = _NONE, subject: str = "acme") -> Account:
    return Account("b", "tenant", subject, window)


@pytest.fixture(params=[Window(), _DAY, _HOUR], ids=["none", "fixed", "sliding"])
def account(request: Any) -> Account:
    """An account with each kind of window."""
    return _account(request.param)


def test_tokens_are_taken_all_or_none(memory: MemoryLedger, account: Account) -> None:
    """What does not fit is not counted."""
    bucket = memory.add(account, 0).bucket
    assert memory.take(account, 7, 10) == Taken(True, 7, bucket)
    assert memory.take(account, 4, 10) == Taken(False, 7, bucket)
    assert memory.take(account, 3, 10) == Taken(True, 10, bucket)
    assert memory.take(account, 1, 10) == Taken(False, 10, bucket)
    assert memory.used(account) == 10


def test_taking_none_asks_whether_anything_is_left(memory: MemoryLedger, account: Account) -> None:
    """And counts nothing."""
    assert memory.take(account, 0, 1).granted
    assert memory.take(account, 1, 1).granted
    assert not memory.take(account, 0, 1).granted
    assert not memory.take(account, 0, 0).granted
    assert memory.used(account) == 1


def test_what_was_used_is_counted_beyond_the_limit(memory: MemoryLedger, account: Account) -> None:
    """Adding asks nobody; a limit that was lowered below the count grants nothing."""
    assert memory.add(account, 25).used == 25
    assert not memory.take(account, 1, 10).granted
    assert memory.take(account, 1, 26) == Taken(True, 26, memory.add(account, 0).bucket)


def test_what_is_given_back_can_be_taken_again_and_no_count_is_negative(memory: MemoryLedger, account: Account) -> None:
    """More than there is cannot be given back."""
    bucket = memory.take(account, 10, 10).bucket
    memory.give_back(account, 4, bucket)
    assert memory.used(account) == 6
    memory.give_back(account, 100, bucket)
    assert memory.used(account) == 0
    assert memory.take(account, 10, 10).granted


def test_subjects_and_budgets_do_not_share_a_count(memory: MemoryLedger) -> None:
    """Nor do scopes and windows; unicode is a name like any other."""
    accounts = [
        Account(budget, scope, subject, window)
        for budget in ("b", "ü")
        for scope in ("tenant", "user")
        for subject in ("acme", "客户", "😀", "b\u0301")
        for window in (Window(), _DAY, _HOUR)
    ]
    assert len({account.key for account in accounts}) == len(accounts)
    for number, account in enumerate(accounts, 1):
        memory.add(account, number)
    assert [memory.used(account) for account in accounts] == list(range(1, len(accounts) + 1))


def test_a_fixed_window_begins_anew_at_its_full_length(memory: MemoryLedger, hands: Any) -> None:
    """At midnight UTC for a day, not a day after the first token."""
    account = _account(_DAY)
    hands.pass_seconds(86_399)
    first = memory.take(account, 10, 10)
    assert not memory.take(account, 1, 10).granted
    assert memory.retry_after(account, 1, 10) == pytest.approx(1.0)
    hands.pass_seconds(1)
    assert memory.take(account, 10, 10) == Taken(True, 10, first.bucket + 1)


def test_a_sliding_window_lets_go_little_by_little(memory: MemoryLedger, hands: Any) -> None:
    """Half of the hour before counts after half an hour; all is gone after two."""
    account = _account(_HOUR)
    memory.add(account, 100)
    hands.pass_seconds(3600)
    assert memory.used(account) == 100
    hands.pass_seconds(1800)
    assert memory.used(account) == 50
    assert memory.take(account, 50, 100).granted
    assert not memory.take(account, 1, 100).granted
    hands.pass_seconds(1800)
    assert memory.used(account) == 50
    hands.pass_seconds(7200)
    assert memory.used(account) == 0


def test_tokens_go_back_to_the_time_they_were_taken_in(memory: MemoryLedger, hands: Any) -> None:
    """Or nowhere, where that no longer counts: a later window does not gain from it."""
    day, hour = _account(_DAY), _account(_HOUR)
    then = {one: memory.take(one, 8, 10).bucket for one in (day, hour)}
    hands.pass_seconds(86_400)
    for one in (day, hour):
        memory.add(one, 5)
        memory.give_back(one, 8, then[one])
        assert memory.used(one) == 5
    before = memory.take(hour, 5, 10).bucket
    hands.pass_seconds(3600)
    memory.give_back(hour, 4, before)
    assert memory.used(hour) == 6


def test_a_clock_set_back_opens_no_window_again_and_loses_no_count(memory: MemoryLedger, hands: Any) -> None:
    """Whoever is at his limit stays there, and not for longer than the window."""
    account = _account(Window("fixed", 3600))
    hands.pass_seconds(3600 + 10)
    assert memory.take(account, 10, 10).granted
    hands.wall -= 3600  # back into the hour before
    hands.pass_seconds(1)
    assert not memory.take(account, 1, 10).granted
    hands.wall -= 30 * 86_400
    hands.pass_seconds(1)
    assert not memory.take(account, 1, 10).granted
    assert memory.used(account) == 10
    hands.pass_seconds(3587)
    assert not memory.take(account, 1, 10).granted
    hands.pass_seconds(1)
    assert memory.take(account, 10, 10).granted


def test_a_clock_set_forward_begins_the_window_of_that_time(memory: MemoryLedger, hands: Any) -> None:
    """Within a tenth of a second."""
    account = _account(_DAY)
    memory.take(account, 10, 10)
    hands.wall += 86_400
    hands.pass_seconds(0.2)
    assert memory.take(account, 10, 10).granted


def test_sixteen_threads_take_exactly_what_there_is(account: Account) -> None:
    """No token is granted twice, none is lost."""
    ledger = MemoryLedger()
    granted: list[int] = []
    ready = threading.Barrier(16)

    def work() -> None:
        ready.wait()
        own = 0
        for number in range(4000):
            taken = ledger.take(account, 1 + number % 3, 50_000)
            own += 1 + number % 3 if taken.granted else 0
            if number % 10 == 9 and taken.granted:
                ledger.give_back(account, 1 + number % 3, taken.bucket)
                own -= 1 + number % 3
        granted.append(own)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 16
    assert ledger.used(account) == sum(granted)
    assert 49_000 < sum(granted) <= 50_000


def test_the_accounts_used_last_are_kept_and_their_number_is_bounded(hands: Any) -> None:
    """With 100 kept, at most 200 are there, and the 100 used last know what they used; the others begin again."""
    ledger = MemoryLedger(hands.window_clock(), kept=100)
    faithful = _account(subject="faithful")
    for number in range(1000):
        ledger.take(_account(subject=f"s{number}"), 5, 10)
        assert ledger.accounts <= 200
        if number % 50 == 0:
            ledger.add(faithful, 1)
        if number >= 99:
            kept = _account(subject=f"s{number - 98}")
            assert ledger.used(kept) == 5
            assert not ledger.take(kept, 6, 10).granted
    assert ledger.used(faithful) == 20
    assert ledger.used(_account(subject="s0")) == 0


def test_accounts_whose_window_has_passed_go_first(hands: Any) -> None:
    """They make room for all others, though they were used later."""
    ledger = MemoryLedger(hands.window_clock(), kept=100)
    minute = Window("fixed", 60)
    for number in range(60):
        ledger.add(_account(subject=f"old{number}"), 1)
    for number in range(39):
        ledger.add(_account(minute, f"passed{number}"), 1)
    hands.pass_seconds(60)
    for number in range(39):
        ledger.add(_account(subject=f"new{number}"), 1)
    ledger.add(_account(subject="one more"), 1)
    assert ledger.accounts == 100
    assert [ledger.used(_account(subject=f"old{number}")) for number in range(60)] == [1] * 60


def test_what_is_given_up_is_freed_a_little_at_each_call(hands: Any) -> None:
    """Not all in one decode step, and to the last one."""
    ledger = MemoryLedger(hands.window_clock())
    for number in range(1000):
        ledger.add(_account(_DAY, f"s{number}"), 1)
    hands.pass_seconds(86_400)
    held: list[int] = []
    for _ in range(260):
        ledger.take(_account(_DAY), 1, 10**6)
        held.append(sum(len(layer) for layer in ledger._given_up))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - seen nowhere else
    assert held[0] > 900
    assert max(a - b for a, b in itertools.pairwise(held)) <= 4
    assert held[-1] == 0


def test_a_request_without_an_id_leaves_nothing_behind(memory: MemoryLedger) -> None:
    """Nobody could ask for its count again; other accounts stay."""
    passing, tenant = Account("b", "request", f"{PASSING}1", Window()), _account()
    for account in (passing, tenant):
        memory.opened(account)
        memory.add(account, 5)
        memory.closed(account)
    assert (memory.used(passing), memory.used(tenant)) == (0, 5)


def test_a_forked_child_counts_from_nothing(account: Account) -> None:
    """The parent's tokens are the parent's; its lock may have been held."""
    ledger = MemoryLedger()
    bucket = ledger.add(account, 5).bucket

    def child() -> bool:
        ledger.give_back(account, 3, bucket)  # what the parent took
        before = ledger.used(account)
        ledger.add(account, 2)
        return (before, ledger.used(account)) == (0, 2)

    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger._lock:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as a step in another thread
            held.set()
            over.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        assert in_child(child) == 0
    finally:
        over.set()
        holder.join()
    assert ledger.used(account) == 5
