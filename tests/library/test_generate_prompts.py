"""Every way to give ``generate`` a prompt, with the tokens it counts as."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.expected import Prompts, attributes_of, expected_attributes, facts, generation, rows_of, typed
from recording import Recorder

INPUT = "gen_ai.usage.input_tokens"


def test_a_prompt_without_padding(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """One prompt of five tokens."""
    llama.generate(**prompts.first, max_new_tokens=2)
    assert typed(attributes_of(generation(observed)))[INPUT] == ("int", 5)


def test_the_mask_decides_where_padding_also_ends_sequences(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """One id may be both: what the mask covers is padding, the same id inside the prompt is not."""
    arguments = prompts.tensors([[2, 2, 5, 2, 6], [1, 5, 2, 6, 7]], [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    ids, _ = llama.generate(**arguments, max_new_tokens=6, pad_token_id=2, eos_token_id=2)
    expected = expected_attributes(rows_of(ids), {2}, 6, 8)
    assert facts(generation(observed)) == typed(expected)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_the_mask_may_be_of_any_type(dtype: str, observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Masks are given as integers, as truth values and as numbers."""
    arguments = prompts.both
    arguments["attention_mask"] = arguments["attention_mask"].astype(dtype)
    llama.generate(**arguments, max_new_tokens=2)
    assert typed(attributes_of(generation(observed)))[INPUT] == ("int", prompts.tokens)


@pytest.mark.parametrize(("pad", "counted"), [(0, ("int", 8)), (2, None)])
def test_a_mask_between_positions_leaves_the_count_to_the_padding_id(
    pad: int, counted: tuple[str, int] | None, observed: Recorder, llama: Any, prompts: Prompts, paddle: Any
) -> None:
    """A mask of shape ``[batch, 1, positions, positions]`` counts no tokens: the padding id does if it is only that."""
    arguments = prompts.tensors([[pad if token == 0 else token for token in row] for row in prompts.ids])
    mask = paddle.to_tensor(prompts.mask).astype("bool").reshape([2, 1, 1, 5]).expand([2, 1, 5, 5])
    llama.generate(**arguments, attention_mask=mask, max_new_tokens=1, pad_token_id=pad, eos_token_id=2)
    assert typed(attributes_of(generation(observed))).get(INPUT) == counted


@pytest.fixture
def maskless(stack: stacks.Stack, model_of: Callable[[str], Any]) -> Any:
    """A model that generates without an attention mask in every stack."""
    return model_of("opt" if stack.llama_needs_mask else "llama")


def test_without_a_mask_the_padding_id_is_padding(observed: Recorder, maskless: Any, prompts: Prompts) -> None:
    """Without a mask the library takes the padding id for padding, and so does the count."""
    ids, _ = maskless.generate(**prompts.tensors(prompts.ids), max_new_tokens=4, pad_token_id=0, eos_token_id=2)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {2}, 4, prompts.tokens))


def test_without_a_mask_everything_counts_where_padding_ends_sequences(
    observed: Recorder, maskless: Any, prompts: Prompts
) -> None:
    """Without a mask and with one id for padding and end, the library attends to everything: all ten are read."""
    ids, _ = maskless.generate(**prompts.tensors(prompts.ids), max_new_tokens=4, pad_token_id=0, eos_token_id=0)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {0}, 4, 10))


def test_without_a_mask_a_list_of_end_ids_leaves_the_padding_id_padding(
    observed: Recorder, maskless: Any, prompts: Prompts
) -> None:
    """The library compares the padding id with the whole list: it is padding although it also ends sequences."""
    options = {"max_new_tokens": 4, "pad_token_id": 0, "eos_token_id": [0, 2]}
    masked, _ = maskless.generate(**prompts.both, **options)
    observed.clear_spans()
    ids, _ = maskless.generate(**prompts.tensors(prompts.ids), **options)
    assert rows_of(ids) == rows_of(masked)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {0, 2}, 4, prompts.tokens))


def test_several_ids_may_end_a_sequence(
    observed: Recorder, llama: Any, prompts: Prompts, continuation: list[list[int]]
) -> None:
    """A list of end ids: the first of any of them ends a row."""
    ends = [continuation[0][4], continuation[1][2]]
    ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=ends, pad_token_id=0)
    rows = rows_of(ids)
    assert any(set(row) & set(ends) for row in rows)
    assert facts(generation(observed)) == typed(expected_attributes(rows, ends, 8, prompts.tokens))


def test_nothing_ends_a_sequence_without_end_ids(
    observed: Recorder, stack: stacks.Stack, prompts: Prompts, paddle: Any
) -> None:
    """A model without an end token always writes as many tokens as it may."""
    assert paddle
    model = stack.model("llama", eos_token_id=None)
    ids, _ = model.generate(**prompts.both, max_new_tokens=4)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), (), 4, prompts.tokens))


def test_the_end_id_of_the_models_configuration_counts(
    observed: Recorder, stack: stacks.Stack, prompts: Prompts, continuation: list[list[int]]
) -> None:
    """A caller that names no end id gets the model's own."""
    end = continuation[1][3]
    model = stack.model("llama", eos_token_id=end)
    ids, _ = model.generate(**prompts.both, max_new_tokens=8)
    rows = rows_of(ids)
    assert end in rows[1]
    assert facts(generation(observed)) == typed(expected_attributes(rows, {end}, 8, prompts.tokens))


def test_without_a_prompt_the_model_starts_from_its_first_token(observed: Recorder, maskless: Any) -> None:
    """The library puts one beginning-of-sequence token there: one token is read."""
    ids, _ = maskless.generate(max_new_tokens=3)
    rows = rows_of(ids)
    assert len(rows) == 1
    assert facts(generation(observed)) == typed(expected_attributes(rows, {stacks.EOS}, 3, 1))


def test_embeddings_may_stand_for_the_prompt(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """``inputs_embeds``: each position is a token read, none of it is in the result."""
    embeddings = llama.get_input_embeddings()(prompts.first["input_ids"])
    mask = prompts.first["attention_mask"]
    ids, _ = llama.generate(inputs_embeds=embeddings, attention_mask=mask, max_new_tokens=3)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {stacks.EOS}, 3, 5))


def test_the_token_in_front_of_embeddings_is_not_output(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """With ``trunc_input=False`` the library returns one placeholder for embeddings, however many there are."""
    embeddings = llama.get_input_embeddings()(prompts.first["input_ids"])
    mask = prompts.first["attention_mask"]
    ids, _ = llama.generate(inputs_embeds=embeddings, attention_mask=mask, max_new_tokens=3, trunc_input=False)
    (row,) = rows_of(ids)
    assert len(row) == 4
    assert facts(generation(observed)) == typed(expected_attributes([row[1:]], {stacks.EOS}, 3, 5))
