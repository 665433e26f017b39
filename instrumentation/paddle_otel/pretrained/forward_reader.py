"""Describes one forward of a model for its prediction."""

from collections.abc import Mapping
from typing import Any, Final, cast

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt
from paddle_otel.operations.predicted_model import PredictionFacts
from paddle_otel.operations.prompts import PromptLedger
from paddle_otel.operations.tensors import shape_of
from paddle_otel.pretrained.forward_inputs import forward_facts, leading_dimensions

# What the outputs with a projection call their embeddings, one of them in each class.
_EMBEDDINGS: Final = ("text_embeds", "image_embeds", "audio_embeds")


class ForwardReader:
    """What is known of one forward.

    Args:
        inputs: Its arguments by name.
        prompts: Knows the ids that a tokenizer made.
        embeddings: Whether it makes embeddings.
    """

    __slots__ = ("_embeddings", "_facts", "_inputs")

    def __init__(self, inputs: Mapping[str, Any], prompts: PromptLedger, *, embeddings: bool) -> None:
        self._facts = attempt("reading the inputs of a model", forward_facts, inputs, prompts) or PredictionFacts()
        self._inputs = inputs
        self._embeddings = embeddings

    def facts(self) -> PredictionFacts:
        """Return what was read before the call."""
        return self._facts

    def span_attributes(self, result: Any, raised: BaseException | None) -> Mapping[str, AttributeValue]:  # noqa: ARG002 - told by the result
        """Return the leading dimensions of inputs and outputs, and the length of an embedding."""
        attributes: dict[str, AttributeValue] = {}
        inputs, outputs = leading_dimensions(self._inputs), _output_dimensions(result)
        if inputs:
            attributes[a.PADDLE_PREDICTION_INPUT_NAMES] = tuple(inputs)
            attributes[a.PADDLE_PREDICTION_INPUT_LEADING_DIMENSIONS] = tuple(inputs.values())
        if outputs:
            attributes[a.PADDLE_PREDICTION_OUTPUT_LEADING_DIMENSIONS] = tuple(outputs.values())
        if outputs and isinstance(result, Mapping):
            attributes[a.PADDLE_PREDICTION_OUTPUT_NAMES] = tuple(outputs)
        length = _embedding_length(result) if self._embeddings else None
        if length is not None:
            attributes[a.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = length
        return attributes


def _output_dimensions(result: Any) -> dict[str, int]:
    if isinstance(result, Mapping):
        return leading_dimensions(cast("Mapping[str, Any]", result))
    outputs = cast("tuple[Any, ...]", result if isinstance(result, (tuple, list)) else (result,))
    return leading_dimensions({str(position): output for position, output in enumerate(outputs)})


def _embedding_length(result: Any) -> int | None:
    if isinstance(result, Mapping):
        outputs = cast("Mapping[str, Any]", result)
        result = next((outputs[name] for name in _EMBEDDINGS if name in outputs), None)
    elif isinstance(result, (tuple, list)):
        result = cast("tuple[Any, ...]", result)[0]
    shape = shape_of(result)
    return shape[-1] if shape else None
