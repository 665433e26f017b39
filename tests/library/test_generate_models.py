"""Model classes of the library: each is seen, counted and unchanged."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.expected import Prompts, expected_attributes, facts, generation, rows_of, typed
from recording import Recorder

SAMPLING = {"decode_strategy": "sampling", "top_k": 5}
KINDS = sorted(stacks.current().models)


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_class_is_counted(
    kind: str, observed: Recorder, prompts: Prompts, model_of: Callable[[str], Any]
) -> None:
    """A padded batch of two prompts, whatever the class."""
    ids, _ = model_of(kind).generate(**prompts.both, max_new_tokens=5, eos_token_id=stacks.EOS)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {stacks.EOS}, 5, prompts.tokens))


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_class_gives_the_same_result(
    kind: str, stack: stacks.Stack, recorder: Recorder, prompts: Prompts, model_of: Callable[[str], Any], paddle: Any
) -> None:
    """Sampled ids and their scores are those of the library alone for the same seed."""
    model = model_of(kind)

    def generate() -> list[bytes]:
        paddle.seed(7)
        return [part.numpy().tobytes() for part in model.generate(**prompts.both, max_new_tokens=5, **SAMPLING)]

    alone = generate()
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    with_us = generate()
    instrumentor.uninstrument()
    assert with_us == alone
    assert generation(recorder)
