"""Tokens of tokenizer calls, padding excluded: counted without touching a device, or not told."""

from typing import Any

import numpy as np
import pytest

from paddle_otel.operations.tokenizer_size import Padding, decoded_tokens, encoded_size, padding_of
from stubs.tensors import StubTensor

PADDED = Padding(0, is_end=False)
AMBIGUOUS = Padding(2, is_end=True)
NONE = Padding(None, is_end=False)
ROWS = [[7, 7, 7], [7, 0, 0]]
MASK = [[1, 1, 1], [1, 0, 0]]


def size(result: Any, padding: Padding | None = None) -> tuple[int, int, int | None] | None:
    """Return rows, columns and tokens."""
    found = encoded_size(result, padding)
    assert found is None or type(found.tokens) in (int, type(None)), "OpenTelemetry refuses NumPy's numbers"
    return None if found is None else (found.rows, found.columns, found.tokens)


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("ids", "padding", "expected"),
    [
        ([7, 8, 9], None, (1, 3, 3)),
        ([], None, (1, 0, 0)),
        ([[7, 8], [9]], None, (2, 2, 3)),
        ([[7, 8], []], None, (2, 2, 2)),
        (ROWS, None, (2, 3, 6)),
        (ROWS, PADDED, (2, 3, 4)),
        (ROWS, AMBIGUOUS, (2, 3, None)),
        (ROWS, NONE, (2, 3, None)),
        ([7, 0, 0], PADDED, (1, 3, 1)),
        (np.array(ROWS), None, (2, 3, 6)),
        (np.array(ROWS), PADDED, (2, 3, 4)),
        (np.array(ROWS), AMBIGUOUS, (2, 3, None)),
        (np.array([7, 8]), None, (1, 2, 2)),
        (StubTensor(ROWS), None, (2, 3, 6)),
        (StubTensor(ROWS), PADDED, (2, 3, 4)),
        (StubTensor(ROWS), NONE, (2, 3, None)),
    ],
)
def test_ids(ids: Any, padding: Padding | None, expected: Any, wrapped: bool) -> None:
    """Lists, rows, arrays and tensors, alone or in a mapping."""
    assert size({"input_ids": ids} if wrapped else ids, padding) == expected


@pytest.mark.parametrize("padding", [PADDED, AMBIGUOUS, NONE])
@pytest.mark.parametrize(
    ("ids", "mask"),
    [(ROWS, MASK), (np.array(ROWS), np.array(MASK)), (StubTensor(ROWS), StubTensor(MASK, "cpu"))],
)
def test_a_mask_decides(ids: Any, mask: Any, padding: Padding) -> None:
    """Where the tokenizer returns an attention mask, padding is what it masks."""
    assert size({"input_ids": ids, "attention_mask": mask}, padding) == (2, 3, 4)


def test_a_mask_of_a_single_row() -> None:
    """One text that was filled up."""
    assert size({"input_ids": [7, 0], "attention_mask": [1, 0]}, AMBIGUOUS) == (1, 2, 1)
    assert size({"input_ids": StubTensor([7, 0]), "attention_mask": StubTensor([1, 0])}, AMBIGUOUS) == (1, 2, 1)


@pytest.mark.parametrize(
    "mask",
    [
        [np.ones((1, 3, 3)), np.ones((1, 3, 3))],  # ChatGLM's tokenizer, in lists
        np.ones((2, 1, 3, 3)),
        StubTensor(np.ones((2, 1, 3, 3))),
        [[[1, 1, 1]], [[1, 0, 0]]],
    ],
)
def test_masks_of_more_dimensions_are_not_summed(mask: Any) -> None:
    """A mask from every position to every other is no token count: the padding id decides, or nobody."""
    ids: Any = ROWS if isinstance(mask, list) else np.array(ROWS)
    assert size({"input_ids": ids, "attention_mask": mask}, PADDED) == (2, 3, 4)
    assert size({"input_ids": ids, "attention_mask": mask}, AMBIGUOUS) == (2, 3, None)


def test_a_device_is_not_read() -> None:
    """Ids on a device are sized by their shape; their tokens are told only where nothing was padded."""
    ids, mask = StubTensor(ROWS, "gpu:0"), StubTensor(MASK, "gpu:0")
    assert size({"input_ids": ids}) == (2, 3, 6)
    assert size({"input_ids": ids, "attention_mask": mask}, PADDED) == (2, 3, None)
    assert size({"input_ids": StubTensor(ROWS), "attention_mask": mask}, PADDED) in ((2, 3, None), (2, 3, 4))
    assert ids.reads == mask.reads == 0


@pytest.mark.parametrize(
    "result", ["<user> Hello", None, {}, {"input_ids": None}, {"pixel_values": 1}, 5, ["a", "b c"], []]
)
def test_what_holds_no_ids(result: Any) -> None:
    """A rendered chat template, or several, are texts and not ids."""
    expected = (1, 0, 0) if result == [] else None
    assert size(result) == expected


DECODED: list[tuple[Any, Padding, int | None]] = [
    (5, PADDED, 1),
    (np.int64(5), PADDED, 1),
    (np.array(5), PADDED, 1),
    (StubTensor(5), PADDED, 1),
    ([5, 6], PADDED, 2),
    ((5, 6), PADDED, 2),
    ([], PADDED, 0),
    ([[]], PADDED, 0),
    ([5, 0, 0], PADDED, 1),
    ([0, 5, 0, 6, 0], PADDED, 4),
    ([5, 0, 0], NONE, 3),
    # The padding ends sequences too: the first of the run at the end is the end.
    ([5, 2, 2, 2], AMBIGUOUS, 2),
    ([5, 5, 5], AMBIGUOUS, 3),
    ([2, 2], AMBIGUOUS, 1),
    ([[5, 2, 2], [5, 5, 5]], AMBIGUOUS, 5),
    (([5, 0], (5, 5)), PADDED, 3),
    (np.array([[5, 0], [5, 5]]), PADDED, 3),
    (StubTensor([[5, 0], [5, 5]]), PADDED, 3),
    ([np.array([5, 0]), np.array([5, 5])], PADDED, 3),
    ([StubTensor([5, 0]), StubTensor([5, 5])], PADDED, 3),
    ([np.int64(5), np.int64(0), np.int64(0)], PADDED, 1),
    (StubTensor([5], "gpu:0"), PADDED, None),
    ([[5], StubTensor([5], "gpu:0")], PADDED, None),
    ("text", PADDED, None),
    (None, PADDED, None),
]


@pytest.mark.parametrize(("ids", "padding", "tokens"), DECODED)
def test_decoded_tokens(ids: Any, padding: Padding, tokens: int | None) -> None:
    """An id, lists, pairs, arrays and tensors; never by copying from a device."""
    found = decoded_tokens(ids, padding)
    assert found == tokens
    assert type(found) in (int, type(None))


@pytest.mark.parametrize(
    ("tokenizer", "padding"),
    [
        ({"pad_token_id": 0, "eos_token_id": 2}, PADDED),
        ({"pad_token_id": 2, "eos_token_id": 2}, AMBIGUOUS),
        ({"pad_token_id": None, "eos_token_id": None}, NONE),
        ({}, NONE),
    ],
)
def test_padding_of_a_tokenizer(tokenizer: dict[str, Any], padding: Padding) -> None:
    """Read off the tokenizer; no padding id is not an id of None that equals no end."""
    assert padding_of(type("Tokenizer", (), tokenizer)()) == padding
