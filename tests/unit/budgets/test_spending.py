"""What requests spend: taken before it is needed, counted exactly, given back where it was not used."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from paddle_otel.budgets import Budget, BudgetExceeded, Window
from paddle_otel.budgets.account_spending import AccountSpending
from paddle_otel.budgets.budget import Action
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.spending import Spender, Spending
from paddle_otel.guard import forget_reported_sites
from paddle_otel.identity import Identity

_STOP = frozenset[Action]({"stop"})
_REFUSE = frozenset[Action]({"refuse"})
_BOTH = frozenset[Action]({"stop", "refuse"})

Generate = Callable[..., int]
Begin = Callable[..., Any]
Used = Callable[..., int | None]


@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize("actions", [_STOP, _BOTH])
@pytest.mark.parametrize("window", [Window(), Window("fixed", 86_400), Window("sliding", 86_400)])
def test_a_generation_stops_at_the_token(
    budgets: Budgets, generate: Generate, limit: int, actions: Any, window: Window, used: Used
) -> None:
    """A limit of 7 makes 7 tokens; nothing of them is left over."""
    budgets.set_budget(Budget("b", "process", limit, window, "output", actions))
    assert generate(100) == limit
    assert used() == limit


def test_a_generation_that_ends_by_itself_gives_back_the_token_it_did_not_make(
    budgets: Budgets, generate: Generate, used: Used
) -> None:
    """The next one has it."""
    budgets.set_budget(Budget("b", "process", 10, actions=_STOP))
    assert generate(4) == 4
    assert used() == 4
    assert generate(100) == 6
    assert used() == 10


def test_where_nothing_is_left_one_step_is_made_unless_the_request_is_refused(
    budgets: Budgets, generate: Generate, used: Used
) -> None:
    """Stopping can only come after a step."""
    budgets.set_budget(Budget("b", "process", 0, actions=_STOP))
    assert generate(100) == 1
    assert generate(100) == 1
    assert used() == 2
    budgets.set_budget(Budget("b", "process", 0, actions=_BOTH))
    with pytest.raises(BudgetExceeded):
        generate(100)
    assert used() == 2


@pytest.mark.parametrize(("input_tokens", "made"), [(3, 7), (9, 1), (10, 1), (12, 1)])
def test_the_prompt_counts_before_the_first_step(
    budgets: Budgets, generate: Generate, input_tokens: int, made: int, used: Used
) -> None:
    """What is left of 10 is for the output."""
    budgets.set_budget(Budget("b", "process", 10, counts="both", actions=_STOP))
    assert generate(100, input_tokens=input_tokens) == made
    assert used() == input_tokens + made


@pytest.mark.parametrize(("input_tokens", "is_refused"), [(8, False), (9, True), (None, False)])
def test_a_request_is_refused_that_has_no_room_for_its_prompt_and_one_step(
    budgets: Budgets, begin: Begin, input_tokens: int | None, is_refused: bool, used: Used
) -> None:
    """Two sequences make two tokens in a step; of an unknown prompt nothing is assumed."""
    budgets.set_budget(Budget("b", "process", 10, actions=_REFUSE))
    spending = begin(input_tokens=input_tokens, step_tokens=2)
    assert (spending.refusal is not None) == is_refused
    if is_refused:
        assert (spending.refusal.budget, spending.refusal.scope) == ("b", "process")
        assert (spending.refusal.limit, spending.refusal.used, spending.refusal.retry_after) == (10, 0, None)
        spending.end(0, 0)
        assert used() == 0


def test_a_refusal_says_when_there_is_room_again(budgets: Budgets, begin: Begin) -> None:
    """Where the window ends."""
    budgets.set_budget(Budget("b", "process", 1, Window("fixed", 86_400), actions=_REFUSE))
    begin().end(0, 1)
    for step_tokens in (1, None):
        assert begin(step_tokens=step_tokens).refusal.retry_after == pytest.approx(86_400)


def test_refusing_alone_does_not_end_what_runs(budgets: Budgets, generate: Generate, begin: Begin, used: Used) -> None:
    """The next request is refused; the exact count is kept."""
    budgets.set_budget(Budget("b", "process", 5, actions=_REFUSE))
    assert generate(20) == 20
    assert used() == 20
    assert begin().refusal is not None


def test_observing_counts_and_does_nothing(budgets: Budgets, generate: Generate, used: Used) -> None:
    """Live, at each step."""
    budgets.set_budget(Budget("b", "process", 5, counts="output"))
    assert generate(20) == 20
    assert used() == 20


def test_tokens_count_while_they_are_made(budgets: Budgets, begin: Begin, used: Used) -> None:
    """Observed ones as they are made; where a budget stops, the next step's too."""
    budgets.set_budget(Budget("watch", "process", 5))
    budgets.set_budget(Budget("stop", "process", 50, actions=_STOP))
    spending = begin(input_tokens=3)
    assert (used("watch"), used("stop")) == (3, 4)
    spending.step(1)
    assert (used("watch"), used("stop")) == (4, 5)
    spending.end(3, 1)
    assert (used("watch"), used("stop")) == (4, 4)


@pytest.mark.parametrize(("counts", "tokens"), [("input", 30), ("output", 12), ("both", 42)])
@pytest.mark.parametrize("actions", [frozenset({"observe"}), _STOP, _REFUSE])
def test_input_and_output_are_counted_as_the_budget_says(
    budgets: Budgets, begin: Begin, counts: Any, tokens: int, actions: Any, used: Used
) -> None:
    """A prompt that is known only afterwards is counted then."""
    budgets.set_budget(Budget("b", "process", 1000, counts=counts, actions=actions))
    spending = begin(input_tokens=None, step_tokens=4)
    for _ in range(3):
        spending.step(4)
    spending.end(30, 12)
    assert used() == tokens


def test_the_exact_numbers_at_the_end_correct_what_was_assumed(budgets: Budgets, begin: Begin, used: Used) -> None:
    """Rows that ended unseen, a prompt that was counted with its padding."""
    budgets.set_budget(Budget("b", "process", 1000, actions=_STOP))
    spending = begin(input_tokens=40, step_tokens=4)
    for _ in range(5):
        spending.step(4)
    assert used() == 64
    spending.end(31, 9)
    assert used() == 40


def test_what_is_not_known_at_the_end_stays_as_it_was_counted(budgets: Budgets, begin: Begin, used: Used) -> None:
    """A failure has used what it made; the step that it did not make is given back."""
    budgets.set_budget(Budget("b", "process", 1000, actions=_STOP))
    spending = begin(input_tokens=40)
    spending.step(1)
    spending.step(1)
    spending.end(None, None)
    assert used() == 42


def test_a_failure_before_the_first_step_has_used_its_prompt(budgets: Budgets, begin: Begin, used: Used) -> None:
    """And no output."""
    budgets.set_budget(Budget("b", "process", 1000, actions=_BOTH))
    begin(input_tokens=40, step_tokens=8).end(None, None)
    assert used() == 40


def test_a_request_ends_once(budgets: Budgets, begin: Begin, used: Used) -> None:
    """A second end counts nothing and gives nothing back."""
    budgets.set_budget(Budget("b", "process", 1000, actions=_STOP))
    spending = begin()
    spending.step(1)
    spending.end(10, 1)
    spending.end(10, 1)
    spending.end(None, None)
    assert spending.step(1) is False
    assert used() == 11


def test_rows_of_a_batch_are_counted_together_all_or_none(budgets: Budgets, begin: Begin, used: Used) -> None:
    """A step for all rows fits or is not made; where fewer rows live, fewer tokens are enough."""
    budgets.set_budget(Budget("b", "process", 10, counts="output", actions=_STOP))
    spending = begin(step_tokens=4)
    assert spending.step(4) is False
    assert spending.step(4) is True
    assert spending.stopped_by == "b"
    spending.end(0, 8)
    assert used() == 8
    spending = begin(step_tokens=2)
    assert spending.step(2, next_tokens=0) is False
    spending.end(0, 2)
    budgets.set_budget(Budget("b", "process", 14, counts="output", actions=_STOP))
    spending = begin(step_tokens=3)
    assert spending.step(3, next_tokens=1) is False
    assert spending.step(1) is True
    spending.end(0, 4)
    assert used() == 14


def test_a_loop_that_makes_more_than_it_said_is_counted(budgets: Budgets, begin: Begin, used: Used) -> None:
    """Or goes on although it was to stop."""
    budgets.set_budget(Budget("b", "process", 10, counts="output", actions=_STOP))
    spending = begin(step_tokens=None)
    assert spending.step(3) is False
    assert spending.step(5) is True
    assert spending.step(5) is True
    assert used() == 13
    spending.end(None, None)
    assert used() == 13
    assert begin(step_tokens=None).step(12) is True
    assert budgets.times_exceeded() == {("b", "process", "stop"): 2}


def test_what_could_not_be_stopped_is_noticed_at_its_end(budgets: Budgets, begin: Begin) -> None:
    """Embeddings, say, whose input had no room; not the one that had."""
    budgets.set_budget(Budget("b", "process", 10, actions=_STOP))
    begin(input_tokens=10, step_tokens=0).end(10, 0)
    assert budgets.times_exceeded() == {}
    begin(input_tokens=1, step_tokens=0).end(1, 0)
    assert budgets.times_exceeded() == {("b", "process", "observe"): 1}


def test_the_first_budget_that_has_no_room_is_named_and_no_other_pays(
    budgets: Budgets, begin: Begin, used: Used
) -> None:
    """What a stopped step had taken elsewhere is given back, and so is what a refused request had."""
    budgets.set_budget(Budget("wide", "process", 100, actions=_BOTH))
    budgets.set_budget(Budget("narrow", "process", 2, counts="output", actions=_BOTH))
    spending = begin(input_tokens=5)
    assert [spending.step(1), spending.step(1)] == [False, True]
    assert spending.stopped_by == "narrow"
    spending.end(5, 2)
    assert (used("wide"), used("narrow")) == (7, 2)
    refused = begin(input_tokens=5)
    assert refused.refusal.budget == "narrow"
    refused.end(0, 0)
    assert (used("wide"), used("narrow")) == (7, 2)


def test_of_several_budgets_that_are_used_up_the_first_is_named(budgets: Budgets, begin: Begin) -> None:
    """All are counted as exceeded."""
    for name in ("first", "second"):
        budgets.set_budget(Budget(name, "process", 1, counts="output", actions=_STOP))
    spending = begin()
    assert spending.step(1) is True
    assert spending.stopped_by == "first"
    assert budgets.times_exceeded() == {("first", "process", "stop"): 1, ("second", "process", "stop"): 1}


def test_what_is_not_made_step_by_step_is_counted_at_the_end(budgets: Budgets, begin: Begin, used: Used) -> None:
    """It is refused once nothing is left."""
    budgets.set_budget(Budget("b", "process", 10, counts="output", actions=_BOTH))
    spending = begin(step_tokens=None)
    assert spending.refusal is None
    spending.end(3, 25)
    assert used() == 25
    assert begin(step_tokens=None).refusal is not None


def test_embeddings_do_not_ask_budgets_for_output(budgets: Budgets, begin: Begin, used: Used) -> None:
    """They make none; budgets for input refuse them."""
    budgets.set_budget(Budget("out", "process", 0, counts="output", actions=_BOTH))
    assert budgets.begin(Spender(Identity(), None, 5, 0)) is None
    budgets.set_budget(Budget("in", "process", 8, counts="input", actions=_BOTH))
    spending = begin(input_tokens=5, step_tokens=0)
    assert spending.refusal is None
    spending.end(5, 0)
    assert begin(input_tokens=5, step_tokens=0).refusal.budget == "in"
    assert used("in") == 5


def test_a_budget_for_input_alone_ends_a_generation_whose_prompt_does_not_fit(
    budgets: Budgets, generate: Generate
) -> None:
    """And no other."""
    budgets.set_budget(Budget("b", "process", 10, counts="input", actions=_STOP))
    assert generate(5, input_tokens=10) == 5
    assert generate(5, input_tokens=1) == 1


def test_a_limit_that_changes_holds_from_the_next_step_on(budgets: Budgets, begin: Begin) -> None:
    """Raised, lowered, another action, removed and set again: without beginning anew."""
    budgets.set_budget(Budget("b", "process", 3, actions=_STOP))
    spending = begin()
    assert [spending.step(1) for _ in range(3)] == [False, False, True]
    budgets.set_budget(Budget("b", "process", 6, actions=_STOP))
    assert [spending.step(1) for _ in range(3)] == [False, False, True]
    budgets.set_budget(Budget("b", "process", 100, actions=_STOP))
    assert spending.step(1) is False
    budgets.set_budget(Budget("b", "process", 1, actions=_STOP))
    assert spending.step(1) is True
    budgets.set_budget(Budget("b", "process", 1))
    assert spending.step(1) is False
    budgets.remove_budget("b")
    assert spending.step(1) is False
    spending.end(0, 9)
    budgets.set_budget(Budget("b", "process", 10, actions=_STOP))
    assert spending.step(1) is False


def test_a_budget_for_others_from_now_on_does_not_free_those_that_run(
    budgets: Budgets, begin: Begin, used: Used
) -> None:
    """A new window counts anew, for requests that begin now; who runs ends where it would have."""
    budgets.set_budget(Budget("b", "process", 3, actions=_STOP))
    running = begin()
    for seconds in (60, 86_400):
        budgets.set_budget(Budget("b", "process", 3, Window("fixed", seconds), actions=_STOP))
    assert [running.step(1) for _ in range(3)] == [False, False, True]
    assert [begin().step(1), used()] == [False, 2]


def test_a_removed_budget_frees_also_who_began_before_it_was_changed(budgets: Budgets, begin: Begin) -> None:
    """However often it was."""
    before: list[Spending] = []
    for seconds in range(60, 70):
        budgets.set_budget(Budget("b", "process", 1, Window("fixed", seconds), actions=_STOP))
        before.append(begin())
    assert [running.step(1) for running in before] == [True] * 10
    assert budgets.remove_budget("b")
    assert [running.step(1) for running in before] == [False] * 10


def test_a_request_in_two_windows_is_counted_in_each_where_it_was(
    budgets: Budgets, begin: Begin, hands: Any, used: Used
) -> None:
    """What it gives back at its end was taken in the second."""
    budgets.set_budget(Budget("b", "process", 5, Window("fixed", 86_400), "output", _STOP))
    spending = begin()
    assert [spending.step(1) for _ in range(4)] == [False] * 4
    hands.pass_seconds(86_400)
    assert [spending.step(1) for _ in range(5)] == [False] * 5
    assert used() == 5
    assert spending.step(1) is True
    spending.end(0, 9)
    assert used() == 4


def test_what_was_taken_in_the_window_before_is_not_given_back_to_this_one(
    budgets: Budgets, begin: Begin, hands: Any, used: Used
) -> None:
    """A sliding window, which still looks at it, has it back there."""
    budgets.set_budget(Budget("fixed", "process", 1000, Window("fixed", 86_400), "output", _STOP))
    budgets.set_budget(Budget("sliding", "process", 1000, Window("sliding", 86_400), "output", _STOP))
    spending = begin(step_tokens=4)
    spending.step(4)
    hands.pass_seconds(86_400)
    spending.step(4)
    begin().end(0, 3)
    assert (used("fixed"), used("sliding")) == (7, 15)
    spending.end(0, 2)
    assert (used("fixed"), used("sliding")) == (3, 5)


def test_sixteen_threads_share_one_budget_exactly(budgets: Budgets, generate: Generate, used: Used) -> None:
    """Together they make what it allows, and not one token more."""
    budgets.set_budget(Budget("b", "process", 5000, counts="output", actions=_BOTH))
    made: list[int] = []

    def work() -> None:
        with contextlib.suppress(BudgetExceeded):
            while True:
                made.append(generate(37))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == used()
    # Each of the others may have been turned away by a token that another one took ahead and gave back.
    assert 5000 - 16 <= sum(made) <= 5000


def test_a_request_that_may_not_be_ended_is_counted_only(budgets: Budgets, used: Used) -> None:
    """As on one of several processes that compute one model together."""
    budgets.set_budget(Budget("b", "process", 2, counts="both", actions=_BOTH))
    budgets.set_budget(Budget("input", "process", 2, counts="input", actions=_STOP))
    for number in (1, 2):
        spending = budgets.begin(Spender(Identity(), None, 5, 1, may_end=False))
        assert spending is not None
        assert spending.refusal is None
        assert [spending.step(1) for _ in range(4)] == [False] * 4
        assert used() == number * 9
        spending.end(5, 4)
        assert used() == number * 9
    assert budgets.times_exceeded() == {("b", "process", "observe"): 2, ("input", "process", "observe"): 2}


@pytest.mark.parametrize("method", ["begin", "step", "end"])
def test_trouble_of_our_own_never_reaches_the_request(
    budgets: Budgets, begin: Begin, telemetry_trouble: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It goes on as if there were no budget."""
    telemetry_trouble.expected = True
    forget_reported_sites()

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(AccountSpending, method, broken)
    budgets.set_budget(Budget("b", "process", 100, actions=_BOTH))
    spending = begin()
    assert spending.refusal is None
    assert spending.step(1) is False
    spending.end(1, 1)
    assert telemetry_trouble.sites


def test_a_step_of_no_number_never_reaches_the_request(budgets: Budgets, begin: Begin, telemetry_trouble: Any) -> None:
    """Whoever counts it so: it is not counted, and the next one is."""
    telemetry_trouble.expected = True
    budgets.set_budget(Budget("b", "process", 2, actions=_BOTH))
    spending = begin()
    nothing: Any = None
    assert [spending.step(1), spending.step(nothing), spending.step(1)] == [False, False, True]
    assert len(telemetry_trouble.sites) == 1


def test_trouble_when_asking_which_budgets_there_are_is_kept_too(
    budgets: Budgets, telemetry_trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No budget applies then."""
    telemetry_trouble.expected = True
    budgets.set_budget(Budget("b", "process", 0, actions=_BOTH))
    monkeypatch.setattr(budgets, "_make_index", None)
    assert budgets.begin(Spender(Identity(), None)) is None
    assert len(telemetry_trouble.sites) == 1


def test_what_somebody_has_used_is_told_while_a_request_runs(budgets: Budgets, begin: Begin) -> None:
    """Also of whom no metric tells apart; it is absent where there is no such budget."""
    budgets.set_budget(Budget("chat", "session", 100, counts="output", actions=_STOP))
    budgets.set_budget(Budget("all", "process", 100, counts="output"))
    running = begin(session="a")
    for _ in range(5):
        running.step(1)
    assert budgets.tokens_used("chat", "a") == 6  # with the next step's
    running.end(0, 5)
    assert [budgets.tokens_used("chat", name) for name in ("a", "b")] == [5, 0]
    assert budgets.tokens_used("all") == 5
    assert budgets.tokens_used("none") is None
    budgets.remove_budget("chat")
    assert budgets.tokens_used("chat", "a") is None
