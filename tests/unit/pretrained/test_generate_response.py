"""Tokens in and out, and why each sequence ended: right, or not told."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from paddle_otel.pretrained.generate_arguments import GenerateArguments
from paddle_otel.pretrained.generate_response import generation_response, input_tokens, prompt_only_response
from stub_library import installed, make_stub
from stubs.tensors import StubTensor


@pytest.fixture
def model() -> Iterator[Any]:
    """A model whose end is 2 and whose padding is 0."""
    with installed():
        yield make_stub().model


def read(model: Any, **options: Any) -> GenerateArguments:
    """Read the arguments of a call whose prompt has two rows of four."""
    options.setdefault("input_ids", StubTensor([[7, 7, 7, 7], [0, 0, 7, 7]]))
    return GenerateArguments(model, (), options)


def outputs(model: Any, ids: Any, **options: Any) -> tuple[Any, Any]:
    """Return the counts and reasons of a result."""
    response = generation_response(read(model, **options), (StubTensor(ids), None))
    return response.sequences_output_tokens, response.finish_reasons


def by_hand(rows: list[list[int]], ends: set[int]) -> tuple[int, ...]:
    """Count as a person would: up to and including the first end."""
    return tuple(next((i + 1 for i, token in enumerate(row) if token in ends), len(row)) for row in rows)


@pytest.mark.parametrize(
    ("ids", "options", "counts", "reasons"),
    [
        ([[5, 2, 0], [5, 5, 5]], {"max_new_tokens": 3}, (2, 3), ("stop", "length")),
        ([[2, 0, 0]], {"max_new_tokens": 3}, (1,), ("stop",)),
        ([[5, 5, 2]], {"max_new_tokens": 3}, (3,), ("stop",)),
        ([[5, 5, 5]], {}, (3,), ("stop",)),
        ([[5, 2, 5], [5, 5, 6]], {"eos_token_id": [6, 2]}, (2, 3), ("stop", "stop")),
        ([[5, 6, 6], [6, 2, 2]], {"eos_token_id": [[6], [2]]}, (2, 1), ("stop", "stop")),
        # Padding that is also the end: the first one is the end, the rest is padding.
        ([[5, 2, 2, 2], [5, 5, 5, 2]], {"pad_token_id": 2}, (2, 4), ("stop", "stop")),
        # Padding inside a sequence that did not end is output like any other id.
        ([[0, 0, 5]], {"max_new_tokens": 3}, (3,), ("length",)),
        ([[5, 2]], {"eos_token_id": 99, "max_new_tokens": 2}, (2,), ("length",)),
        (np.zeros((2, 0), dtype=np.int64), {"max_new_tokens": 3}, (0, 0), ("stop", "stop")),
    ],
)
def test_outputs(model: Any, ids: Any, options: dict[str, Any], counts: Any, reasons: Any) -> None:
    """Each row through its first end token; ``length`` only where the limit was reached without one."""
    assert outputs(model, ids, **options) == (counts, reasons)


def test_outputs_are_plain_ints(model: Any) -> None:
    """OpenTelemetry refuses NumPy's numbers."""
    counts, reasons = outputs(model, [[5, 2], [5, 5]])
    assert {type(count) for count in counts} == {int}
    assert {type(reason) for reason in reasons} == {str}


def test_outputs_against_a_count_by_hand(model: Any) -> None:
    """Two hundred random results are counted as a person would."""
    random: Any = np.random.default_rng(7)
    for _ in range(200):
        ids = random.integers(0, 6, (random.integers(1, 5), random.integers(1, 9)))
        ends = {int(end) for end in random.integers(0, 6, random.integers(1, 3))}
        counts, _ = outputs(model, ids, eos_token_id=sorted(ends))
        assert counts == by_hand(ids.tolist(), ends)


def test_the_prompt_in_front_is_not_output(model: Any) -> None:
    """With ``trunc_input=False`` the library returns the prompt too."""
    assert outputs(model, [[7, 7, 2, 7, 5, 2], [0, 0, 7, 7, 5, 5]], trunc_input=False)[0] == (2, 2)


def test_the_prompt_in_front_of_other_models(model: Any) -> None:
    """An encoder-decoder keeps its decoder's prompt, and embeddings leave one token: not the length of the input."""
    result, embeddings = [[7, 5, 5, 2]], StubTensor(np.zeros((1, 9, 8)))
    assert outputs(model, result, trunc_input=False, input_ids=None, inputs_embeds=embeddings)[0] == (3,)
    model.config.is_encoder_decoder = True
    assert outputs(model, result, trunc_input=False)[0] == (3,)
    assert outputs(model, result, trunc_input=False, decoder_input_ids=StubTensor([[7, 7]]))[0] == (2,)


@pytest.mark.parametrize(
    "result", [None, (), "text", [[1, 2]], (StubTensor([1, 2]), None), (StubTensor([[[1]]]), None)]
)
def test_results_of_another_shape_are_not_counted(model: Any, result: Any) -> None:
    """What is not two-dimensional ids has no counts; the prompt is known all the same."""
    response = generation_response(read(model), result)
    assert response.sequences_output_tokens is response.finish_reasons is None
    assert response.input_tokens == 6


def test_ids_without_scores(model: Any) -> None:
    """A model that returns the ids alone is counted."""
    assert generation_response(read(model), StubTensor([[5, 2]])).sequences_output_tokens == (2,)


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({"attention_mask": StubTensor([[1, 1, 1, 1], [0, 0, 1, 1]])}, 6),
        ({"attention_mask": StubTensor([[1.0, 1, 1, 1], [0, 0, 0, 1]])}, 5),
        ({"attention_mask": StubTensor([[True] * 4, [False] * 3 + [True]])}, 5),
        # Additive masks (0 attends, -10000 does not) have four dimensions: the library's padding rule decides.
        ({"attention_mask": StubTensor(np.zeros((2, 1, 4, 4)))}, 6),
        ({}, 6),
        # Padding that ends sequences too: without a mask the library attends to everything.
        ({"pad_token_id": 2}, 8),
        # The library compares with the option as it stands, so a padding id in a list of end ids is padding to it.
        ({"pad_token_id": 0, "eos_token_id": [0, 2]}, 6),
        ({"pad_token_id": 0, "eos_token_id": [0, 2], "attention_mask": StubTensor(np.zeros((2, 1, 4, 4)))}, None),
        ({"pad_token_id": 2, "attention_mask": StubTensor(np.zeros((2, 1, 4, 4)))}, None),
        ({"input_ids": None}, 1),
        ({"input_ids": None, "inputs_embeds": StubTensor(np.zeros((2, 5, 8)))}, 10),
        (
            {
                "input_ids": None,
                "inputs_embeds": StubTensor(np.zeros((1, 2, 8))),
                "attention_mask": StubTensor([[0, 1]]),
            },
            1,
        ),
    ],
)
def test_input_tokens(model: Any, options: dict[str, Any], tokens: int | None) -> None:
    """The mask decides; otherwise what the library itself would treat as padding; otherwise nobody knows."""
    found = input_tokens(read(model, **options))
    assert found == tokens
    assert type(found) in (int, type(None))


def test_each_prompt_counts_once(model: Any) -> None:
    """Neither beams nor several sequences per prompt multiply the prompt."""
    options: dict[str, Any] = {"num_return_sequences": 3, "num_beams": 4, "decode_strategy": "beam_search"}
    assert input_tokens(read(model, **options)) == 6


def test_after_a_failure_only_the_host_is_read(model: Any) -> None:
    """A prompt in host memory is counted; one on a device is not touched."""
    assert prompt_only_response(read(model)).input_tokens == 6
    on_device = StubTensor([[7, 7]], "gpu:0")
    mask = StubTensor([[1, 1]])
    assert prompt_only_response(read(model, input_ids=on_device, attention_mask=mask)).input_tokens is None
    assert prompt_only_response(read(model, input_ids=mask, attention_mask=on_device)).input_tokens is None
    assert on_device.reads == 0
    assert prompt_only_response(read(model, input_ids=None)).input_tokens == 1
