"""What is known about a generation before it runs."""

from typing import Any

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.operations.generation import GenerationRequest
from paddle_otel.operations.prompts import Prompt
from paddle_otel.pretrained.generate_arguments import GenerateArguments
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.model_facts import cache_bytes_per_position, configured_name, parameter_facts


def generation_request(handlers: Handlers, model: Any, arguments: GenerateArguments) -> GenerationRequest:
    """Describe a ``generate`` call.

    Args:
        handlers: Where model names and prompts are remembered.
        model: The model that is called.
        arguments: The call's arguments.

    Returns:
        What is known; reads no tensor's content.
    """
    facts = parameter_facts(model)
    prompt = handlers.prompts.claim(arguments.input_ids, arguments.rows, arguments.columns)
    searched = arguments.strategy == "beam_search"
    sequences = arguments.rows * arguments.choices
    cached = cache_bytes_per_position(model, facts.dtype) if arguments.option("use_cache") is not False else None
    attributes = arguments.request_attributes()
    attributes[a.PADDLE_BATCH_SIZE] = arguments.rows
    attributes[a.PADDLE_DECODE_STRATEGY] = arguments.strategy
    if searched:
        attributes[a.PADDLE_NUM_BEAMS] = arguments.beams
    attributes.update(_known({a.PADDLE_DEVICE: facts.device, a.PADDLE_DTYPE: facts.dtype}))
    if prompt is not None:
        attributes[a.PADDLE_TOKENIZE_DURATION] = prompt.tokenize_seconds
    return GenerationRequest(
        operation=_operation(prompt),
        model=handlers.model_names.get(model) or configured_name(model),
        stream=arguments.argument("streamer") is not None,
        single_sequence=sequences == 1 and not searched,
        sequences=sequences,
        attributes=attributes,
        cache_bytes_per_token=cached * max(arguments.beams * arguments.rows, sequences) if cached else None,
        prompt_columns=arguments.columns,
    )


def outer_request(handlers: Handlers, model: Any) -> GenerationRequest:
    """Describe a model that wraps a language model; the inner ``generate`` knows the rest."""
    return GenerationRequest(
        operation=a.OPERATION_TEXT_COMPLETION,
        model=handlers.model_names.get(model) or configured_name(model),
    )


def _operation(prompt: Prompt | None) -> str:
    return a.OPERATION_CHAT if prompt is not None and prompt.templated else a.OPERATION_TEXT_COMPLETION


def _known(attributes: dict[str, str | None]) -> dict[str, AttributeValue]:
    return {key: value for key, value in attributes.items() if value is not None}
