"""Span names."""

from typing import Final

PREFILL: Final = "prefill"
DECODE: Final = "decode"


def generation(operation: str, model: str | None) -> str:
    """Name a generation: ``{operation} {model}``, only the operation when the model is unknown."""
    return f"{operation} {model}" if model else operation


def tokenize(tokenizer_class: str) -> str:
    """Name the span of text becoming ids."""
    return f"tokenize {tokenizer_class}"


def detokenize(tokenizer_class: str) -> str:
    """Name the span of ids becoming text."""
    return f"detokenize {tokenizer_class}"


def predict(model: str) -> str:
    """Name a prediction: ``predict {model}``, with ``unknown`` for a model that was loaded unseen."""
    return f"predict {model}"


def pipeline(name: str) -> str:
    """Name a pipeline call."""
    return f"pipeline {name}"


def load_model(model: str | None) -> str:
    """Name a load: ``load_model {model}``, only ``load_model`` when the model is unknown."""
    return f"load_model {model}" if model else "load_model"
