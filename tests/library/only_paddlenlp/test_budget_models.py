"""Budgets in models with two parts: encoder and decoder, picture and language."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from budgeted import budget, used
from library.expected import Prompts, attributes_of, generation, rows_of
from library.only_paddlenlp.blip import small_blip
from paddle_otel.budgets import BudgetExceeded
from recording import Recorder

ENDLESS = {"max_new_tokens": 20, "eos_token_id": stacks.VOCABULARY_SIZE}
BEAMS = {"decode_strategy": "beam_search", "num_beams": 3}


@pytest.fixture
def t5(model_of: Callable[[str], Any]) -> Any:
    """A small T5."""
    return model_of("t5")


@pytest.mark.parametrize(
    ("options", "sequences"),
    [({}, 2), ({"decode_strategy": "sampling", "num_return_sequences": 2}, 4), (BEAMS, 2)],
    ids=["greedy", "sampling twice", "beams"],
)
def test_an_encoder_and_a_decoder(
    options: dict[str, Any], sequences: int, observed: Recorder, t5: Any, prompts: Prompts
) -> None:
    """What the decoder writes counts as output; its start token does not."""
    with budget(3 * sequences, scope="process") as name:
        t5.generate(**prompts.both, **ENDLESS, **options)
        assert used(name) == 3 * sequences
    found = attributes_of(generation(observed))
    assert found["paddle.sequences.output_tokens"] == (3,) * sequences
    assert found["gen_ai.response.finish_reasons"] == ("budget",) * sequences
    assert found["paddle.budget.name"] == name


@pytest.fixture(scope="module")
def blip(stack: stacks.Stack, paddle: Any) -> Any:
    """A small BLIP, which describes pictures."""
    return small_blip(stack, paddle)


@pytest.fixture
def describe(blip: Any, paddle: Any) -> Callable[[], list[list[int]]]:
    """Describes two pictures of noise."""

    def run() -> list[list[int]]:
        paddle.seed(1)
        ids = paddle.to_tensor([[1, 5, 6, 3], [1, 7, 8, 3]])
        return rows_of(blip.generate(paddle.randn([2, 3, 16, 16]), input_ids=ids, max_new_tokens=12)[0])

    return run


def test_a_description_ends_at_its_budget(observed: Recorder, describe: Callable[[], list[list[int]]]) -> None:
    """The inner call's rows are counted against the outer call's budget; what is written before is the same."""
    with budget(4) as name:
        rows = describe()
    found = attributes_of(generation(observed))
    assert [len(row) for row in rows] == [2, 2]
    assert found["gen_ai.usage.output_tokens"] == 4
    assert found["gen_ai.response.finish_reasons"] == ("budget", "budget")
    assert found["paddle.budget.name"] == name
    assert [row[:2] for row in describe()] == rows


def test_a_description_is_refused(observed: Recorder, blip: Any, describe: Callable[[], list[list[int]]]) -> None:
    """Before the picture is looked at."""
    looked: list[Any] = []

    def note(*_: Any) -> None:
        looked.append(1)

    hook = blip.vision_model.register_forward_pre_hook(note)
    with budget(0, "refuse") as name, pytest.raises(BudgetExceeded) as caught:
        describe()
    hook.remove()
    assert attributes_of(generation(observed))["gen_ai.usage.output_tokens"] == 0
    assert looked == []
    assert caught.value.budget == name
    streamed: list[str] = []

    class Read:
        def put(self, _: Any) -> None:
            streamed.append("put")

        def end(self) -> None:
            streamed.append("end")

    with budget(0, "refuse"), pytest.raises(BudgetExceeded):
        blip.generate(None, streamer=Read())
    assert streamed == ["end"]
    observed.clear_spans()
    assert [len(row) for row in describe()] == [12, 12]
