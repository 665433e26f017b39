"""Writes the configuration and the tokenizer of a GGUF file as the JSON files that `from_pretrained` reads."""

import json
from pathlib import Path
from typing import Any

from gguf import GGUFReader
from model_layout import Layout, gguf_field

_CONTROL_TOKEN = 3  # the value of tokenizer.ggml.token_type for tokens such as <|im_end|>


def write_config(reader: GGUFReader, folder: Path, layout: Layout) -> None:
    """Writes `config.json`, `generation_config.json`, `tokenizer.json` and `tokenizer_config.json`."""
    _write_json(folder / "config.json", _model_config(reader, layout))
    _write_json(folder / "generation_config.json", _token_ids(reader))
    _write_json(folder / "tokenizer.json", _tokenizer(reader))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(reader, layout))


def _model_config(reader: GGUFReader, layout: Layout) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": gguf_field(reader, "llama.vocab_size"),
        "hidden_size": gguf_field(reader, "llama.embedding_length"),
        "intermediate_size": gguf_field(reader, "llama.feed_forward_length"),
        "num_hidden_layers": gguf_field(reader, "llama.block_count"),
        "num_attention_heads": gguf_field(reader, "llama.attention.head_count"),
        "num_key_value_heads": gguf_field(reader, "llama.attention.head_count_kv"),
        "max_position_embeddings": gguf_field(reader, "llama.context_length"),
        "rope_theta": gguf_field(reader, "llama.rope.freq_base"),
        "rms_norm_eps": gguf_field(reader, "llama.attention.layer_norm_rms_epsilon"),
        "hidden_act": "silu",
        "tie_word_embeddings": layout.tied,
        "dtype": "float32",
        "fuse_rms_norm": False,  # the fused normalisation of PaddleFormers has no CPU kernel
        **_token_ids(reader),
    }


def _token_ids(reader: GGUFReader) -> dict[str, Any]:
    return {
        "bos_token_id": gguf_field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": gguf_field(reader, "tokenizer.ggml.eos_token_id"),
        "pad_token_id": gguf_field(reader, "tokenizer.ggml.padding_token_id"),
    }


def _tokenizer(reader: GGUFReader) -> dict[str, Any]:
    """The tokenizer in the file format of the `tokenizers` package."""
    tokens: list[str] = gguf_field(reader, "tokenizer.ggml.tokens")
    kinds: list[int] = gguf_field(reader, "tokenizer.ggml.token_type")
    plain = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    control = [index for index, kind in enumerate(kinds) if kind == _CONTROL_TOKEN]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": index, "content": tokens[index], **plain} for index in control],
        # The cut before byte pair encoding that GGUF calls "smollm": each digit by itself, the rest as GPT-2 does.
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": gguf_field(reader, "tokenizer.ggml.merges"),
        },
    }


def _tokenizer_config(reader: GGUFReader, layout: Layout) -> dict[str, Any]:
    tokens: list[str] = gguf_field(reader, "tokenizer.ggml.tokens")
    return {
        "tokenizer_class": layout.tokenizer_class,
        "bos_token": tokens[gguf_field(reader, "tokenizer.ggml.bos_token_id")],
        "eos_token": tokens[gguf_field(reader, "tokenizer.ggml.eos_token_id")],
        "pad_token": tokens[gguf_field(reader, "tokenizer.ggml.padding_token_id")],
        "unk_token": tokens[gguf_field(reader, "tokenizer.ggml.unknown_token_id")],
        "model_max_length": gguf_field(reader, "llama.context_length"),
        "padding_side": "left",  # a decoder goes on from the last position of each row
        "clean_up_tokenization_spaces": False,
        "chat_template": gguf_field(reader, "tokenizer.chat_template"),
    }


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
