"""Writes the tensors of a GGUF file (llama.cpp, quantised) as a float32 safetensors file under Paddle's names."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from gguf import GGUFReader, ReaderTensor

# gguf annotates arrays without their element type.
from gguf.quants import dequantize  # pyright: ignore[reportUnknownVariableType]
from model_layout import Layout, gguf_field
from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with (weights written, weights in all)."""

_OUTER_NAMES = {"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight"}
_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class _Weight:
    """One weight of the written file: where it comes from, its new name, whether its two dimensions are swapped."""

    tensor: ReaderTensor
    name: str
    swapped: bool

    @property
    def shape(self) -> list[int]:
        """The shape as written; GGUF lists dimensions fastest first, everybody else last."""
        sizes = [int(size) for size in self.tensor.shape]
        return sizes if self.swapped else sizes[::-1]


def write_weights(reader: GGUFReader, file: Path, layout: Layout, progress: Progress) -> None:
    """Writes `file` weight by weight, so that only one of them is in memory at a time.

    The safetensors format: the header's length in 8 bytes, a JSON header that tells each weight's place, the bytes.
    """
    weights = list(_weights(reader, layout))
    with file.open("wb") as out:
        out.write(_header(weights, layout))
        for written, weight in enumerate(weights, start=1):
            out.write(_values(reader, weight).tobytes())
            progress(written, len(weights))


def _weights(reader: GGUFReader, layout: Layout) -> Iterator[_Weight]:
    for tensor in reader.tensors:
        name = f"{layout.base_name}.{_paddle_name(tensor.name)}"
        yield _Weight(tensor, name, swapped=layout.transposed and name.endswith("_proj.weight"))
        if tensor.name == "token_embd.weight" and not layout.tied:
            yield _Weight(tensor, "lm_head.weight", swapped=layout.transposed)


def _header(weights: list[_Weight], layout: Layout) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": layout.safetensors_format}}
    end = 0
    for weight in weights:
        start, end = end, end + int(weight.tensor.n_elements) * _FLOAT32_BYTES
        header[weight.name] = {"dtype": "F32", "shape": weight.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the weights start at a multiple of 8
    return len(text).to_bytes(8, "little") + text


def _values(reader: GGUFReader, weight: _Weight) -> NDArray[np.float32]:
    values = cast("NDArray[np.float32]", dequantize(weight.tensor.data, weight.tensor.tensor_type))
    if ".q_proj." in weight.name:
        values = _unpermute(values, gguf_field(reader, "llama.attention.head_count"))
    elif ".k_proj." in weight.name:
        values = _unpermute(values, gguf_field(reader, "llama.attention.head_count_kv"))
    return np.ascontiguousarray(values.T if weight.swapped else values)


def _unpermute(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undoes the order that llama.cpp gives to the rows of query and key projections.

    llama.cpp rotates neighbouring dimensions of a head together, the original model dimension i with i + half of them.
    This inverts `LlamaModel.permute` of llama.cpp's `convert_hf_to_gguf.py`.
    """
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def _paddle_name(gguf_name: str) -> str:
    if gguf_name in _OUTER_NAMES:
        return _OUTER_NAMES[gguf_name]
    _, layer, part, kind = gguf_name.split(".")
    return f"layers.{layer}.{_LAYER_NAMES[part]}.{kind}"
