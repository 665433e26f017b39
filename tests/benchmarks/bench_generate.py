"""What observing ``generate`` and tokenizer calls costs on top of the library: a stub that itself costs nothing."""

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil
from by_hand import ByHand
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rows import Row, extra_costs, row
from stub_model import GenerationMixin, Model, PaddleTokenizerMixin, install

from paddle_otel.paddleformers import PaddleFormersInstrumentor

PROMPT = np.arange(3, 35).reshape(1, 32)
MASK = np.ones_like(PROMPT)
LONG = 1000
MANY = 100_000
WARM = 20_000


class _Discard(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - thrown away
        """Take the spans and forget them."""
        return SpanExportResult.SUCCESS


def run() -> list[Row]:
    """Measure everything in this process.

    Returns:
        The rows of the table.
    """
    install()
    plain_generate, plain_call = GenerationMixin.generate, PaddleTokenizerMixin.__call__
    model, tokenizer, instrumentor = Model(), PaddleTokenizerMixin(), PaddleFormersInstrumentor()

    def generate() -> Any:
        return model.generate(PROMPT, attention_mask=MASK, max_new_tokens=8)

    def plain() -> Any:
        return plain_generate(model, PROMPT, attention_mask=MASK, max_new_tokens=8)

    rows: list[Row] = []
    instrumentor.instrument()
    idle = extra_costs(plain, {"idle": generate})["idle"]
    rows.append(row("generate", "no SDK, median", idle.median, "us", goal=10))
    rows.append(row("generate", "no SDK, p95", idle.p95, "us"))
    instrumentor.uninstrument()

    traces, metrics = (
        TracerProvider(shutdown_on_exit=False),
        MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
    )
    traces.add_span_processor(BatchSpanProcessor(_Discard()))
    hand = ByHand(traces, metrics)
    unwrapped = type("Unwrapped", (Model,), {"generate": plain_generate})()
    instrumentor.instrument(tracer_provider=traces, meter_provider=metrics)
    costs = extra_costs(
        plain,
        {"ours": generate, "hand": lambda: hand.generate(unwrapped, PROMPT, MASK, max_new_tokens=8)},
    )
    ours, by_hand = costs["ours"], costs["hand"]
    baseline = ("by hand", by_hand.median)
    rows.append(row("generate", "SDK and batch processor, median", ours.median, "us", goal=200, over=baseline))
    rows.append(row("generate", "SDK and batch processor, p95", ours.p95, "us", over=("by hand", by_hand.p95)))
    rows.append(row("generate", "the same spans and histograms by hand, median", by_hand.median, "us"))
    rows.append(row("generate", "median, as a ratio to by hand", ours.median / by_hand.median, "x", goal=1.2))
    rows.extend(_steps(plain, generate))
    rows.extend(_tokenizer(traces, tokenizer, plain_call))
    rows.extend(_memory(generate))
    instrumentor.uninstrument()
    traces.shutdown()
    metrics.shutdown()
    return rows


def _steps(plain: Any, generate: Any) -> list[Row]:
    short = GenerationMixin.steps
    few = extra_costs(plain, {"ours": generate})["ours"]
    GenerationMixin.steps = LONG
    many = extra_costs(plain, {"ours": generate})["ours"]
    GenerationMixin.steps = short
    each = (many.median - few.median) / (LONG - short)
    return [row("generate", f"each decode step, of {LONG}", each, "us", goal=5)]


def _tokenizer(traces: TracerProvider, tokenizer: Any, plain_call: Any) -> list[Row]:
    def plain() -> Any:
        return plain_call(tokenizer, "text")

    def call() -> Any:
        return tokenizer("text")

    alone = extra_costs(plain, {"ours": call})["ours"]
    with trace.use_span(traces.get_tracer("request").start_span("request"), end_on_exit=True):
        inside = extra_costs(plain, {"ours": call})["ours"]
    return [
        row("tokenizer", "metrics, median", alone.median, "us", goal=10),
        row("tokenizer", "metrics, p95", alone.p95, "us"),
        row("tokenizer", "metrics and a span in a recorded trace, median", inside.median, "us"),
    ]


def _memory(generate: Any) -> list[Row]:
    process = psutil.Process()
    for _ in range(WARM):
        generate()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(MANY):
        generate()
    gc.collect()
    growth = (process.memory_info().rss - before) / 2**20
    return [row("memory", f"growth over {MANY} requests, after {WARM}", growth, "MiB", goal=1)]
