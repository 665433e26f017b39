"""Every model of texts, pictures and sounds whose methods make embeddings reports them so."""

from collections.abc import Callable
from typing import Any, Final

import pytest

import stacks
from library.expected import Prompts
from library.only_paddlenlp.test_forward_embeddings import PICTURE, PROJECTION, SIZES, TEXT, new, the_span
from recording import Recorder

SOUND: Final = {
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [2, 2, 2, 2],
    "hidden_size": 64,
    "patch_embeds_hidden_size": 8,
    "num_mel_bins": 32,
    "spec_size": 64,
    "window_size": 2,
    "num_hidden_layers": 4,
}
OF_PICTURES: Final = ("ChineseCLIP", "CLIPSeg", "Blip", "ErnieViL")


def of_pictures(stack: stacks.Stack, paddle: Any, name: str) -> Any:
    """Return a small model of texts and pictures."""
    parts = {"text_config": dict(TEXT), "vision_config": dict(PICTURE)}  # the configuration writes into them
    return new(stack, paddle, f"{name}Model", f"{name}Config", **parts, projection_dim=PROJECTION)


def of_sounds(stack: stacks.Stack, paddle: Any) -> Any:
    """Return a small model of texts and sounds."""
    text = {**SIZES, "vocab_size": stacks.VOCABULARY_SIZE, "max_position_embeddings": 16, "pad_token_id": 0}
    parts = {"text_config": text, "audio_config": dict(SOUND)}
    return new(stack, paddle, "ClapModel", "ClapConfig", **parts, projection_dim=PROJECTION)


def check(recorder: Recorder, paddle: Any, call: Callable[[], Any], rows: int, tokens: int | None) -> None:
    """Make a call that returns one vector per row: one span, with what is known of it."""
    results: list[Any] = []
    with paddle.no_grad():
        name, found = the_span(recorder, lambda: results.append(call()))
    assert (name, found["gen_ai.operation.name"]) == ("embeddings", "embeddings")
    assert found["gen_ai.embeddings.dimension.count"] == results[0].shape[-1]
    assert results[0].shape[0] == found["paddle.batch_size"] == rows
    assert found.get("gen_ai.usage.input_tokens") == tokens
    assert recorder.point("paddle.prediction.duration").count == 1


@pytest.mark.parametrize("name", OF_PICTURES)
def test_texts(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts, name: str) -> None:
    """``get_text_features``: rows, tokens and the length of the vectors."""
    model = of_pictures(stack, paddle, name)
    check(observed, paddle, lambda: model.get_text_features(**prompts.both), 2, 8)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_pictures(observed: Recorder, stack: stacks.Stack, paddle: Any, name: str) -> None:
    """``get_image_features``: pictures have rows and no tokens."""
    model = of_pictures(stack, paddle, name)
    check(observed, paddle, lambda: model.get_image_features(pixel_values=paddle.ones([3, 3, 8, 8])), 3, None)


def test_texts_of_sounds(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts) -> None:
    """``get_text_features`` of a model of texts and sounds."""
    model = of_sounds(stack, paddle)
    check(observed, paddle, lambda: model.get_text_features(**prompts.both), 2, 8)


def test_sounds(observed: Recorder, stack: stacks.Stack, paddle: Any) -> None:
    """``get_audio_features``: sounds have rows and no tokens."""
    model = of_sounds(stack, paddle)
    spectra = paddle.ones([3, 1, 128, 32])
    check(observed, paddle, lambda: model.get_audio_features(input_features=spectra), 3, None)
