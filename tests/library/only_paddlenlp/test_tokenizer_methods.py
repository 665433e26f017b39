"""Methods and options that only PaddleNLP's tokenizers have."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.tokens import plain, tokens_in
from recording import Recorder

DURATION = "paddle.tokenizer.duration"
TOKENS = "paddle.tokenizer.tokens"
TEXTS = ["what is", "the capital of france"]

CALLS: dict[str, Callable[[Any], Any]] = {
    "encode_plus": lambda tokenizer: tokenizer.encode_plus(TEXTS[1]),
    "encode_plus, a pair": lambda tokenizer: tokenizer.encode_plus(*TEXTS),
    "encode_plus, tensors": lambda tokenizer: tokenizer.encode_plus(TEXTS[1], return_tensors="pd"),
    "encode, a pair": lambda tokenizer: tokenizer.encode(*TEXTS),
    "batch_encode": lambda tokenizer: tokenizer.batch_encode(TEXTS),
    "batch_encode, padded": lambda tokenizer: tokenizer.batch_encode(TEXTS, padding=True),
    "batch_encode, pairs": lambda tokenizer: tokenizer.batch_encode([(TEXTS[0], TEXTS[1]), ("a", "it")]),
    "batch_encode by name": lambda tokenizer: tokenizer.batch_encode(batch_text_or_text_pairs=TEXTS),
    "padded by position": lambda tokenizer: tokenizer(TEXTS, None, None, 0, False, True),
    "padded to a length, the old way": lambda tokenizer: tokenizer(
        TEXTS[0], max_length=9, truncation=True, pad_to_max_seq_len=True
    ),
    "with extras": lambda tokenizer: tokenizer(TEXTS, padding=True, return_length=True, return_position_ids=True),
    "a template by default": lambda tokenizer: tokenizer.apply_chat_template(TEXTS[0]),
}


@pytest.mark.filterwarnings("ignore:The .pad_to_max_length. argument is deprecated:FutureWarning")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_counted_once(name: str, observed: Recorder, stack: stacks.Stack, tokenizer: Any) -> None:
    """One duration, one count, no padding; the result is the library's."""
    result = CALLS[name](tokenizer)
    labels = {"paddle.tokenizer.class": type(tokenizer).__name__, "paddle.tokenizer.direction": "encode"}
    (tokens,) = observed.points(TOKENS)
    assert (dict(tokens.attributes), tokens.count, tokens.value) == (labels, 1, tokens_in(result))
    assert [point.count for point in observed.points(DURATION)] == [1]
    stack.new_instrumentor().uninstrument()
    assert plain(result) == plain(CALLS[name](tokenizer))


@pytest.mark.parametrize("options", [{}, {"padding": True}], ids=["as they are", "padded"])
def test_texts_as_separate_encodings(
    options: dict[str, Any], observed: Recorder, stack: stacks.Stack, tokenizer_kind: str, tokenizer: Any
) -> None:
    """With ``return_dict=False`` slow tokenizers return a list with an encoding per text; all of them count."""
    result = tokenizer(TEXTS, return_dict=False, **options)
    encodings: list[Any] = result if tokenizer_kind == "slow" else [result]
    assert len(encodings) == (2 if tokenizer_kind == "slow" else 1)
    (duration,) = observed.points(DURATION)
    assert duration.count == 1
    assert observed.point(TOKENS).value == sum(map(tokens_in, encodings))
    assert stack.library == "paddlenlp"
