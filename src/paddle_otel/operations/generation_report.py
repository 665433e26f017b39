"""What the span of a generation says at its start, and the span and the usage event at its end."""

from collections.abc import Mapping
from typing import NamedTuple

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.identity import Identity
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from paddle_otel.operations.generation_metrics import Timing


class GenerationEnd(NamedTuple):
    """How a generation ended.

    Attributes:
        response: What is known of its result.
        timing: Its durations.
        output_tokens: Tokens of all sequences together, ``None`` when they are not known.
        tokens_made: The same as ``paddle.tokens`` counts them: at least those that were counted while it ran.
        error: ``error.type`` of a failure, ``None`` for success.
        budget: Name of the budget that refused it or asked to stop, if one did.
        cache_bytes: Size of the key-value cache at the end, if known.
        used: What it used of the machine, as attributes.
    """

    response: GenerationResponse
    timing: Timing
    output_tokens: int | None
    tokens_made: int | None
    error: str | None
    budget: str | None
    cache_bytes: int | None
    used: Mapping[str, AttributeValue]


def start_attributes(request: GenerationRequest, identity: Identity) -> dict[str, AttributeValue]:
    """Return what the span says from its start on.

    Args:
        request: What is known before the call.
        identity: Who asked.
    """
    attributes: dict[str, AttributeValue] = {
        a.GEN_AI_OPERATION_NAME: request.operation,
        a.GEN_AI_PROVIDER_NAME: a.PROVIDER_PADDLEPADDLE,
    }
    if request.model:
        attributes[a.GEN_AI_REQUEST_MODEL] = request.model
        attributes[a.GEN_AI_RESPONSE_MODEL] = request.model
    if request.stream:
        attributes[a.GEN_AI_REQUEST_STREAM] = True
    if request.predicted_cache_bytes is not None:
        attributes[a.PADDLE_KV_CACHE_PREDICTED_SIZE] = request.predicted_cache_bytes
    attributes.update(request.attributes)
    attributes.update(identity.attributes)
    return attributes


def span_attributes(request: GenerationRequest, end: GenerationEnd) -> dict[str, AttributeValue]:
    """Return what the span says of the end."""
    response, timing = end.response, end.timing
    found: dict[str, AttributeValue | None] = {
        a.GEN_AI_USAGE_INPUT_TOKENS: response.input_tokens,
        a.GEN_AI_USAGE_OUTPUT_TOKENS: end.output_tokens,
        a.GEN_AI_RESPONSE_FINISH_REASONS: _finish_reasons(request, end),
        a.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: timing.first_token if request.stream else None,
        a.PADDLE_TIME_TO_FIRST_TOKEN: timing.first_token,
        a.PADDLE_TIME_PER_OUTPUT_TOKEN: None if end.error else timing.per_token,
        a.PADDLE_KV_CACHE_SIZE: end.cache_bytes,
        a.PADDLE_SEQUENCES_OUTPUT_TOKENS: response.sequences_output_tokens,
        a.PADDLE_BUDGET_NAME: _budget(end),
        **end.used,
    }
    return {key: value for key, value in found.items() if value is not None}


def usage_facts(request: GenerationRequest, end: GenerationEnd) -> Mapping[str, AttributeValue | None]:
    """Return what the usage event says; ``None`` values are left out there."""
    return {
        a.GEN_AI_OPERATION_NAME: request.operation,
        a.GEN_AI_PROVIDER_NAME: a.PROVIDER_PADDLEPADDLE,
        a.GEN_AI_REQUEST_MODEL: request.model,
        a.GEN_AI_USAGE_INPUT_TOKENS: end.response.input_tokens,
        a.GEN_AI_USAGE_OUTPUT_TOKENS: end.tokens_made,
        a.GEN_AI_RESPONSE_FINISH_REASONS: _finish_reasons(request, end),
        a.PADDLE_USAGE_DURATION: end.timing.duration,
        a.PADDLE_TIME_TO_FIRST_TOKEN: end.timing.first_token,
        a.PADDLE_BUDGET_NAME: _budget(end),
        a.ERROR_TYPE: end.error,
        **end.used,
    }


def _finish_reasons(request: GenerationRequest, end: GenerationEnd) -> tuple[str, ...] | None:
    if end.error is None:
        return end.response.finish_reasons
    return (a.FINISH_ERROR,) * request.sequences if request.sequences else None


def _budget(end: GenerationEnd) -> str | None:
    reasons = end.response.finish_reasons
    # A sequence that ended by itself with the budget's last token was not ended by the budget.
    return end.budget if end.error or reasons is None or a.FINISH_BUDGET in reasons else None
