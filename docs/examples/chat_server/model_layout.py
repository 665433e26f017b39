"""How the same model is laid out on disk for each Paddle library: names and orientation of weights, tokenizer class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gguf import GGUFReader

Library = Literal["paddleformers", "paddlenlp"]


@dataclass(frozen=True)
class Layout:
    """What differs between the folders of two libraries.

    Attributes:
        base_name: First part of the name of every weight but the output projection.
        transposed: Projections are stored as [in, out], as Paddle computes, not as [out, in], as PyTorch does.
        tied: The output projection is the embedding and is not stored a second time.
        safetensors_format: Value of `format` in the metadata of the weight file; PaddleNLP refuses "pt" without
            `convert_from_torch=True`.
        tokenizer_class: The class that reads `tokenizer.json`.
    """

    base_name: str
    transposed: bool
    tied: bool
    safetensors_format: str
    tokenizer_class: str


LAYOUTS: dict[Library, Layout] = {
    # The layout of Hugging Face, which PaddleFormers reads as it is.
    "paddleformers": Layout("model", False, True, "pt", "PreTrainedTokenizerFast"),
    # PaddleNLP's own. Version 2.8.1 cannot tie the output projection to the embedding, so it is stored.
    "paddlenlp": Layout("llama", True, False, "np", "PretrainedTokenizerFast"),
}


def gguf_field(reader: GGUFReader, name: str) -> Any:
    """One metadata value of a GGUF file.

    Raises:
        ValueError: The file has no such field, so it is not a file that this converter understands.
    """
    field = reader.get_field(name)
    if field is None:
        raise ValueError(f"the GGUF file has no metadata field {name!r}: this converter is not written for it")
    return field.contents()
