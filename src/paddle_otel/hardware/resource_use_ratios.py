"""Tokens per second of GPU time, and energy per token, of one operation."""

from collections.abc import Mapping
from typing import Final

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a

LEAST_SAMPLED: Final = 0.5
"""Share of an operation's time for which its use of the GPU must be known; what it used in the rest is then taken to be
in proportion. The samples end up to an interval before the operation does, but all of its tokens are counted."""


def ratios(used: Mapping[str, AttributeValue], tokens: int, seconds: float) -> dict[str, AttributeValue]:
    """Return both ratios as span attributes, those that can be told.

    Args:
        used: What the operation used, as its :class:`~paddle_otel.operations.resource_use.Use` ended with.
        tokens: The output tokens of the whole operation.
        seconds: How long it took.
    """
    sampled = _number(used, a.PADDLE_GPU_SAMPLED_DURATION)
    if tokens <= 0 or sampled is None or not 0 < LEAST_SAMPLED * seconds <= sampled:
        return {}
    in_samples = tokens * min(sampled / seconds, 1.0)
    gpu_time, energy = _number(used, a.PADDLE_GPU_TIME), _number(used, a.PADDLE_GPU_ENERGY)
    found: dict[str, AttributeValue] = {}
    if gpu_time:
        found[a.PADDLE_GPU_TOKENS_PER_SECOND] = in_samples / gpu_time
    if energy:
        found[a.PADDLE_GPU_ENERGY_PER_TOKEN] = energy / in_samples
    return found


def _number(used: Mapping[str, AttributeValue], key: str) -> float | None:
    value = used.get(key)
    return value if isinstance(value, float) else None
