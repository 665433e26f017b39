"""Real generations that spend from a budget in a real Redis, which also dies and comes back in the middle of one."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

import stacks
from backends.redis import Redis
from budgeted import budget
from library.expected import Prompts, attributes_of, generation, output_tokens, rows_of
from paddle_otel.budgets import BUDGETS, BudgetExceeded
from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.shared_keys import key_prefix
from paddle_otel.identity import identify
from paddle_otel.settings import Settings
from recording import Recorder

TENANT = "acme"
PLENTY = 10_000
PATIENCE_S = 60.0
# For how many seconds a step waits for Redis: longer than by default, as a busy machine may need.
WAIT_S = 0.05
# An id that the model cannot write, so that each generation has the length that it is to have.
ENDLESS = {"eos_token_id": stacks.VOCABULARY_SIZE}
STRATEGIES = {
    "greedy": {},
    "sampling": {"decode_strategy": "sampling", "top_k": 5},
    "beams": {"decode_strategy": "beam_search", "num_beams": 3},
    "groups of beams": {"decode_strategy": "beam_search", "num_beams": 4, "num_beam_groups": 2},
}


@pytest.fixture
def shared(observed: Recorder, own_redis: Redis) -> Iterator[Redis]:
    """The Redis in which this process counts, which the test may kill."""
    assert observed
    BUDGETS.load(Settings(budget_ledger=own_redis.address, budget_ledger_wait=WAIT_S))
    wait_until_it_answers()
    with identify(tenant=TENANT):
        yield own_redis
    BUDGETS.load(Settings())


def wait_until_it_answers() -> None:
    """Wait until Redis has answered."""
    deadline = time.monotonic() + PATIENCE_S
    while BUDGETS.shared_health is None or not BUDGETS.shared_health.available:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_counted(redis: Redis, name: str, tokens: int, tenant: str = TENANT) -> None:
    """Redis comes to know that a tenant used so many tokens, none of which is held any more."""
    key = key_prefix("tenant", name, tenant, Window())
    deadline = time.monotonic() + PATIENCE_S
    while redis.sum(key) != (tokens, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert redis.sum(key) == (tokens, 0)


def lengths(ids: Any) -> list[int]:
    """Return how many tokens each row has."""
    return [len(row) for row in rows_of(ids)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_way_to_decode_is_counted_to_the_token(
    strategy: str, shared: Redis, observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """A single prompt and a batch of two."""
    options = {**ENDLESS, **STRATEGIES[strategy]}
    with budget(PLENTY, "stop", "refuse", scope="tenant") as name:
        assert lengths(llama.generate(**prompts.first, max_new_tokens=20, **options)[0]) == [20]
        assert_counted(shared, name, 20)
        assert lengths(llama.generate(**prompts.both, max_new_tokens=10, **options)[0]) == [10, 10]
        assert_counted(shared, name, 40)
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 40


@pytest.mark.parametrize("strategy", ["greedy", "sampling"])
def test_a_shared_budget_ends_a_generation_at_the_token(
    strategy: str, shared: Redis, observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """Neither more nor less, and the next one is refused before the model runs."""
    with budget(27, "stop", "refuse", scope="tenant") as name:
        ids, _ = llama.generate(**prompts.first, max_new_tokens=60, **ENDLESS, **STRATEGIES[strategy])
        assert lengths(ids) == [27]
        found = attributes_of(generation(observed))
        assert_counted(shared, name, 27)
        with pytest.raises(BudgetExceeded):
            llama.generate(**prompts.first, max_new_tokens=60, **ENDLESS)
        assert_counted(shared, name, 27)
    assert found["gen_ai.response.finish_reasons"] == ("budget",)
    assert found["paddle.budget.name"] == name


def test_what_a_generation_that_ends_by_itself_had_taken_is_given_back(
    shared: Redis, llama: Any, prompts: Prompts, continuation: list[list[int]]
) -> None:
    """A single prompt, and a batch of which one row goes on: Redis knows what was written, and holds nothing."""
    first, second = continuation
    with budget(PLENTY, "stop", "refuse", scope="tenant") as name:
        llama.generate(**prompts.first, max_new_tokens=50, eos_token_id=first[3])
        made = first.index(first[3]) + 1
        assert_counted(shared, name, made)
        ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=first[3])
        assert rows_of(ids)[1] == second[: len(rows_of(ids)[1])]
        assert_counted(shared, name, 2 * made + output_tokens(second, {first[3]}))


def test_a_generation_in_which_redis_dies_and_comes_back(
    shared: Redis, observed: Recorder, llama: Any, prompts: Prompts, stack: stacks.Stack
) -> None:
    """It goes on as without us, and Redis, which has forgotten all, is told all: what was before and what is after."""
    puts = 0

    class Streamer:
        def put(self, _: Any) -> None:
            nonlocal puts
            puts += 1
            if puts == 20:
                shared.kill()
            if puts == 40:
                shared.start_again()
            time.sleep(0.005)

        def end(self) -> None:
            """Nothing."""

    alone = rows_of(llama.generate(**prompts.first, max_new_tokens=60, **ENDLESS)[0])
    observed.clear_spans()
    with budget(200, "stop", "refuse", scope="tenant") as name:
        llama.generate(**prompts.first, max_new_tokens=30, **ENDLESS)
        with identify(tenant="idle"):
            llama.generate(**prompts.first, max_new_tokens=12, **ENDLESS)
        observed.clear_spans()
        ids, _ = llama.generate(**prompts.first, max_new_tokens=60, **ENDLESS, streamer=Streamer())
        assert rows_of(ids) == alone
        assert puts == 60 + stack.streams_prompt
        found = attributes_of(generation(observed))
        assert found["gen_ai.response.finish_reasons"] == ("length",)
        assert found["gen_ai.usage.output_tokens"] == 60
        assert_counted(shared, name, 90)
        assert_counted(shared, name, 12, "idle")
        ids, _ = llama.generate(**prompts.first, max_new_tokens=120, **ENDLESS)
        assert lengths(ids) == [110]
        assert_counted(shared, name, 200)
        with pytest.raises(BudgetExceeded):
            llama.generate(**prompts.first, max_new_tokens=1, **ENDLESS)
