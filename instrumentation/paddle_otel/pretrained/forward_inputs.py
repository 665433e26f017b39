"""What a forward of a model was given, read off its arguments without copying anything from a device."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from paddle_otel.operations.predicted_model import PredictionFacts
from paddle_otel.operations.prompts import PromptLedger
from paddle_otel.operations.tensors import array_of, count_nonzero, is_on_host, shape_of

# In the order of PaddleNLP's and PaddleFormers' models: text, its embeddings, pictures, sound, and the old name of ids.
_INPUTS_WITH_ROWS: Final = ("input_ids", "inputs_embeds", "pixel_values", "input_features", "input_values", "src_ids")

# Their positions are what an attention mask tells apart into tokens and padding.
_INPUTS_WITH_TOKENS: Final = ("input_ids", "inputs_embeds")
_ROWS_AND_COLUMNS: Final = 2
_WHOLE_NUMBERS: Final = "iub"


def parameter_names(function: Any) -> tuple[str, ...]:
    """Return the names that positional arguments of a method get, ``self`` left out."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind in positional)[1:]


def named_inputs(names: Iterable[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name; one mapping given alone holds them all.

    Args:
        names: The parameters' names in their order.
        args: Positional arguments after ``self``.
        kwargs: Keyword arguments.
    """
    inputs: dict[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs}
    if not inputs.keys().isdisjoint(_INPUTS_WITH_ROWS):
        return inputs
    mappings = [cast("Mapping[str, Any]", value) for value in inputs.values() if isinstance(value, Mapping)]
    return {**inputs, **mappings[0]} if len(mappings) == 1 else inputs


def forward_facts(inputs: Mapping[str, Any], prompts: PromptLedger) -> PredictionFacts:
    """Return rows and tokens, as far as shapes, a mask in host memory and the tokenizer's call tell them.

    Read it before the call: models may change what they are given (``NVEncodeModel`` clears part of its mask).

    Args:
        inputs: As :func:`named_inputs` returns them.
        prompts: Knows the ids that a tokenizer made; the tokenizers of BERT and its kin give no mask.
    """
    tokens = _tokens(inputs)
    if tokens is None and (prompt := prompts.made(inputs.get("input_ids"))) is not None:
        tokens = prompt.tokens
    return PredictionFacts(_rows(inputs), tokens)


def leading_dimensions(named: Mapping[str, Any]) -> dict[str, int]:
    """Return the first dimension of each tensor, none where one of them has none; whatever is no tensor is left out."""
    shapes = {name: shape_of(value) for name, value in named.items()}
    found = {name: shape for name, shape in shapes.items() if shape is not None}
    return {name: shape[0] for name, shape in found.items()} if all(found.values()) else {}


def _rows(inputs: Mapping[str, Any]) -> int | None:
    for name in _INPUTS_WITH_ROWS:
        shape = shape_of(inputs.get(name))
        if shape:
            return shape[0]
    return None


def _tokens(inputs: Mapping[str, Any]) -> int | None:
    mask = inputs.get("attention_mask")
    shape = shape_of(mask)
    if shape is None or len(shape) != _ROWS_AND_COLUMNS or not is_on_host(mask):
        return None
    # A mask that also covers a cache is longer than what this call reads.
    if not any((shape_of(inputs.get(name)) or ())[:_ROWS_AND_COLUMNS] == shape for name in _INPUTS_WITH_TOKENS):
        return None
    array = array_of(mask)
    # Numbers with a fraction, or below 0, are weights added to the scores: they do not say what is padding.
    if array.dtype.kind not in _WHOLE_NUMBERS or (array.dtype.kind == "i" and array.size and array.min() < 0):
        return None
    return count_nonzero(array)
