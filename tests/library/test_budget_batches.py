"""The sequences of a batch are counted together and exactly: one that has ended makes no more tokens."""

from typing import Any

import pytest

import stacks
from budgeted import budget, used
from library.expected import Prompts, attributes_of, generation, output_tokens, rows_of
from recording import Recorder

ENDLESS = {"max_new_tokens": 30, "eos_token_id": None}


def ending(rows: list[list[int]]) -> tuple[int, int]:
    """Return an id that ends only the first of two rows, and after how many tokens."""
    first, second = rows
    for column, token in enumerate(first):
        if token not in first[:column] and token not in second:
            return token, column + 1
    raise AssertionError(f"nothing ends only the first row: {rows}")


@pytest.fixture(scope="module")
def rows(llama: Any, prompts: Prompts) -> list[list[int]]:
    """What the model writes after both prompts when nothing ends them."""
    return rows_of(llama.generate(**prompts.both, **ENDLESS)[0])


def test_a_row_that_has_ended_makes_no_more_tokens(
    observed: Recorder, llama: Any, prompts: Prompts, rows: list[list[int]]
) -> None:
    """The other row gets all that is left, to the token."""
    end, after = ending(rows)
    limit = 2 * after + 5
    with budget(limit, scope="process") as name:
        ids, _ = llama.generate(**prompts.both, max_new_tokens=30, eos_token_id=end)
        assert used(name) == limit
    first, second = rows_of(ids)
    assert first[:after] == rows[0][:after]
    assert len(second) == after + 5
    found = attributes_of(generation(observed))
    assert found["paddle.sequences.output_tokens"] == (after, after + 5)
    assert found["gen_ai.response.finish_reasons"] == ("stop", "budget")
    assert found["gen_ai.usage.output_tokens"] == limit
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == limit


def test_what_was_taken_and_not_used_is_given_back(
    observed: Recorder, llama: Any, prompts: Prompts, rows: list[list[int]]
) -> None:
    """A generation that ends by itself has used what it made, and nothing of the step that was to follow."""
    end, after = ending(rows)
    with budget(1000, scope="process") as name:
        ids, _ = llama.generate(**prompts.both, max_new_tokens=after + 2, eos_token_id=end)
        made = sum(output_tokens(row, {end}) for row in rows_of(ids))
        assert made == 2 * after + 2
        assert used(name) == made
    assert attributes_of(generation(observed))["gen_ai.response.finish_reasons"] == ("stop", "length")


def test_a_batch_whose_rows_have_all_ended_was_ended_by_no_budget(
    observed: Recorder, llama: Any, prompts: Prompts, rows: list[list[int]]
) -> None:
    """Both end with the budget's last tokens."""
    ends = [rows[0][2], rows[1][2]]
    made = sum(min(row.index(end) for end in ends if end in row) + 1 for row in rows)
    with budget(made):
        llama.generate(**prompts.both, max_new_tokens=30, eos_token_id=ends)
    found = attributes_of(generation(observed))
    assert found["gen_ai.usage.output_tokens"] == made
    assert found["gen_ai.response.finish_reasons"] == ("stop", "stop")
    assert "paddle.budget.name" not in found
    assert observed.events("paddle.budget.exceeded") == []


def test_tokens_of_a_batch_are_counted_while_they_are_made(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """With a budget the rows are counted at each step, so that ``paddle.tokens`` grows with them."""
    seen: list[float] = []

    class Streamer:
        def put(self, _: Any) -> None:
            seen.append(sum(point.value for point in observed.points("paddle.tokens")))

        def end(self) -> None:
            """Nothing."""

    with budget(1000):
        llama.generate(**prompts.both, max_new_tokens=4, eos_token_id=None, streamer=Streamer())
    assert seen[-4:] == [0, 2, 4, 6]


@pytest.mark.parametrize("strategy", ["greedy_search", "sampling"])
def test_counting_changes_nothing(
    strategy: str, observed: Recorder, llama: Any, prompts: Prompts, paddle: Any, stack: stacks.Stack
) -> None:
    """The very same ids and scores with a budget that is large enough, and without us."""
    options = {"max_new_tokens": 10, "eos_token_id": stacks.EOS, "decode_strategy": strategy}

    def run() -> tuple[Any, Any]:
        paddle.seed(7)
        ids, scores = llama.generate(**prompts.both, **options)
        return rows_of(ids), scores.tolist()

    with budget(1000):
        counted = run()
    assert generation(observed)
    stack.new_instrumentor().uninstrument()
    assert counted == run()


def test_a_failure_is_counted_as_far_as_it_came(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """What was made before the error is used up: on the span, the event, the counter and the budget."""

    class Streamer:
        puts = 0

        def put(self, ids: Any) -> None:
            self.puts += tuple(ids.shape) != (2, 5)
            if self.puts == 4:
                raise ConnectionError("nobody listens")

        def end(self) -> None:
            """Nothing."""

    with budget(1000, scope="process") as name:
        with pytest.raises(ConnectionError, match="nobody listens"):
            llama.generate(**prompts.both, **ENDLESS, streamer=Streamer())
        assert used(name) == 6
    found = attributes_of(generation(observed))
    assert found["error.type"] == "ConnectionError"
    assert found["gen_ai.usage.output_tokens"] == 6
    assert dict(observed.event("paddle.usage").attributes or {})["gen_ai.usage.output_tokens"] == 6
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 6
