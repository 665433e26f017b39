"""Tokens of a forward whose tokenizer gave no mask, or whose mask is left out: known from the tokenizer's call."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from library.forward_readings import below_a_span
from library.words import PLAIN_WORDS
from recording import Recorder

TEXTS: Final = [" ".join(PLAIN_WORDS[:3]), PLAIN_WORDS[3]]


@pytest.fixture
def model(llama: Any) -> Any:
    """A small Llama in evaluation mode."""
    llama.eval()
    return llama


def counted(recorder: Recorder, call: Callable[[], Any]) -> Any:
    """Return the tokens that a forward reports."""
    return below_a_span(recorder, call).get("gen_ai.usage.input_tokens")


def test_the_tokenizer_knows(observed: Recorder, model: Any, tokenizer: Any) -> None:
    """Padding excluded; asked for as often as the ids are used."""
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pd")
    point = observed.point("paddle.tokenizer.tokens", paddle__tokenizer__direction="encode")
    assert 0 < point.value < encoded["input_ids"].shape[0] * encoded["input_ids"].shape[1]
    observed.clear_spans()
    for _ in range(2):
        assert counted(observed, lambda: model(encoded["input_ids"])) == point.value


def test_other_ids_of_the_same_shape(observed: Recorder, model: Any, paddle: Any, tokenizer: Any) -> None:
    """They are not those that the tokenizer made: nothing is known."""
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pd")
    observed.clear_spans()
    assert counted(observed, lambda: model(paddle.to_tensor(encoded["input_ids"].numpy()))) is None
