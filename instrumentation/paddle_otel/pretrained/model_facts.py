"""What a model says about itself: name, device, data type, key-value cache."""

import os
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

_BYTES_PER_ELEMENT: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}

# Configuration entries of attention variants whose cache is smaller than the formula says.
_OTHER_CACHE_SHAPES: Final = ("kv_lora_rank", "multi_query_group_num", "attn_layer_period", "attention_chunk_size")

# What a configuration calls a layer whose cache holds every position.
_FULL_ATTENTION: Final = "full_attention"

# Model types that name a window also where use_sliding_window says that it is off. The cache of PaddleFormers does not
# ask that switch: its own classes of these types name no window then.
_SWITCHED_WINDOW_TYPES: Final = frozenset({"qwen2", "qwen2_moe"})

# Model types without num_key_value_heads in which every attention head has its own keys and values.
_MULTI_HEAD_TYPES: Final = frozenset({"gpt", "opt"})

# How many ranks compute the model together, as the libraries call it in their versions.
_PARALLEL_DEGREES: Final = ("tensor_parallel_degree", "tensor_model_parallel_size")

# Classes whose forward returns one vector of a space that texts, pictures or sounds share, and nothing else of use. The
# bare encoders they are made of (CLIPTextModel, BertModel) are not here: pooling their output is the caller's business.
_EMBEDDING_CLASSES: Final = frozenset(
    {
        "CLIPTextModelWithProjection",
        "CLIPVisionModelWithProjection",
        "ChineseCLIPTextModelWithProjection",
        "ChineseCLIPVisionModelWithProjection",
        "ClapTextModelWithProjection",
        "ClapAudioModelWithProjection",
    }
)


class ParameterFacts(NamedTuple):
    """Where a model's parameters are, read off its first one.

    Attributes:
        device: ``cpu``, ``gpu:0`` …
        dtype: ``float32``, ``bfloat16`` …
    """

    device: str | None = None
    dtype: str | None = None


def model_name(path: Any) -> str | None:
    """Reduce what a model was loaded from to its last path component.

    Args:
        path: A hub name (``Qwen/Qwen2-0.5B``) or a local path; a local absolute path must not leave the process.

    Returns:
        The name, ``None`` when there is none.
    """
    if not isinstance(path, (str, os.PathLike)):
        return None
    text = os.fspath(cast("str | os.PathLike[Any]", path))
    if not isinstance(text, str):
        return None
    parts = [part for part in re.split(r"[/\\]", text) if part not in ("", ".", "..")]
    return parts[-1] if parts else None


def configured_name(model: Any) -> str | None:
    """Return the name that a model's configuration carries, if any."""
    config = getattr(model, "config", None)
    return model_name(getattr(config, "name_or_path", None) or getattr(config, "_name_or_path", None))


def parameter_facts(model: Any) -> ParameterFacts:
    """Read device and data type off the first parameter (a generator step, not a walk over the model)."""
    for _, parameter in model.named_parameters():
        device = str(parameter.place).removeprefix("Place(").removesuffix(")")
        return ParameterFacts(device, _dtype_name(parameter.dtype))
    return ParameterFacts()


@lru_cache(maxsize=64)
def _dtype_name(dtype: Any) -> str:
    return str(dtype).rsplit(".", 1)[-1]


def reports_requests(model: Any) -> bool:
    """Tell whether this process reports the model's requests.

    The ranks of a tensor-parallel group all run the same ``generate``; its first rank reports, so that tokens and
    requests are counted once. The library's own streamers follow the same rule.
    """
    rank = getattr(getattr(model, "config", None), "tensor_parallel_rank", 0)
    return not (isinstance(rank, int) and rank > 0)


def decides_alone(model: Any) -> bool:
    """Tell whether this process may end or refuse a generation of the model on its own.

    Ranks that compute one model together run the same steps: where one stops, the others wait for it for ever.
    """
    config = getattr(model, "config", None)
    degrees = (getattr(config, name, None) for name in _PARALLEL_DEGREES)
    return getattr(model, "pp_group", None) is None and not any(
        isinstance(degree, int) and degree > 1 for degree in degrees
    )


def makes_embeddings(model: Any) -> bool:
    """Tell whether calling the model makes embeddings; a subclass may do something else with them."""
    return type(model).__name__ in _EMBEDDING_CLASSES


def bytes_per_element(dtype: str | None) -> int | None:
    """Return the size of an element of a floating-point type in bytes, ``None`` for other types."""
    return _BYTES_PER_ELEMENT.get(dtype or "")


def cache_elements_per_position(model: Any) -> int | None:
    """Return how many numbers the key-value cache holds per position of one row.

    Formula: ``2 * layers * key-value heads * head size``, equal to what the caches of Llama, GPT and OPT measure in
    both libraries. Encoder-decoder models and attention variants that cache less are not told.

    Args:
        model: A pretrained model.
    """
    config = getattr(model, "config", None)
    if config is None or getattr(config, "is_encoder_decoder", False):
        return None
    if any(getattr(config, name, None) for name in _OTHER_CACHE_SHAPES) or not _caches_every_position(config):
        return None
    heads = getattr(config, "num_attention_heads", None)
    key_value_heads = getattr(config, "num_key_value_heads", None)
    if key_value_heads is None and getattr(config, "model_type", None) in _MULTI_HEAD_TYPES:
        key_value_heads = heads
    layers = getattr(config, "num_hidden_layers", None)
    width = getattr(config, "hidden_size", None)
    size = getattr(config, "head_dim", None) or (width // heads if width and heads else None)
    if not (layers and key_value_heads and size):
        return None
    return 2 * layers * key_value_heads * size


def _caches_every_position(config: Any) -> bool:
    """Tell whether all layers keep the keys and values of all positions, and none only those of a window."""
    layer_types = getattr(config, "layer_types", None)
    if layer_types and any(kind != _FULL_ATTENTION for kind in layer_types):
        return False
    if not getattr(config, "sliding_window", None):
        return True
    is_off = getattr(config, "use_sliding_window", None) is False
    return is_off and getattr(config, "model_type", None) in _SWITCHED_WINDOW_TYPES
