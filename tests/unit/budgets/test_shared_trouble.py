"""A Redis that is away, slow, full or wrong: requests go on or are refused, nobody waits, nothing is lost for long."""

import contextlib
import itertools
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backends.process import free_ports
from backends.redis import Redis
from conftest import Trouble
from forked import in_child
from paddle_otel.budgets import shared_connection
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.shared_connection import Connection, LedgerError
from paddle_otel.budgets.shared_count import Count
from paddle_otel.budgets.shared_health import LONGEST_PAUSE, Health
from paddle_otel.budgets.shared_keys import key_prefix
from paddle_otel.budgets.shared_ledger import SharedLedger
from paddle_otel.budgets.shared_script import Answer, Question
from paddle_otel.budgets.shared_worker import Worker

WAIT = 0.002
ALL = Window()
_numbers = itertools.count()

Making = Callable[..., SharedLedger]

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture
def ledger_of() -> Iterator[Making]:
    """Make ledgers that are shut at the end."""
    made: list[SharedLedger] = []

    def make(address: str, wait: float = WAIT, available: bool | None = True) -> SharedLedger:
        made.append(SharedLedger(address, wait))
        wait_until(lambda: made[-1].health.available is available)
        return made[-1]

    yield make
    for ledger in made:
        ledger.shut()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged."""
    caplog.set_level(logging.DEBUG, "paddle_otel")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "paddle_otel"]


def the_line(said: Callable[[], list[str]]) -> str:
    """Return the one line that was logged, as soon as it is."""
    wait_until(lambda: bool(said()))
    (line,) = said()
    return line


def account(window: Window = ALL, *, is_closed: bool = False) -> Account:
    """Return an account that no other test uses."""
    return Account("test", "tenant", f"{time.time_ns()}-{next(_numbers)}", window, is_closed=is_closed)


def key(of: Account) -> str:
    """Return the key of an account without a window."""
    return key_prefix(of.scope, of.budget, of.subject, of.window)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def nowhere() -> str:
    """Return an address at which nobody listens."""
    return f"redis://127.0.0.1:{free_ports(1)[0]}/0"


def takes(ledger: SharedLedger, of: Account, limit: int, times: int) -> int:
    """Take so many times; return how many were granted."""
    return sum(ledger.take(of, 1, limit).granted for _ in range(times))


def test_without_redis_each_process_counts_alone(ledger_of: Making, said: Callable[[], list[str]]) -> None:
    """To the token; one line in the log, errors counted by their kind."""
    one, of = ledger_of(nowhere(), available=False), account()
    one.opened(of)
    assert takes(one, of, 100, 300) == 100
    assert one.used(of) == 100
    assert one.take(of, 0, 100) == (False, 100, 0)
    assert one.add(of, 5) == (True, 105, 0)
    wait_until(lambda: one.health.errors.get("ConnectionError", 0) > 2)
    assert set(one.health.errors) == {"ConnectionError"}
    line = the_line(said)
    assert "cannot be asked (ConnectionError)" in line
    assert "127.0.0.1" in line


def test_a_closed_budget_grants_nothing_without_redis(ledger_of: Making) -> None:
    """And says that it does not know what is used; counting goes on."""
    one, of = ledger_of(nowhere(), available=False), account(is_closed=True)
    one.opened(of)
    assert one.take(of, 1, 100) == (False, None, 0)
    assert one.take(of, 0, 100) == (False, None, 0)
    assert one.add(of, 5).granted is True


def test_redis_dies_and_comes_back_empty(own_redis: Redis, ledger_of: Making, said: Callable[[], list[str]]) -> None:
    """In the middle of a request: it goes on, and afterwards Redis knows all that the living have used."""
    one, other, of = ledger_of(own_redis.address, 5.0), ledger_of(own_redis.address, 5.0), account()
    one.opened(of)
    assert takes(one, of, 1000, 100) == 100
    assert takes(other, of, 1000, 50) == 50
    wait_until(lambda: own_redis.sum(key(of))[0] == 150)
    own_redis.kill()
    wait_until(lambda: one.health.available is False or not one.add(of, 1).granted)
    spent = 100 + takes(one, of, 1000, 200)
    own_redis.start_again()
    wait_until(lambda: one.health.available is True)
    wait_until(lambda: other.health.available is True or not other.add(of, 1).granted)
    one.closed(of)
    known = one.used(of)
    assert known is not None
    assert known >= spent + 50 - 100
    other.add(of, 1)
    wait_until(lambda: own_redis.sum(key(of))[0] == _own(one, of) + _own(other, of))
    assert _own(one, of) >= spent
    assert takes(one, of, 1000, 2000) + own_redis.sum(key(of))[1] <= 1000
    lines = said()  # the other process may not have asked in the meantime
    assert [("cannot be asked" in line, "answers again;" in line) for line in lines[:1]] == [(True, False)]
    assert len(lines) in {2, 4}
    assert len([line for line in lines if "answers again;" in line]) == len(lines) / 2


def test_a_redis_that_comes_back_at_once_is_told_again(own_redis: Redis, ledger_of: Making) -> None:
    """The client connects again by itself, so that nobody notices; what the idle have used counts all the same."""
    one, other, of = ledger_of(own_redis.address, 5.0), ledger_of(own_redis.address, 5.0), account()
    one.add(of, 900)
    wait_until(lambda: own_redis.sum(key(of))[0] == 900)
    for _ in range(3):
        own_redis.kill()
        own_redis.start_again()
        wait_until(lambda: own_redis.sum(key(of))[0] == 900)
    assert takes(other, of, 1_000, 200) == 100


def test_redis_comes_after_the_program(own_redis: Redis, ledger_of: Making) -> None:
    """What was counted alone until then is added, in the right window."""
    own_redis.kill()
    window = Window("fixed", 86_400)
    one, of, timed = ledger_of(own_redis.address, available=False), account(), account(window)
    assert takes(one, of, 100, 30) == 30
    assert takes(one, timed, 100, 20) == 20
    seen = sum(one.health.errors.values())
    wait_until(lambda: sum(one.health.errors.values()) > seen + 2)  # it has tried, and is to try again
    own_redis.start_again()
    wait_until(lambda: own_redis.sum(key(of)) == (30, 0))
    bucket = int(time.time() / 86_400)
    wait_until(lambda: own_redis.sum(f"{key(timed)}:{bucket}") == (20, 0))
    assert takes(one, of, 100, 200) == 70


def test_nobody_waits_for_a_redis_that_does_not_answer(own_redis: Redis, ledger_of: Making) -> None:
    """Its process is stopped, its connections stay open: each step waits a moment, and soon none does."""
    one, of, closed = ledger_of(own_redis.address), account(), account(is_closed=True)
    one.take(of, 1, 10**9)
    one.take(closed, 1, 10**9)
    own_redis.freeze()
    begun = time.monotonic()
    assert takes(one, of, 10**9, 2_000) > 1_000  # what is left is plenty
    assert not one.take(closed, 10**6, 10**9).granted
    assert time.monotonic() - begun < 5  # each of them the connection's limit would take an hour
    wait_until(lambda: one.health.available is False)
    assert one.take(closed, 10**6, 10**9) == (False, None, 0)
    wait_until(lambda: "TimeoutError" in one.health.errors)
    assert takes(one, of, 10**9, 100) == 100
    own_redis.thaw()
    wait_until(lambda: one.health.available is True)
    wait_until(lambda: own_redis.sum(key(of))[0] == _own(one, of))
    wait_until(lambda: one.take(closed, 1, 10**9).granted)


def test_a_slow_redis_is_waited_for_no_longer_than_was_said(own_redis: Redis, ledger_of: Making) -> None:
    """All commands take nearly a second; afterwards all is counted."""
    one, of = ledger_of(own_redis.address), account()
    one.take(of, 1, 10**9)
    own_redis.ask("CLIENT", "PAUSE", "950", "ALL")
    longest = 0.0
    for _ in range(300):
        begun = time.monotonic()
        one.take(of, 1000, 10**9)
        longest = max(longest, time.monotonic() - begun)
    assert longest < 0.9  # it waited for no answer; 0.002 on a machine with nothing else to do
    wait_until(lambda: own_redis.sum(key(of))[0] == _own(one, of))
    assert set(one.health.errors) <= {"TimeoutError"}


def test_the_first_answer_is_waited_for_longer(own_redis: Redis, ledger_of: Making) -> None:
    """Nothing is known yet: a closed budget would refuse the first request of each subject."""
    one = ledger_of(own_redis.address, 0.1)
    own_redis.freeze()
    threading.Timer(0.3 * one.longest_wait, own_redis.thaw).start()
    assert one.take(account(is_closed=True), 1, 10).granted is True


def test_one_step_goes_ahead_and_the_next_waits_for_the_answer(own_redis: Redis, ledger_of: Making) -> None:
    """So a limit that others use up meanwhile is not exceeded by more."""
    one, other, of = ledger_of(own_redis.address, 0.02), ledger_of(own_redis.address, 5.0), account()
    other.opened(of)
    assert other.take(of, 40, 100).granted
    one.opened(of)
    assert one.take(of, 1, 100).granted
    time.sleep(0.2)  # until it asks no more, and does not hear of what follows
    other.add(of, 50)
    wait_until(lambda: own_redis.sum(key(of))[0] == 90)
    own_redis.freeze()
    threading.Timer(0.06, own_redis.thaw).start()
    assert one.take(of, 20, 100).granted  # from what was left when it was last heard of
    assert not one.take(of, 20, 100).granted
    wait_until(lambda: own_redis.sum(key(of))[0] == 111)
    assert one.health.errors == {}


def test_no_wait_at_all(own_redis: Redis, ledger_of: Making) -> None:
    """With a wait of 0 an open budget goes on and a closed one says no, until the answer is there."""
    one, of, closed = ledger_of(own_redis.address, 0.0), account(), account(is_closed=True)
    assert one.take(of, 1, 10).granted is True
    assert one.take(closed, 1, 10).granted is False
    one.opened(closed)
    wait_until(lambda: one.take(closed, 1, 10).granted)


def test_near_the_end_a_late_answer_is_no_reason_to_go_beyond(own_redis: Redis, ledger_of: Making) -> None:
    """Others spend too, and may have used what was left."""
    one, other, of = ledger_of(own_redis.address, 1.0), ledger_of(own_redis.address, 1.0), account()
    other.opened(of)
    assert other.take(of, 80, 100).granted
    wait_until(lambda: own_redis.sum(key(of))[1] > 0)
    one.opened(of)
    assert one.take(of, 10, 100).granted
    spent = 90
    one.wait = 0.0  # from now on each answer is late
    own_redis.freeze()
    while one.take(of, 1, 100).granted and not one.health.is_down:
        spent += 1
    assert spent <= 100


@pytest.mark.parametrize(
    ("break_it", "mend_it", "kind"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "OutOfMemoryError"),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "ReadOnlyError"),
        (("CONFIG", "SET", "requirepass", "x"), (), "AuthenticationError"),
    ],
    ids=["no memory", "a replica", "a password"],
)
def test_a_redis_that_refuses_is_one_that_is_away(
    own_redis: Redis,
    ledger_of: Making,
    said: Callable[[], list[str]],
    break_it: tuple[str, ...],
    mend_it: tuple[str, ...],
    kind: str,
) -> None:
    """Out of memory, a replica after a failover, a password that is asked for: counted alone until it is mended."""
    one, of = ledger_of(own_redis.address), account()
    one.take(of, 5, 100)
    wait_until(lambda: own_redis.sum(key(of))[0] == 5)
    own_redis.ask(*break_it)
    if kind == "AuthenticationError":
        own_redis.ask("-a", "x", "CLIENT", "KILL", "TYPE", "normal")
    one.add(of, 5)
    wait_until(lambda: one.health.available is False)
    assert takes(one, of, 100, 200) == 90
    wait_until(lambda: kind in one.health.errors)
    if mend_it:
        own_redis.ask(*mend_it)
    else:
        own_redis.ask("-a", "x", "CONFIG", "SET", "requirepass", "")
    wait_until(lambda: one.health.available is True)
    wait_until(lambda: own_redis.sum(key(of))[0] == 100)
    assert ["answers again;" in line for line in said()] == [False, True]


def test_a_wrong_password_is_not_logged(ledger_of: Making, said: Callable[[], list[str]]) -> None:
    """Neither the wrong nor the right one; with the right one all is well."""
    with Redis("--requirepass", "pass-of-redis") as server:
        wrong = server.address.replace("//", "//:wrong-one@")
        one = ledger_of(wrong, available=False)
        assert one.health.errors.keys() == {"AuthenticationError"}
        line = the_line(said)
        assert "wrong-one" not in line
        assert "127.0.0.1" in line
        right = ledger_of(server.address.replace("//", "//:pass-of-redis@"), 5.0)
        of = account()
        assert takes(right, of, 10, 20) == 10
        assert "pass-of-redis" not in str(said())


@pytest.mark.parametrize(
    "address",
    [
        "redis",
        "",
        "memory://",
        "memcached://h:1",
        "redis://h:port/0",
        "redis+sentinel://127.0.0.1:1",
        "http://secret@h",
    ],
)
def test_a_wrong_address_is_said_once(ledger_of: Making, said: Callable[[], list[str]], address: str) -> None:
    """And is not tried again; open budgets count here, closed ones refuse."""
    one, of = ledger_of(address, available=False), account()
    assert takes(one, of, 10, 20) == 10
    assert one.take(account(is_closed=True), 1, 10) == (False, None, 0)
    line = the_line(said)
    assert "PADDLE_OTEL_BUDGET_LEDGER" in line
    assert "secret" not in line
    assert sum(one.health.errors.values()) == 1


def test_a_missing_package_is_said_once(
    monkeypatch: pytest.MonkeyPatch, ledger_of: Making, said: Callable[[], list[str]]
) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "limits.storage", None)
    one, of = ledger_of(nowhere(), available=False), account()
    assert takes(one, of, 10, 20) == 10
    line = the_line(said)
    assert 'pip install "paddle-otel[redis]"' in line
    assert one.health.errors == {"ModuleNotFoundError": 1}


def test_an_answer_that_is_lost_costs_nothing(
    own_redis: Redis, ledger_of: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has counted, the process does not know: it reports again, and that counts once."""
    one, of = ledger_of(own_redis.address, 0.0), account()
    ask = Connection.ask
    lost = itertools.count()

    def losing(self: Connection, questions: Any) -> Any:
        answers = ask(self, questions)
        if questions and next(lost) % 2 == 0:
            raise LedgerError("ConnectionError")
        return answers

    monkeypatch.setattr(Connection, "ask", losing)
    one.opened(of)
    for _ in range(20):
        one.add(of, 7)
        time.sleep(0.02)
    one.closed(of)
    wait_until(lambda: own_redis.sum(key(of)) == (140, 0))
    assert one.used(of) == 140


def test_a_forgotten_script_is_sent_again(own_redis: Redis, ledger_of: Making) -> None:
    """After ``SCRIPT FLUSH``, without an error."""
    one, of = ledger_of(own_redis.address, 5.0), account()
    assert takes(one, of, 100, 10) == 10
    own_redis.ask("SCRIPT", "FLUSH")
    one.add(of, 1)
    wait_until(lambda: own_redis.sum(key(of))[0] == 11)
    assert one.health.errors == {}


def test_a_script_that_some_do_not_know_is_asked_again_of_those(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As machines of a cluster; who was answered is not asked twice, since what it says at its end counts once."""
    asked: list[list[str]] = []
    replies: Any = vars(shared_connection)["_replies"]

    def partly(client: Any, questions: Sequence[Question], troubles: Any) -> list[Any]:
        asked.append([question.process for question in questions])
        found = replies(client, questions, troubles)
        if asked == [["a", "b", "c"]]:
            found[1] = NoScriptError()
        return found

    class NoScriptError(Exception):
        pass

    monkeypatch.setattr(shared_connection, "_replies", partly)
    question = Question("key", "none", 0, 100, "a", -1, 0, 0, 0, 0, leaves=False, earlier=())
    connection = Connection(own_redis.address)
    connection.ask([question])  # it knows the script now
    asked.clear()
    answers = connection.ask([question._replace(process=name) for name in "abc"])
    connection.close()
    assert asked == [["a", "b", "c"], ["b"]]
    assert [type(answer) for answer in answers] == [Answer] * 3


def test_a_cluster_is_asked_little_at_a_time() -> None:
    """One question after the other goes to its machines, and all that time it has not answered yet."""
    assert Connection("redis+cluster://a:1").most_at_once == 16
    assert Connection("redis://a:1").most_at_once == 256


def test_one_bad_key_is_the_trouble_of_one_account(
    own_redis: Redis, ledger_of: Making, said: Callable[[], list[str]]
) -> None:
    """Somebody wrote something else there: its account is counted alone, the others are shared, also closed ones."""
    one, bad, good = ledger_of(own_redis.address, 5.0), account(), account(is_closed=True)
    own_redis.ask("SET", key(bad), "something else")
    for _ in range(20):
        one.add(bad, 1)
        time.sleep(0.1)  # so that it is asked about alone
        assert one.take(good, 1, 1_000).granted
    wait_until(lambda: own_redis.sum(key(good)) == (20, 0))
    assert set(one.health.errors) == {"WRONGTYPE"}
    assert one.add(bad, 1).used == 21
    assert said() == []


def test_windows_go_on_without_redis(ledger_of: Making) -> None:
    """A fixed one opens again; of a sliding one the bucket before still counts."""
    one = ledger_of(nowhere(), available=False)
    fixed, sliding = account(Window("fixed", 2)), account(Window("sliding", 2))
    wait_until(lambda: time.time() % 2 < 0.5)
    assert takes(one, fixed, 10, 20) == 10
    assert takes(one, sliding, 10, 20) == 10
    wait_until(lambda: time.time() % 2 > 1)
    wait_until(lambda: time.time() % 2 < 0.5)
    assert takes(one, sliding, 10, 20) < 8
    assert takes(one, fixed, 10, 20) == 10


def test_a_bug_of_ours_is_an_outage_and_no_more(
    own_redis: Redis, ledger_of: Making, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble
) -> None:
    """Logged, counted, gone when it is."""
    telemetry_trouble.expected = True
    one, of = ledger_of(own_redis.address), account()
    with monkeypatch.context() as patched:

        def broken(_self: Connection, _questions: object) -> None:
            raise RuntimeError

        patched.setattr(Connection, "ask", broken)
        one.take(of, 1, 100)
        wait_until(lambda: one.health.available is False)
        assert takes(one, of, 100, 10) == 10
        assert one.health.errors.keys() == {"unexpected"}
    wait_until(lambda: one.health.available is True)
    wait_until(lambda: own_redis.sum(key(of))[0] == 11)
    assert [site.partition(":")[0] for site in telemetry_trouble.sites] == ["asking the shared ledger of token budgets"]


def test_a_finalizer_may_call_at_any_time(own_redis: Redis, ledger_of: Making) -> None:
    """Also while its thread is inside."""
    one, of = ledger_of(own_redis.address), account()
    one.opened(of)
    one.take(of, 5, 10)
    with inside(one, of):
        one.give_back(of, 2, 0)
        one.closed(of)
        one.opened(account())
    assert one.used(of) == 3


def test_a_forked_child_counts_for_itself(own_redis: Redis, ledger_of: Making) -> None:
    """With its own connection and thread; what its parent has used and holds stays the parent's."""
    one, of = ledger_of(own_redis.address, 5.0), account()
    one.opened(of)
    assert takes(one, of, 100, 10) == 10

    def check() -> bool:
        is_new = one.health.available is None
        one.closed(of)  # a request that began before the fork
        spent = takes(one, of, 100, 200)
        one.shut()
        return is_new and 0 < spent <= 90

    assert in_child(check) == 0
    assert one.take(of, 1, 10**6).granted
    one.closed(of)
    wait_until(lambda: own_redis.sum(key(of))[1] == 0)
    used = own_redis.sum(key(of))[0]
    assert 20 < used <= 101
    assert one.used(of) == used


def test_what_is_kept_of_a_process_goes_with_it(own_redis: Redis, ledger_of: Making) -> None:
    """A service that is started every minute leaves a sum behind, and not a name for each start."""
    of = account()
    for number in range(1, 4):
        one = ledger_of(own_redis.address, 5.0)
        one.opened(of)
        assert takes(one, of, 1000, 10) == 10
        one.closed(of)
        one.shut()
        assert own_redis.hash(key(of)) == {"used": str(10 * number), "held": "0"}


def test_what_is_held_goes_back_when_it_is_shut(own_redis: Redis, ledger_of: Making) -> None:
    """What was used a moment ago is reported; afterwards it counts alone, and shutting twice is nothing."""
    one, of = ledger_of(own_redis.address, 5.0), account()
    one.opened(of)
    assert takes(one, of, 1000, 10) == 10
    one.add(of, 5)
    one.shut()
    assert own_redis.sum(key(of)) == (15, 0)
    one.shut()
    begun = time.monotonic()
    assert takes(one, of, 1000, 2_000) == 985
    assert time.monotonic() - begun < 60  # each would wait for five seconds
    one.closed(of)


def test_accounts_that_nobody_uses_are_forgotten(
    own_redis: Redis, ledger_of: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here and what Redis keeps of this process; the sums stay, and who comes back sees them."""
    monkeypatch.setattr("paddle_otel.budgets.shared_ledger.KEPT", 0.2)
    one, of = ledger_of(own_redis.address, 5.0), account()
    one.opened(of)
    assert takes(one, of, 100, 60) == 60
    wait_until(lambda: own_redis.sum(key(of))[0] == 60)
    time.sleep(1.0)
    assert one.used(of) == 60  # a request that goes on is not forgotten
    one.closed(of)
    wait_until(lambda: one.used(of) is None)
    wait_until(lambda: set(own_redis.hash(key(of))) == {"used", "held"})
    assert own_redis.sum(key(of)) == (60, 0)
    assert takes(one, of, 100, 200) == 40


def test_the_number_of_accounts_is_bounded(ledger_of: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody can be asked; the ones that were not used for longest go."""
    monkeypatch.setattr("paddle_otel.budgets.shared_ledger.CAPACITY", 100)
    monkeypatch.setattr("paddle_otel.budgets.shared_ledger.MOST_FORGOTTEN", 10)
    one = ledger_of("redis", available=False)
    everyone = [account() for _ in range(1_000)]
    for of in everyone:
        one.opened(of)
        one.add(of, 1)
        one.closed(of)
    known = [of for of in everyone if one.used(of) is not None]
    assert 100 <= len(known) <= 110
    assert known == everyone[-len(known) :]


def test_its_own_calls_are_not_observed(own_redis: Redis, ledger_of: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instrumentation of Redis would show them as the program's."""
    from opentelemetry.instrumentation.utils import is_instrumentation_enabled  # noqa: PLC0415 - of this test alone

    enabled: list[bool] = []
    ask = Connection.ask

    def noting(self: Connection, questions: Any) -> Any:
        enabled.append(is_instrumentation_enabled())
        return ask(self, questions)

    monkeypatch.setattr(Connection, "ask", noting)
    ledger_of(own_redis.address, 5.0).take(account(), 1, 10)
    assert set(enabled) == {False}
    assert is_instrumentation_enabled()


def test_it_is_given_up_long_before_its_connection_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an answer is out for too long, the first one too, it counts as away, without an error."""
    monkeypatch.setattr("paddle_otel.budgets.shared_health.PATIENCE", 0.0)
    health = Health("redis://h")
    assert (health.available, health.is_down) == (None, False)
    health.asking()
    wait_until(lambda: health.is_down)
    assert (health.available, health.errors) == (False, {})
    health.answered()
    assert (health.available, health.is_down) == (True, False)
    health.asking()
    wait_until(lambda: health.is_down)
    assert (health.available, health.has_failed, health.errors) == (False, False, {})
    health.answered()
    assert health.available is True


def test_attempts_become_rare(ledger_of: Making) -> None:
    """So that a Redis that comes back is not met by all its clients each millisecond."""
    one = ledger_of(nowhere(), available=False)
    pauses = [one.health.failed(LedgerError("ConnectionError")) for _ in range(50)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def _own(ledger: SharedLedger, of: Account) -> int:
    """Return what a ledger has used itself."""
    inner: Any = ledger
    return inner._counts[of.key].used  # noqa: SLF001 - nobody else needs to know


@contextlib.contextmanager
def inside(ledger: SharedLedger, of: Account) -> Generator[None]:
    """Hold the locks that a call holds."""
    inner: Any = ledger
    with inner._lock, inner._counts[of.key].lock:  # noqa: SLF001 - as a finalizer that runs in the middle of a call
        yield


def test_a_request_with_many_budgets_waits_no_longer_than_with_one(
    own_redis: Redis, ledger_of: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them wait from the same moment on: the first one as long as it may, the others no more."""
    ledger, waits = ledger_of(own_redis.address, 0.001), list[float]()
    wait_for = threading.Event.wait

    def noting(event: threading.Event, timeout: float | None = None) -> bool:
        if timeout is not None and threading.current_thread() is threading.main_thread():
            waits.append(timeout)
        return wait_for(event, timeout)

    own_redis.freeze()
    monkeypatch.setattr(threading.Event, "wait", noting)
    since = time.monotonic()
    for _ in range(4):
        ledger.take(account(), 1, 10, since)
    assert time.monotonic() - since >= ledger.longest_wait
    assert waits
    assert sum(waits) <= ledger.longest_wait


def test_a_count_that_was_told_twice_is_asked_about_once(own_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two answers in one batch would be taken for each other's."""
    asked: list[list[str]] = []
    ask = Connection.ask

    def noting(self: Connection, questions: Sequence[Question]) -> Any:
        asked.append([question.key for question in questions])
        return ask(self, questions)

    monkeypatch.setattr(Connection, "ask", noting)
    worker = Worker(Connection(own_redis.address), Health(own_redis.address), list)
    count = Count(account())
    for urgent in (True, False, True):
        count.is_queued = True
        worker.tell(count, urgent=urgent)
    worker.start()
    wait_until(lambda: any(asked))
    worker.end()
    assert [len(keys) for keys in asked if keys] == [1]


def test_a_forked_child_has_no_errors_of_its_parent() -> None:
    """Each process reports its own."""
    health = Health("redis://a:1/0")
    health.count(LedgerError("TimeoutError"))
    health.begin_anew()
    assert health.errors == {}


def test_the_commands_that_a_user_of_its_own_needs(own_redis: Redis, ledger_of: Making) -> None:
    """As docs/share-a-budget.md lists them; the keys of others cannot be reached."""
    page = (Path(__file__).parents[3] / "docs" / "share-a-budget.md").read_text(encoding="utf-8")
    listed = page.partition("A user of its own needs the commands")[2].partition("on the keys")[0]
    commands = [f"+{name}" for name in re.findall("`([a-z|]+)`", listed)]
    assert "+evalsha" in commands
    own_redis.ask("ACL", "SETUSER", "budgets", "on", ">secret", "~paddle-otel:budget:*", *commands)
    one, of = ledger_of(own_redis.address.replace("//", "//budgets:secret@").removesuffix("0") + "3", 5.0), account()
    for number in range(70):
        own_redis.ask("-n", "3", "HSET", key(of), f"until:{number}", "5")  # so that those who are gone are looked for
    one.opened(of)
    assert takes(one, of, 100, 200) == 100
    one.closed(of)
    one.shut()
    assert one.health.errors == {}
    assert own_redis.ask("-n", "3", "HGET", key(of), "used") == "100"
