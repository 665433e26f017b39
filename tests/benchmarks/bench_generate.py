"""What observing ``generate`` and tokenizer calls costs on top of the library: a stub that itself costs nothing."""

import gc
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import psutil
from by_hand import ByHand
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rows import Row, extra_costs, row

from paddle_otel.paddleformers import PaddleFormersInstrumentor
from stub_library import Stub, installed, make_stub, module, tokenizer_of
from stubs.tensors import StubTensor

STEPS = 8
COLUMNS = 32
LONG = 1000
MANY = 100_000
WARM = 20_000
LIBRARY = "paddleformers"


class _Discard(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - thrown away
        """Take the spans and forget them."""
        return SpanExportResult.SUCCESS


def run() -> list[Row]:
    """Measure everything in this process.

    Returns:
        The rows of the table.
    """
    with installed():
        return _measured()


def _measured() -> list[Row]:
    plain_generate = _own(module(f"{LIBRARY}.generation.utils").GenerationMixin, "generate")
    tokenizer = _tokenizer_that_costs_nothing()
    plain_call = _own(module(f"{LIBRARY}.transformers.tokenizer_utils").PaddleTokenizerMixin, "__call__")
    instrumentor = PaddleFormersInstrumentor()
    stub = make_stub(LIBRARY, steps=STEPS, columns=COLUMNS)
    generate, plain = _observed_and_plain(stub, plain_generate)

    rows: list[Row] = []
    instrumentor.instrument()
    idle = extra_costs(plain, {"idle": generate})["idle"]
    rows.append(row("generate", "no SDK, median", idle.median, "us", goal=10))
    rows.append(row("generate", "no SDK, p95", idle.p95, "us"))
    instrumentor.uninstrument()

    traces = TracerProvider(shutdown_on_exit=False)
    metrics = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    traces.add_span_processor(BatchSpanProcessor(_Discard()))
    hand = ByHand(traces, metrics, stub, plain_generate)
    instrumentor.instrument(tracer_provider=traces, meter_provider=metrics)
    costs = extra_costs(plain, {"ours": generate, "hand": lambda: hand.generate(max_new_tokens=STEPS)})
    ours, by_hand = costs["ours"], costs["hand"]
    baseline = ("by hand", by_hand.median)
    rows.append(row("generate", "SDK and batch processor, median", ours.median, "us", goal=200, over=baseline))
    rows.append(row("generate", "SDK and batch processor, p95", ours.p95, "us", over=("by hand", by_hand.p95)))
    rows.append(row("generate", "the same spans and histograms by hand, median", by_hand.median, "us"))
    rows.append(row("generate", "median, as a ratio to by hand", ours.median / by_hand.median, "x", goal=1.2))
    rows.extend(_steps(plain_generate, ours.median))
    rows.extend(_tokenizer(traces, metrics, tokenizer, plain_call))
    rows.extend(_memory(generate))
    instrumentor.uninstrument()
    traces.shutdown()
    metrics.shutdown()
    return rows


def _own(kind: type[Any], name: str) -> Any:
    return kind.__dict__[name]  # the function itself, which stays as it is when the class is patched


def _tokenizer_that_costs_nothing() -> Any:
    def encode(_: Any, *__: Any, **___: Any) -> list[int]:
        return list(range(COLUMNS))

    # An encode of its own, so that the plain call has nothing observed inside it.
    kind = cast("type[Any]", type(tokenizer_of(LIBRARY)))
    return type("Tokenizer", (kind,), {"encode": encode})()


def _observed_and_plain(stub: Stub, plain_generate: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    model, ids, mask = stub.model, stub.input_ids, StubTensor(np.ones((1, COLUMNS), dtype=np.int64))
    return (
        lambda: model.generate(ids, attention_mask=mask, max_new_tokens=STEPS),
        lambda: plain_generate(model, ids, attention_mask=mask, max_new_tokens=STEPS),
    )


def _steps(plain_generate: Any, few: float) -> list[Row]:
    generate, plain = _observed_and_plain(make_stub(LIBRARY, steps=LONG, columns=COLUMNS), plain_generate)
    many = extra_costs(plain, {"ours": generate})["ours"]
    return [row("generate", f"each decode step, of {LONG}", (many.median - few) / (LONG - STEPS), "us", goal=5)]


def _tokenizer(traces: TracerProvider, metrics: MeterProvider, tokenizer: Any, plain_call: Any) -> list[Row]:
    text = "a text of several words"

    def plain() -> Any:
        return plain_call(tokenizer, text)

    def call() -> Any:
        return tokenizer(text)

    alone = extra_costs(plain, {"ours": call})["ours"]
    metrics.force_flush()  # values wait for the next collection
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
