"""Budgets under load and with bugs of ours: a generation comes to its end, and a limit holds."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import stacks
from budgeted import budget, used
from library.expected import Prompts, attributes_of, generation, generations, rows_of
from observed import returning
from paddle_otel.budgets import BUDGETS, BudgetExceeded
from recording import Recorder

THREADS = 16
BEAMS = {"decode_strategy": "beam_search", "num_beams": 2}


def bug(*_: Any, **__: Any) -> Any:
    """Fail."""
    raise RuntimeError("a bug of ours")


class BrokenSpending:
    """Fails wherever it is touched."""

    refusal = property(bug)
    stopped_by = property(bug)
    step = bug
    end = bug


class BrokenWhenItStops:
    """Says that a budget is used up, and fails to say which."""

    refusal = None
    stopped_by = property(bug)
    end = bug

    def step(self, *_: Any) -> bool:
        """Stop."""
        return True


@pytest.mark.parametrize("options", [{}, {"decode_strategy": "sampling"}, BEAMS], ids=["greedy", "sampling", "beams"])
def test_a_spending_that_fails_everywhere(
    options: dict[str, Any],
    observed: Recorder,
    llama: Any,
    prompts: Prompts,
    paddle: Any,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Any,
) -> None:
    """The generation runs to its end, with the very same result and the same telemetry."""
    telemetry_trouble.expected = True

    def run() -> list[list[int]]:
        paddle.seed(3)
        return rows_of(llama.generate(**prompts.both, max_new_tokens=8, **options)[0])

    expected = run()
    with monkeypatch.context() as broken, budget(1, "stop", "refuse"):
        broken.setattr(type(BUDGETS), "begin", returning(BrokenSpending()))
        assert run() == expected
    without, broken_span = generations(observed)
    names = ("gen_ai.usage.output_tokens", "gen_ai.response.finish_reasons", "error.type", "paddle.budget.name")
    found, wanted = attributes_of(broken_span), attributes_of(without)
    assert {name: found.get(name) for name in names} == {name: wanted.get(name) for name in names}
    assert len(observed.events("paddle.usage")) == 2


def test_a_spending_that_cannot_say_which_budget_it_is(
    observed: Recorder, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """It stops the generation all the same, and the reason is told without a name."""
    telemetry_trouble.expected = True
    with monkeypatch.context() as broken, budget(1):
        broken.setattr(type(BUDGETS), "begin", returning(BrokenWhenItStops()))
        ids, _ = llama.generate(**prompts.first, max_new_tokens=8, eos_token_id=stacks.VOCABULARY_SIZE)
    assert [len(row) for row in rows_of(ids)] == [1]
    found = attributes_of(generation(observed))
    assert found["gen_ai.response.finish_reasons"] == ("budget",)
    assert "paddle.budget.name" not in found


@pytest.mark.parametrize("place", ["begin", "_make_index"])
def test_budgets_that_cannot_be_asked(
    place: str,
    observed: Recorder,
    llama: Any,
    prompts: Prompts,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Any,
) -> None:
    """Where nobody knows what a budget says the generation goes on."""
    telemetry_trouble.expected = True
    with monkeypatch.context() as broken, budget(1, "stop", "refuse"):
        broken.setattr(type(BUDGETS), place, bug)
        ids, _ = llama.generate(**prompts.first, max_new_tokens=4, eos_token_id=None)
    assert [len(row) for row in rows_of(ids)] == [4]
    assert attributes_of(generation(observed))["gen_ai.response.finish_reasons"] == ("length",)


def test_rows_that_cannot_be_counted(
    observed: Recorder, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """The budget holds all the same: each row then counts as one that goes on."""
    telemetry_trouble.expected = True
    monkeypatch.setattr("paddle_otel.pretrained.decode_steps.LivingRows.step", bug)
    with budget(6) as name:
        ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=stacks.VOCABULARY_SIZE)
    assert [len(row) for row in rows_of(ids)] == [3, 3]
    assert attributes_of(generation(observed))["paddle.budget.name"] == name


def test_sixteen_threads_share_one_budget(observed: Recorder, llama: Any, paddle: Any) -> None:
    """All together write at most what is allowed and the first step of each, which is always made."""
    limit = 100

    def run(number: int) -> int:
        ids = paddle.to_tensor([[1, 5 + number, 7]])
        rows = llama.generate(
            ids, attention_mask=paddle.ones_like(ids), max_new_tokens=12, eos_token_id=stacks.VOCABULARY_SIZE
        )[0]
        return len(rows_of(rows)[0])

    with budget(limit, scope="process") as name, ThreadPoolExecutor(THREADS) as pool:
        written = list(pool.map(run, range(THREADS)))
        total = sum(written)
        assert used(name) == total
    assert limit <= total <= limit + THREADS
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == total
    billed: list[Any] = [
        dict(event.attributes or {})["gen_ai.usage.output_tokens"] for event in observed.events("paddle.usage")
    ]
    assert sorted(billed) == sorted(written)
    reasons = {attributes_of(span)["gen_ai.response.finish_reasons"] for span in generations(observed)}
    assert ("budget",) in reasons


def test_sixteen_threads_with_a_budget_that_refuses(observed: Recorder, llama: Any, paddle: Any) -> None:
    """With ``refuse`` there is no first step too many: the sum is at most the limit, to the token."""
    limit = 60

    def run(number: int) -> int:
        ids = paddle.to_tensor([[1, 5 + number, 7]])
        try:
            rows = llama.generate(
                ids, attention_mask=paddle.ones_like(ids), max_new_tokens=8, eos_token_id=stacks.VOCABULARY_SIZE
            )[0]
        except BudgetExceeded:
            return 0
        return len(rows_of(rows)[0])

    with budget(limit, "stop", "refuse", scope="process") as name, ThreadPoolExecutor(THREADS) as pool:
        total = sum(pool.map(run, range(3 * THREADS)))
        assert used(name) == total
    assert total == limit
    assert len(observed.events("paddle.usage")) == 3 * THREADS


def test_a_budget_that_is_raised_and_removed_while_it_runs(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """A running generation sees it at its next step."""

    class Streamer:
        puts = 0

        def put(self, ids: Any) -> None:
            self.puts += tuple(ids.shape) == (1, 1)
            if self.puts == 2:
                assert BUDGETS.remove_budget(name)

        def end(self) -> None:
            """Nothing."""

    with budget(4) as name:
        ids, _ = llama.generate(
            **prompts.first, max_new_tokens=9, eos_token_id=stacks.VOCABULARY_SIZE, streamer=Streamer()
        )
    assert [len(row) for row in rows_of(ids)] == [9]
    assert attributes_of(generation(observed))["gen_ai.response.finish_reasons"] == ("length",)


@pytest.mark.parametrize("action", ["stop", "refuse"])
def test_a_rank_of_several_decides_nothing_alone(
    action: Any, observed: Recorder, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other ranks would wait for it for ever: its tokens are counted, and it goes on."""
    monkeypatch.setattr("paddle_otel.pretrained.generate_request.decides_alone", returning(False))
    with budget(3, action, scope="process") as name:
        for _ in range(2):
            ids, _ = llama.generate(**prompts.first, max_new_tokens=5, eos_token_id=stacks.VOCABULARY_SIZE)
            assert [len(row) for row in rows_of(ids)] == [5]
        assert used(name) == 10
    for span in generations(observed):
        assert attributes_of(span)["gen_ai.response.finish_reasons"] == ("length",)
        assert "paddle.budget.name" not in attributes_of(span)


def test_gpus_that_go_through_all_steps_together(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """With ``synced_gpus`` a rank that does not begin would keep the others waiting."""
    with budget(0, "refuse"), pytest.raises(Exception) as caught:  # noqa: PT011 - there are no other ranks here
        llama.generate(**prompts.first, max_new_tokens=2, synced_gpus=True)
    assert not isinstance(caught.value, BudgetExceeded)
    assert generation(observed)
