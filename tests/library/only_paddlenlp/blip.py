"""A small model that describes pictures."""

from typing import Any, Final

import stacks

SEPARATOR: Final = 3
SIZES: Final = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "projection_dim": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
TEXT: Final = {
    **SIZES,
    "vocab_size": stacks.VOCABULARY_SIZE,
    "encoder_hidden_size": 32,
    "max_position_embeddings": 64,
    "bos_token_id": stacks.BOS,
    "eos_token_id": stacks.EOS,
    "sep_token_id": SEPARATOR,
    "pad_token_id": stacks.PAD,
    "is_decoder": True,
}


def small_blip(stack: stacks.Stack, paddle: Any) -> Any:
    """Return a BLIP with random weights, always the same ones."""
    transformers = stack.module("transformers")
    vision = {**SIZES, "image_size": 16, "patch_size": 8}
    config = transformers.BlipConfig(
        text_config=TEXT, vision_config=vision, projection_dim=16, image_text_hidden_size=16
    )
    paddle.seed(stacks.WEIGHTS_SEED)
    model = transformers.BlipForConditionalGeneration(config)
    model.eval()
    return model
