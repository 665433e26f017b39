"""What is known about a generation before it runs."""

from typing import Any

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt
from paddle_otel.operations.generation_facts import GenerationRequest
from paddle_otel.operations.prompts import Prompt
from paddle_otel.pretrained.generate_arguments import GenerateArguments
from paddle_otel.pretrained.generate_response import input_tokens_on_host
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.known_models import KnownModel
from paddle_otel.pretrained.model_facts import ParameterFacts, bytes_per_element, decides_alone, parameter_facts


def generation_request(handlers: Handlers, library: str, model: Any, arguments: GenerateArguments) -> GenerationRequest:
    """Describe a ``generate`` call.

    Args:
        handlers: Where model names and prompts are remembered.
        library: The package with ``generation.stopping_criteria``: PaddleNLP, PaddleFormers, or PaddleX's copy.
        model: The model that is called.
        arguments: The call's arguments.

    Returns:
        What is known; reads no tensor's content, but with budgets that of a prompt in host memory.
    """
    facts, known_model = parameter_facts(model), handlers.models.of(model)
    rows, columns, strategy, choices = arguments.rows, arguments.columns, arguments.strategy, arguments.choices
    beams = arguments.beams if strategy == "beam_search" else None
    prompt = handlers.prompts.claim(arguments.input_ids, rows, columns)
    attributes = arguments.request_attributes()
    attributes[a.PADDLE_BATCH_SIZE] = rows
    attributes[a.PADDLE_DECODE_STRATEGY] = strategy
    known = {a.PADDLE_NUM_BEAMS: beams, a.PADDLE_DEVICE: facts.device, a.PADDLE_DTYPE: facts.dtype}
    attributes.update({key: value for key, value in known.items() if value is not None})
    if prompt is not None:
        attributes[a.PADDLE_TOKENIZE_DURATION] = prompt.tokenize_seconds
    # PaddleNLP takes the option use_cache and caches all the same, whatever it says.
    is_cached = library == "paddlenlp" or arguments.option("use_cache") is not False
    per_row = _cache_bytes_per_position(known_model, facts) if is_cached else None
    return GenerationRequest(
        operation=_operation(prompt),
        model=known_model.name,
        stream=arguments.argument("streamer") is not None,
        single_sequence=rows * choices == 1 and beams is None,
        sequences=rows * choices,
        attributes=attributes,
        cache_bytes_per_token=None if per_row is None else per_row * rows * max(beams or 1, choices),
        prompt_columns=columns,
        full_search_steps=arguments.full_search_steps,
        may_end_early=arguments.may_end_early,
        max_new_tokens=arguments.max_new_tokens,
        input_tokens=_input_tokens(handlers, arguments, prompt),
        # With synced_gpus the ranks have their own prompts, and go through all steps together.
        decides_alone=decides_alone(model) and not arguments.argument("synced_gpus"),
    )


def outer_request(handlers: Handlers, model: Any) -> GenerationRequest:
    """Describe a model that wraps a language model; the inner ``generate`` knows the rest."""
    return GenerationRequest(
        operation=a.OPERATION_TEXT_COMPLETION,
        model=handlers.models.of(model).name,
        decides_alone=decides_alone(model),
    )


def _input_tokens(handlers: Handlers, arguments: GenerateArguments, prompt: Prompt | None) -> int | None:
    if prompt is not None and prompt.tokens is not None:
        return prompt.tokens
    # Only a budget has to know them before the model runs.
    if not handlers.telemetry.has_budgets:
        return None
    return attempt("counting a prompt for its budgets", input_tokens_on_host, arguments)


def _operation(prompt: Prompt | None) -> str:
    return a.OPERATION_CHAT if prompt is not None and prompt.templated else a.OPERATION_TEXT_COMPLETION


def _cache_bytes_per_position(model: KnownModel, facts: ParameterFacts) -> int | None:
    element = bytes_per_element(facts.dtype)
    if element is None or model.cache_elements is None:
        return None
    return model.cache_elements * element
