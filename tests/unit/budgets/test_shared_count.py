"""What a process may use of a shared account without asking, and what it reports."""

import itertools
import time

import pytest

from backends.redis import Redis
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.shared_connection import Connection
from paddle_otel.budgets.shared_count import Count
from paddle_otel.budgets.shared_script import Answer, Question

NOW = 1_000_000.0
MINUTE = Window("fixed", 60)
SLIDING = Window("sliding", 60)
_numbers = itertools.count()


def count_of(window: Window) -> Count:
    """Return a count of which Redis has said that the bucket is number 100 and lasts for another 30 s."""
    count = Count(Account("test", "tenant", f"{time.time_ns()}-{next(_numbers)}", window))
    count.requests = 1
    count.touched = NOW
    count.begin_limit(1000)
    question = count.question(NOW)
    assert (question.bucket, question.used) == (-1, 0)
    assert count.hear(1, question, Answer(100, 0, 0, 0, 0, 30_000), NOW)
    return count


def granted(count: Count, tokens: int, now: float = NOW) -> None:
    """Let Redis set tokens aside."""
    question = count.question(now)
    assert count.hear(count.asked, question, Answer(100, tokens, 0, 0, 0, 30_000), now)


def test_what_is_given_back_is_not_used_meanwhile() -> None:
    """From the question on somebody else may have it."""
    count = count_of(MINUTE)
    granted(count, 50)
    assert count.take_granted(10, 1000, NOW)
    count.requests = 0
    question = count.question(NOW)
    assert (question.used, question.keep, question.hold) == (10, 0, 0)
    assert not count.take_granted(1, 1000, NOW)


def test_what_is_held_stays_usable_while_it_is_asked_for_more() -> None:
    """Redis keeps it; what is used between question and answer is taken from it."""
    count = count_of(MINUTE)
    granted(count, 50)
    question = count.question(NOW)
    assert question.keep == 50
    assert count.take_granted(30, 1000, NOW)
    assert count.hear(count.asked, question, Answer(100, 60, 0, 0, 0, 30_000), NOW)
    assert count.pool == 30
    assert not count.take_granted(31, 1000, NOW)


def test_nothing_is_taken_of_a_bucket_that_is_over() -> None:
    """What was set aside was of the old one."""
    count = count_of(MINUTE)
    granted(count, 50, NOW + 25)  # the answer says that the bucket lasts until NOW + 55
    assert count.take_granted(1, 1000, NOW + 25)
    short = count.question(NOW + 25)
    assert count.hear(count.asked, short, Answer(100, 50, 0, 0, 0, 5_000), NOW + 25)
    assert count.take_granted(1, 1000, NOW + 29)
    assert not count.take_granted(1, 1000, NOW + 30)


def test_what_was_set_aside_is_used_before_redis_takes_it_back() -> None:
    """It takes it from whoever has not asked for 10 seconds, to give it to others."""
    count = count_of(Window())
    granted(count, 50)
    assert count.take_granted(1, 1000, NOW + 7.9)
    assert not count.take_granted(1, 1000, NOW + 8)
    question = count.question(NOW + 8)
    assert (question.used, question.keep) == (1, 0)


def test_where_the_clock_of_redis_goes_far_back_what_was_reported_stays() -> None:
    """Who counts there again does so under another name."""
    count = count_of(MINUTE)
    count.add(500, NOW)
    question = count.question(NOW)
    before = question.process
    assert count.hear(count.asked, question, Answer(97, 0, 500, 0, 0, 60_000), NOW)
    count.add(10, NOW)
    following = count.question(NOW)
    assert (following.bucket, following.used) == (97, 10)
    assert following.process != before


def test_a_bucket_that_ends_unasked_is_reported_later() -> None:
    """With its number, as the new one is."""
    count = count_of(MINUTE)
    count.add(7, NOW)
    count.add(5, NOW + 31)
    assert count.taken(True, NOW + 31) == (True, 5, 101)
    question = count.question(NOW + 31)
    assert (question.bucket, question.used, question.earlier) == (101, 5, ((100, 7),))
    count.give_back(3, 100)
    assert count.question(NOW + 31).earlier == ((100, 4),)
    count.give_back(30, 100)
    assert count.question(NOW + 31).earlier == ((100, 0),)


def test_redis_says_that_a_bucket_is_over() -> None:
    """What was used after the question is counted in the new one."""
    count = count_of(MINUTE)
    count.add(7, NOW)
    question = count.question(NOW)
    count.add(2, NOW)
    assert count.hear(count.asked, question, Answer(101, 20, 3, 1, 0, 60_000), NOW)
    assert count.taken(True, NOW) == (True, 5, 101)
    assert count.question(NOW).earlier == ((100, 7),)
    assert count.pool == 18


def test_an_answer_about_a_bucket_that_is_over_is_not_used() -> None:
    """It is asked again."""
    count = count_of(MINUTE)
    question = count.question(NOW)
    count.add(1, NOW + 31)
    assert not count.hear(count.asked, question, Answer(100, 500, 0, 0, 0, 1), NOW + 31)
    assert count.pool == 0
    assert count.answered == 1


def test_only_buckets_that_may_still_count_are_kept() -> None:
    """After an outage of hours."""
    count = count_of(SLIDING)
    for minute in range(100):
        count.add(1, NOW + 60 * minute)
    assert [number for number, _ in count.question(NOW + 60 * 99).earlier] == [197, 198]
    assert count.weighted(NOW + 60 * 99) == 1 + 1


def test_before_redis_has_answered_the_clock_of_the_machine_numbers_the_buckets() -> None:
    """Then its number takes the place of that, also for what is over."""
    count = Count(Account("test", "tenant", "t", MINUTE))
    now = time.monotonic()
    count.add(4, now)
    count.add(6, now + 60)
    here = int(time.time() / 60)
    assert count.taken(True, now + 60).bucket - here in {1, 2}
    question = count.question(now + 60)
    assert (question.bucket, question.used, question.earlier) == (-1, 0, ())
    assert not count.hear(1, question, Answer(500, 0, 0, 0, 0, 60_000), now + 60)
    following = count.question(now + 60)
    assert (following.bucket, following.used, following.earlier) == (500, 6, ((499, 4),))


@pytest.mark.parametrize(
    ("others", "held", "late", "granted"),
    [
        ((10, 10), 0, 2.0, 108),  # nobody else spends: all of it
        ((10, 10), 8, 2.0, 100 // 16),  # somebody holds some
        ((9, 10), 0, 2.0, (108 - 2 * 20) // 16),  # somebody has used some: 1 in 0.1 s, so 2 · 10/s · 2 s
    ],
)
def test_while_an_answer_is_late_what_was_left_is_used(
    others: tuple[int, int], held: int, late: float, granted: int
) -> None:
    """By one process alone, or a 16th of what is left by then."""
    count = count_of(Window())
    count.limit = 118
    for number, used in enumerate(others):
        now = NOW + number * 0.1
        assert count.hear(count.asked, count.question(now), Answer(0, 0, used, held, 0, 0), now)
    assert count.left == 108 - held
    assert sum(count.take_late(1, NOW + 0.1 + late) for _ in range(200)) == granted


def test_what_a_process_uses_itself_is_not_taken_for_what_others_use() -> None:
    """However quickly it went, all that is left is its own while an answer is late."""
    count = count_of(Window())
    count.limit = 10_000
    for number in range(9):
        now = NOW + number * 0.025
        count.add(500, now)
        assert count.hear(count.asked, count.question(now), Answer(100, 0, 0, 0, 0, 0), now)
    assert count.left == 10_000 - 4500
    assert count.take_late(5500, NOW + 1.2)
    assert not count.take_late(1, NOW + 1.2)


def test_one_step_goes_ahead_of_its_answer() -> None:
    """A process is beyond what it was granted by one step at most, and never by what nobody has left."""
    count = count_of(Window())
    count.limit = 100
    count.hear(2, count.question(NOW), Answer(0, 5, 70, 10, 0, 0), NOW)
    assert (count.pool, count.left) == (5, 15)
    assert not count.take_step_ahead(16, NOW)
    assert count.take_step_ahead(8, NOW)  # 3 beyond
    assert not count.take_step_ahead(1, NOW)
    count.hear(3, count.question(NOW), Answer(0, 0, 70, 10, 0, 0), NOW)
    assert (count.used, count.left) == (8, 12)
    assert count.take_step_ahead(12, NOW)
    assert not count.take_step_ahead(1, NOW)


@pytest.mark.parametrize(
    ("late", "granted"),
    [
        (0.0, 64),  # a 16th of the 1024 that were left
        (0.09, 35),  # of 1024 - 2 · 2560/s · 0.09 s
        (0.2, 0),
        (5.0, 0),
    ],
)
def test_what_is_left_is_taken_to_become_less_as_quickly_as_before_twice(late: float, granted: int) -> None:
    """While nobody says how much others have used since."""
    count = count_of(Window())
    count.limit = 10_000
    for number in range(9):  # others use 64 tokens in each of 8 times 25 ms
        now = NOW + number * 0.025
        others = 10_000 - 1024 - 64 * (8 - number) - 1
        assert count.hear(count.asked, count.question(now), Answer(0, 0, others, 1, 0, 0), now)
    assert count.left == 1024
    now = NOW + 0.2 + late
    assert sum(count.take_late(1, now) for _ in range(100)) == granted


def test_how_quickly_others_spent_is_forgotten_with_the_bucket() -> None:
    """It is another number from then on; so is what is left with another limit."""
    count = count_of(MINUTE)
    count.limit = 1000
    for number, others in enumerate((0, 500)):
        question = count.question(NOW + number)
        assert count.hear(count.asked, question, Answer(100, 0, others, 1, 0, 30_000), NOW + number)
    assert not count.take_late(1, NOW + 2)
    question = count.question(NOW + 40)
    count.hear(count.asked, question, Answer(101, 0, 0, 1, 0, 60_000), NOW + 40)
    assert count.take_late(1, NOW + 41)
    question = count.question(NOW + 42)
    assert count.hear(count.asked, question, Answer(101, 0, 900, 1, 0, 58_000), NOW + 42)
    assert not count.take_late(1, NOW + 43)
    count.begin_limit(2000)
    assert count.take_late(1, NOW + 43)


def test_a_clock_of_redis_that_goes_back_opens_no_window_again(redis: Redis) -> None:
    """The bucket that a process has seen stays for as long; who is two ahead has a wrong number."""
    of = Account("test", "tenant", f"{time.time_ns()}", MINUTE)
    connection = Connection(redis.address)

    def ask(bucket: int) -> Answer:
        question = Question(of.subject, "fixed", 60, 100, "me", bucket, 100, 0, 10, 10, leaves=False, earlier=())
        (answer,) = connection.ask([question])
        assert isinstance(answer, Answer)
        return answer

    here = ask(-1)
    assert here.granted == 0
    ahead = ask(here.bucket + 1)
    assert ahead.bucket - here.bucket == 1
    assert ahead.granted == 0
    assert ahead.milliseconds > 60_000
    assert ask(here.bucket + 7).bucket - here.bucket in {0, 1}
    connection.close()
