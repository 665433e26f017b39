"""T5: an encoder reads the prompt, a decoder writes; the result holds what the decoder wrote."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.expected import CACHE_SIZE, Prompts, attributes_of, expected_attributes, facts, generation, rows_of, typed
from recording import Recorder

SAMPLING = {"decode_strategy": "sampling", "num_return_sequences": 2}
BEAMS = {"decode_strategy": "beam_search", "num_beams": 3}


@pytest.fixture
def t5(model_of: Callable[[str], Any]) -> Any:
    """A small T5."""
    return model_of("t5")


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, {}),
        (SAMPLING, {"paddle__decode_strategy": "sampling", "gen_ai__request__choice__count": 2}),
        (BEAMS, {"paddle__decode_strategy": "beam_search", "paddle__num_beams": 3}),
    ],
    ids=["greedy", "sampling twice", "beams"],
)
def test_the_encoder_reads_and_the_decoder_writes(
    options: dict[str, Any], attributes: dict[str, Any], observed: Recorder, t5: Any, prompts: Prompts
) -> None:
    """The prompt is what the encoder was given, without padding; the decoder's start token is no output."""
    ids, _ = t5.generate(**prompts.both, max_new_tokens=6, eos_token_id=stacks.EOS, **options)
    expected = expected_attributes(rows_of(ids), {stacks.EOS}, 6, prompts.tokens, paddle__batch_size=2, **attributes)
    assert facts(generation(observed)) == typed(expected)


def test_the_cache_of_two_attentions_is_not_told(observed: Recorder, t5: Any, prompts: Prompts) -> None:
    """The decoder keeps the encoder's keys and values as well: the formula does not hold, so there is no figure."""
    t5.generate(**prompts.both, max_new_tokens=3)
    assert CACHE_SIZE not in attributes_of(generation(observed))
    assert observed.points("paddle.kv_cache.size") == []


def test_the_start_token_in_the_result_is_not_output(observed: Recorder, t5: Any, prompts: Prompts) -> None:
    """With ``trunc_input=False`` the decoder's start token, not the prompt, stands in front."""
    ids, _ = t5.generate(**prompts.both, max_new_tokens=4, eos_token_id=None, trunc_input=False)
    rows = rows_of(ids)
    assert [row[0] for row in rows] == [stacks.PAD, stacks.PAD]
    assert [len(row) for row in rows] == [5, 5]
    expected = expected_attributes([row[1:] for row in rows], {stacks.EOS}, 4, prompts.tokens)
    assert facts(generation(observed)) == typed(expected)


def test_what_the_decoder_is_given_is_not_output(observed: Recorder, t5: Any, prompts: Prompts, paddle: Any) -> None:
    """A decoder that goes on from given tokens returns only the new ones, or the given ones in front."""
    begun = paddle.to_tensor([[0, 7, 9], [0, 8, 9]])
    options = {**prompts.both, "decoder_input_ids": begun, "max_new_tokens": 4, "eos_token_id": None}
    rows = rows_of(t5.generate(**options)[0])
    assert [len(row) for row in rows] == [4, 4]
    assert facts(generation(observed)) == typed(expected_attributes(rows, {stacks.EOS}, 4, prompts.tokens))
    observed.clear_spans()
    longer = rows_of(t5.generate(**options, trunc_input=False)[0])
    assert [row[:3] for row in longer] == rows_of(begun)
    assert facts(generation(observed)) == typed(expected_attributes(rows, {stacks.EOS}, 4, prompts.tokens))


def test_times_and_children(observed: Recorder, t5: Any, prompts: Prompts) -> None:
    """As for any other model."""
    t5.generate(**prompts.both, max_new_tokens=3, eos_token_id=None)
    span = generation(observed)
    assert [child.name for child in observed.children(span)] == ["prefill", "decode"]
    assert type(attributes_of(span)["paddle.time_to_first_token"]) is float
    assert type(attributes_of(span)["paddle.time_per_output_token"]) is float
