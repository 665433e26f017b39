"""What the observed generations of a meter provider tell the diagnosis."""

from typing import Final

from opentelemetry.metrics import MeterProvider

from paddle_otel.conventions import attributes as a
from paddle_otel.diagnosis.work import CacheUse
from paddle_otel.operations.generation import Generation
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.meters import METERS

MOST_UNSEEN: Final = 1.0
"""Seconds for which a generation may write what is counted at its end: little beside the ten of a window."""


class GenerationsSeen:
    """The tokens and key-value caches of the generations that are reported to a meter provider.

    Args:
        provider: Which one, the global one if ``None``.
    """

    def __init__(self, provider: MeterProvider | None) -> None:
        self._metrics = METERS.of(provider).shared(GenerationMetrics)

    def output_tokens(self) -> dict[str | None, int] | None:
        """Return the tokens written so far by model.

        Returns:
            ``None`` while a generation is in flight whose tokens are known only at its end, as those of batches and
            beams are: what was written in a minute would seem to be written in the second in which it ends.
        """
        if any(generation.writes_unseen_for > MOST_UNSEEN for generation in self._metrics.in_flight):
            return None
        totals: dict[str | None, int] = {}
        for one in self._metrics.observe_tokens():
            attributes = one.attributes or {}
            if attributes.get(a.GEN_AI_TOKEN_TYPE) == a.TOKEN_TYPE_OUTPUT:
                name = attributes.get(a.GEN_AI_REQUEST_MODEL)
                model = name if isinstance(name, str) else None
                totals[model] = totals.get(model, 0) + int(one.value)
        return totals

    def caches(self) -> dict[str, CacheUse]:
        """Return the caches of the requests in flight by device; of those whose limit of tokens is known."""
        found: dict[str, CacheUse] = {}
        for generation in self._metrics.in_flight:
            device, use = generation.request.attributes.get(a.PADDLE_DEVICE), _cache_of(generation)
            if isinstance(device, str) and use is not None:
                before = found.get(device, CacheUse(0, 0))
                found[device] = CacheUse(before.now + use.now, before.predicted + use.predicted)
        return found


def _cache_of(generation: Generation) -> CacheUse | None:
    predicted = generation.request.predicted_cache_bytes
    if predicted is None:
        return None
    return CacheUse(min(generation.cache_bytes or 0, predicted), predicted)
