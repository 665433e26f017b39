"""What somebody would write by hand around ``generate``: the same spans, attributes and histograms, no more care."""

import time
from typing import Any

import numpy as np
from opentelemetry import trace

from stub_library import Stub
from stubs.tensors import StubTensor

ATTRIBUTES = {
    "gen_ai.operation.name": "text_completion",
    "gen_ai.provider.name": "paddlepaddle",
    "gen_ai.request.model": "stub",
    "gen_ai.response.model": "stub",
}
END_ID = 2
SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]


class _StepTimes:
    """The time of the first step and the number of steps: by hand too they come from a stopping criterion."""

    def __init__(self) -> None:
        self.first = 0
        self.steps = 0

    def __call__(self, *_: Any) -> bool:
        """Note a step."""
        if not self.steps:
            self.first = time.time_ns()
        self.steps += 1
        return False

    def __deepcopy__(self, _: Any) -> "_StepTimes":
        """Stay the one that is read afterwards."""
        return self


class ByHand:
    """A hand-instrumented model."""

    def __init__(self, tracer_provider: Any, meter_provider: Any, stub: Stub, plain_generate: Any) -> None:
        self._stub = stub
        self._plain_generate = plain_generate
        self._mask = StubTensor(np.ones(stub.input_ids.shape, dtype=np.int64))
        self._tracer = tracer_provider.get_tracer("by hand")
        meter = meter_provider.get_meter("by hand")
        names = ("duration", "request_duration", "first_token", "per_token", "usage")
        self._histograms = {
            name: meter.create_histogram(name, explicit_bucket_boundaries_advisory=SECONDS) for name in names
        }

    def generate(self, **options: Any) -> Any:
        """Generate and write it down."""
        start, times = time.time_ns(), _StepTimes()
        name = "text_completion stub"
        with self._tracer.start_as_current_span(name, attributes=ATTRIBUTES, end_on_exit=False) as span:
            criteria = self._stub.criteria_list([times])
            result = self._plain_generate(self._stub.model, self._stub.input_ids, stopping_criteria=criteria, **options)
            end = time.time_ns()
            first = (times.first - start) / 1e9
            each = (end - times.first) / 1e9 / (times.steps - 1)
            tokens_in, tokens_out = int(self._mask.numpy().sum()), int((result[0].numpy() != END_ID).sum()) + 1
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
                    "paddle.time_to_first_token": first,
                    "paddle.time_per_output_token": each,
                    "paddle.kv_cache.size": 46080 * (tokens_in + tokens_out - 1),
                }
            )
            self._tracer.start_span("prefill", start_time=start).end(times.first)
            self._tracer.start_span("decode", start_time=times.first).end(end)
            context = trace.set_span_in_context(span)
            durations = {"duration": (end - start) / 1e9, "first_token": first, "per_token": each}
            self._record(context, durations, tokens_in, tokens_out)
        span.end(end)
        return result

    def _record(self, context: Any, durations: dict[str, float], tokens_in: int, tokens_out: int) -> None:
        for name, seconds in durations.items():
            self._histograms[name].record(seconds, ATTRIBUTES, context)
        self._histograms["request_duration"].record(durations["duration"], ATTRIBUTES, context)
        for kind, tokens in (("input", tokens_in), ("output", tokens_out)):
            self._histograms["usage"].record(tokens, {**ATTRIBUTES, "gen_ai.token.type": kind}, context)
