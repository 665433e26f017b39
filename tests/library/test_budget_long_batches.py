"""Of a batch with many ids only the newest of each row are read; what is counted is the same."""

from typing import Any

import pytest

import stacks
from budgeted import budget, used
from library.expected import Prompts, attributes_of, generation, output_tokens, rows_of
from paddle_otel.pretrained import decode_steps
from paddle_otel.pretrained.decode_steps import LivingRows
from recording import Recorder

ROWS, COLUMNS = 8, 5000
STRATEGIES = {
    "greedy": {},
    "sampling": {"decode_strategy": "sampling", "top_k": 5},
    "three sequences": {"decode_strategy": "sampling", "num_return_sequences": 3},
}


class ReadInPart:
    """A tensor of ids that is never to be copied as a whole."""

    def __init__(self, ids: Any) -> None:
        self._ids = ids
        self.place, self.shape = ids.place, ids.shape

    def detach(self) -> Any:
        """As the tensor's own."""
        return self._ids.detach()

    def numpy(self) -> Any:
        """Fail the test."""
        raise AssertionError("all ids were copied")


@pytest.fixture
def _always_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the ids of the tests' small models for many."""
    monkeypatch.setattr(decode_steps, "_MOST_IDS_COPIED", 0)


def newest(paddle: Any, *ids: int) -> Any:
    """Return many ids, the newest of each row as given and all others an end."""
    matrix = paddle.full([ROWS, COLUMNS], stacks.EOS, dtype="int64")
    matrix[:, -1] = paddle.to_tensor(ids)
    return matrix


def test_only_the_newest_ids_are_read(paddle: Any) -> None:
    """A row of 40,000 ids in all costs what one of ten costs, and an end in the prompt ends nothing."""
    rows = LivingRows(frozenset({stacks.EOS, 3}))
    assert rows.step(ReadInPart(newest(paddle, 5, 6, 7, 8, 9, 10, 11, 12))) == (ROWS, ROWS)
    assert rows.step(ReadInPart(newest(paddle, stacks.EOS, 3, 7, 8, 9, 10, 11, 12))) == (ROWS, ROWS - 2)
    assert rows.step(ReadInPart(newest(paddle, 5, 5, 7, 8, 9, 10, 11, 3))) == (ROWS - 2, ROWS - 3)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("columns", [1, 10, COLUMNS])
def test_the_same_is_counted_whatever_is_read(paddle: Any, columns: int, dtype: str) -> None:
    """As NumPy tells of the whole."""
    ids = paddle.randint(0, 4, [ROWS, columns], dtype=dtype)
    living = sum(row[-1] not in {stacks.EOS, 3} for row in ids.tolist())
    assert LivingRows(frozenset({stacks.EOS, 3})).step(ids) == (ROWS, living)


@pytest.mark.parametrize("follows", [True, False])
def test_the_callers_ids_stay_as_they_are(paddle: Any, follows: bool) -> None:
    """Content, gradient and state, also where Paddle follows what is computed from them."""
    ids = newest(paddle, *range(ROWS))
    before = ids.numpy().tobytes()
    ids.stop_gradient = not follows
    version = ids.inplace_version
    LivingRows(frozenset({3})).step(ids)
    assert ids.stop_gradient is not follows
    assert (ids.is_leaf, ids.grad, ids.inplace_version) == (True, None, version)
    assert (list(ids.shape), ids.numpy().tobytes()) == ([ROWS, COLUMNS], before)


@pytest.mark.usefixtures("_always_in_part")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_generation_whose_ids_are_read_in_part(
    strategy: str, observed: Recorder, llama: Any, prompts: Prompts, paddle: Any, stack: stacks.Stack
) -> None:
    """The very ids and scores that it has without us, counted to the token."""
    options = {"max_new_tokens": 10, "eos_token_id": stacks.EOS, **STRATEGIES[strategy]}

    def run() -> tuple[list[list[int]], bytes]:
        paddle.seed(7)
        ids, scores = llama.generate(**prompts.both, **options)
        return rows_of(ids), scores.numpy().tobytes()

    with budget(1000, scope="process") as name:
        counted = run()
        made = sum(output_tokens(row, {stacks.EOS}) for row in counted[0])
        assert used(name) == made
    assert attributes_of(generation(observed))["gen_ai.usage.output_tokens"] == made
    stack.new_instrumentor().uninstrument()
    assert counted == run()


@pytest.mark.usefixtures("_always_in_part")
def test_a_budget_ends_a_batch_whose_ids_are_read_in_part(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """A row that has ended leaves its part to the other one."""
    rows = rows_of(llama.generate(**prompts.both, max_new_tokens=30, eos_token_id=None)[0])
    observed.clear_spans()
    end, after = next(
        (token, column + 1)
        for column, token in enumerate(rows[0])
        if token not in rows[0][:column] and token not in rows[1]
    )
    with budget(2 * after + 5) as name:
        llama.generate(**prompts.both, max_new_tokens=30, eos_token_id=end)
    found = attributes_of(generation(observed))
    assert found["paddle.sequences.output_tokens"] == (after, after + 5)
    assert found["gen_ai.response.finish_reasons"] == ("stop", "budget")
    assert found["paddle.budget.name"] == name
