"""Text becoming ids: one duration and one count per outermost call, padding left out."""

from typing import Any, NamedTuple

import pytest

import stacks
from library.tokens import ids_of, plain, tokens_in
from library.words import WORDS
from recording import Recorder

DURATION = "paddle.tokenizer.duration"
TOKENS = "paddle.tokenizer.tokens"
DURATION_BOUNDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Call(NamedTuple):
    """Arguments of a tokenizer and the words it is to find.

    Attributes:
        words: Tokens without the special ones that a tokenizer adds.
        args: Positional arguments.
        options: Keyword arguments.
    """

    words: int
    args: tuple[Any, ...]
    options: dict[str, Any]


SHORT, LONG = "what is", "the capital of france"
PADDED = {"padding": True}

CALLS = {
    "a text": Call(4, (LONG,), {}),
    "a text by name": Call(4, (), {"text": LONG}),
    "nothing": Call(0, ("",), {}),
    "an unknown word": Call(2, ("what zyx",), {}),
    "texts": Call(6, ([SHORT, LONG],), {}),
    "one text in a list": Call(4, ([LONG],), {}),
    "a pair": Call(6, (SHORT, LONG), {}),
    "pairs": Call(8, ([SHORT, LONG], ["a", "it"]), {}),
    "pairs in one list": Call(8, ([[SHORT, "a"], [LONG, "it"]],), {}),
    "words": Call(2, (SHORT.split(),), {"is_split_into_words": True}),
    "texts of words": Call(6, ([SHORT.split(), LONG.split()],), {"is_split_into_words": True}),
    "padded texts": Call(6, ([SHORT, LONG],), PADDED),
    "padded texts with a mask": Call(6, ([SHORT, LONG],), {**PADDED, "return_attention_mask": True}),
    "padded texts without a mask": Call(6, ([SHORT, LONG],), {**PADDED, "return_attention_mask": False}),
    "a text padded to a length": Call(4, (LONG,), {"padding": "max_length", "max_length": 12}),
    "texts padded to a multiple": Call(6, ([SHORT, LONG],), {**PADDED, "pad_to_multiple_of": 8}),
    "a tensor": Call(4, (LONG,), {"return_tensors": "pd"}),
    "an array": Call(4, ([LONG],), {"return_tensors": "np"}),
    "padded tensors": Call(6, ([SHORT, LONG],), {**PADDED, "return_tensors": "pd"}),
    "padded tensors with a mask": Call(
        6, ([SHORT, LONG],), {**PADDED, "return_tensors": "pd", "return_attention_mask": True}
    ),
    "padded arrays": Call(6, ([SHORT, LONG],), {**PADDED, "return_tensors": "np"}),
    "a text cut short": Call(2, (LONG,), {"truncation": True, "max_length": 2, "add_special_tokens": False}),
}


def specials(result: Any) -> int:
    """Count the tokens that the tokenizer put around the text."""
    ids = ids_of(result)
    rows = ids.tolist() if hasattr(ids, "tolist") else ids
    rows = rows if rows and isinstance(rows[0], list) else [rows]
    return sum(token in (WORDS.index("[CLS]"), WORDS.index("[SEP]")) for row in rows for token in row)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_counted_once(name: str, observed: Recorder, tokenizer: Any) -> None:
    """One duration and one count, however many texts and inner calls; padding is not counted."""
    words, args, options = CALLS[name]
    result = tokenizer(*args, **options)
    assert tokens_in(result) - specials(result) == words
    labels = {"paddle.tokenizer.class": type(tokenizer).__name__, "paddle.tokenizer.direction": "encode"}
    (tokens,) = observed.points(TOKENS)
    assert (dict(tokens.attributes), tokens.count, tokens.value) == (labels, 1, tokens_in(result))
    (duration,) = observed.points(DURATION)
    assert (dict(duration.attributes), duration.count) == (labels, 1)
    assert 0 < duration.value < 10


@pytest.mark.parametrize("name", CALLS)
def test_the_result_is_the_same_with_and_without(
    name: str, observed: Recorder, stack: stacks.Stack, tokenizer: Any
) -> None:
    """Types and contents are the library's."""
    _, args, options = CALLS[name]
    with_us = plain(tokenizer(*args, **options))
    stack.new_instrumentor().uninstrument()
    assert with_us == plain(tokenizer(*args, **options))
    assert observed.spans() == []


@pytest.mark.parametrize("tensors", [None, "pd"])
def test_encode_is_counted_once(tensors: str | None, observed: Recorder, tokenizer: Any) -> None:
    """``encode`` gives a list, a tensor or an encoding, depending on library and arguments."""
    result = tokenizer.encode(LONG, return_tensors=tensors)
    (tokens,) = observed.points(TOKENS)
    assert (tokens.count, tokens.value) == (1, tokens_in(result))
    assert [point.count for point in observed.points(DURATION)] == [1]


def test_calls_add_up(observed: Recorder, tokenizer: Any) -> None:
    """Three calls are three durations and the sum of their tokens."""
    results = [tokenizer(text) for text in (SHORT, LONG, [SHORT, LONG])]
    assert observed.point(DURATION).count == 3
    assert (observed.point(TOKENS).count, observed.point(TOKENS).value) == (3, sum(map(tokens_in, results)))


def test_names_units_and_bounds(observed: Recorder, tokenizer: Any) -> None:
    """As the contract has them."""
    tokenizer(SHORT)
    collected = observed.metrics()
    assert {name: collected[name].unit for name in (DURATION, TOKENS)} == {DURATION: "s", TOKENS: "{token}"}
    tokenizer(SHORT)
    assert observed.point(DURATION).bounds == DURATION_BOUNDS
    assert observed.point(TOKENS).bounds == tuple(4**power for power in range(14))


def test_padding_that_also_ends_sequences_is_told_by_the_mask(observed: Recorder, tokenizer: Any) -> None:
    """One token may be both; where there is a mask, it decides."""
    tokenizer.pad_token = tokenizer.eos_token = "endofturn"
    result = tokenizer([f"{SHORT} endofturn", LONG], padding=True, return_attention_mask=True)
    assert observed.point(TOKENS).value == sum(map(sum, result["attention_mask"]))


def test_padding_that_cannot_be_told_leaves_the_count_out(observed: Recorder, tokenizer: Any) -> None:
    """Without a mask nobody knows which of the tokens are padding: unknown is absent; the duration is known."""
    tokenizer.pad_token = tokenizer.eos_token = "endofturn"
    tokenizer([f"{SHORT} endofturn", LONG], padding=True, return_attention_mask=False)
    assert observed.points(TOKENS) == []
    assert observed.point(DURATION).count == 1


def test_a_failing_call(observed: Recorder, stack: stacks.Stack, tokenizer: Any) -> None:
    """The library's exception arrives; the duration says that it failed; nothing was counted."""
    with pytest.raises((TypeError, ValueError)) as with_us:
        tokenizer(5)
    (point,) = observed.points(DURATION)
    assert dict(point.attributes) == {
        "paddle.tokenizer.class": type(tokenizer).__name__,
        "paddle.tokenizer.direction": "encode",
        "error.type": with_us.type.__name__,
    }
    assert observed.points(TOKENS) == []
    tokenizer(SHORT)
    assert len(observed.points(DURATION)) == 2
    stack.new_instrumentor().uninstrument()
    with pytest.raises(with_us.type) as alone:
        tokenizer(5)
    assert with_us.value.args == alone.value.args
