"""What somebody would write by hand around ``generate``: the same spans, attributes and histograms, no more care."""

import time
from typing import Any

from opentelemetry import trace

ATTRIBUTES = {
    "gen_ai.operation.name": "text_completion",
    "gen_ai.provider.name": "paddlepaddle",
    "gen_ai.request.model": "stub",
    "gen_ai.response.model": "stub",
}
SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]


class ByHand:
    """A hand-instrumented model."""

    def __init__(self, tracer_provider: Any, meter_provider: Any) -> None:
        self._tracer = tracer_provider.get_tracer("by hand")
        meter = meter_provider.get_meter("by hand")
        names = ("duration", "request_duration", "first_token", "per_token", "usage")
        self._histograms = {
            name: meter.create_histogram(name, explicit_bucket_boundaries_advisory=SECONDS) for name in names
        }

    def generate(self, model: Any, ids: Any, mask: Any, **options: Any) -> Any:
        """Generate and write it down."""
        start = time.time_ns()
        with self._tracer.start_as_current_span(
            "text_completion stub", attributes=ATTRIBUTES, end_on_exit=False
        ) as span:
            result = model.generate(ids, attention_mask=mask, **options)
            first = end = time.time_ns()
            output = result[0]
            tokens_in, tokens_out = int(mask.sum()), int((output != 2).sum())
            span.set_attributes(
                {
                    "gen_ai.request.max_tokens": options["max_new_tokens"],
                    "paddle.batch_size": 1,
                    "paddle.decode_strategy": "greedy_search",
                    "paddle.device": "cpu",
                    "paddle.dtype": "float32",
                    "gen_ai.usage.input_tokens": tokens_in,
                    "gen_ai.usage.output_tokens": tokens_out,
                    "gen_ai.response.finish_reasons": ("length",),
                    "paddle.sequences.output_tokens": (tokens_out,),
                    "paddle.time_to_first_token": 0.1,
                    "paddle.time_per_output_token": 0.1,
                    "paddle.kv_cache.size": 12345,
                }
            )
            self._tracer.start_span("prefill", start_time=start).end(first)
            self._tracer.start_span("decode", start_time=first).end(end)
            self._record(trace.set_span_in_context(span), (end - start) / 1e9, tokens_in, tokens_out)
        span.end(end)
        return result

    def _record(self, context: Any, seconds: float, tokens_in: int, tokens_out: int) -> None:
        for name in ("duration", "request_duration", "first_token", "per_token"):
            self._histograms[name].record(seconds, ATTRIBUTES, context)
        for kind, tokens in (("input", tokens_in), ("output", tokens_out)):
            self._histograms["usage"].record(tokens, {**ATTRIBUTES, "gen_ai.token.type": kind}, context)
