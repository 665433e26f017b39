"""Measures what observing predictions, forwards, pipelines and a program's own loops costs; writes rows as JSON."""

import gc
import importlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
from by_hand_predict import ByHand
from exported_network import Way, executor_way, export, layer_way, predictor_way
from forward_network import forward_ways
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rows import MICROSECONDS, Row, extra_costs, row

from paddle_otel.decorators.generators import observed_generator
from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_otel.operations import observe_generation
from paddle_otel.operations.pipeline import PipelineRequest, Pipelines
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.paddleformers import PaddleFormersInstrumentor
from paddle_otel.paddlex.pipeline_call import ObservedCall
from paddle_otel.settings import Settings

MANY: Final = 100_000
WARM: Final = 20_000
EACH_COLLECTION: Final = 10_000
SUSTAINED: Final = 40_000
COLLECTED: Final = 8_000
VALUES: Final = 200


class _Discard(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - thrown away
        """Take the spans and forget them."""
        return SpanExportResult.SUCCESS


class _Sdk:
    """An SDK whose spans are thrown away, and which collects when asked to."""

    def __init__(self) -> None:
        self.traces = TracerProvider(shutdown_on_exit=False)
        self.traces.add_span_processor(BatchSpanProcessor(_Discard()))
        self._reader = InMemoryMetricReader()
        self.metrics = MeterProvider([self._reader], shutdown_on_exit=False)
        self.tracer = self.traces.get_tracer("bench")
        self.by_hand = ByHand(self.traces, self.metrics)

    @property
    def providers(self) -> dict[str, Any]:
        """Keyword arguments for ``instrument()``."""
        return {"tracer_provider": self.traces, "meter_provider": self.metrics}

    def collect(self) -> None:
        """Take what was measured and forget it."""
        self._reader.get_metrics_data()

    def in_a_trace(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call below a recorded span."""
        parent = self.tracer.start_span("request")

        def observed() -> Any:
            with trace.use_span(parent):
                return call()

        return observed


def _measured() -> list[Row]:
    importlib.import_module("paddleformers.transformers.model_utils")
    gc.collect()
    gc.freeze()  # each timing begins with a collection, which would go through all of Paddle's objects
    sdk = _Sdk()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = export(Path(folder))
        predictor = _switched_on(sdk, path, predictor_way)
        rows += [_disabled(predictor), _without_sdk(predictor)]
        PaddleInferenceInstrumentor().instrument(**sdk.providers)
        rows += _way(sdk, predictor)
        rows += [_suppressed(predictor), _sustained(sdk, predictor), _while_collecting(sdk, predictor)]
        rows.append(_growth(sdk, predictor.observed))
        rows += _forwards(sdk)
        rows += [_pipeline(sdk), *_own_loop(sdk)]
        PaddleInferenceInstrumentor().uninstrument()
        for make in (layer_way, executor_way):
            way = _switched_on(sdk, path, make)
            rows.append(_disabled(way))
            PaddleInferenceInstrumentor().instrument(**sdk.providers)
            rows += _way(sdk, way)
            PaddleInferenceInstrumentor().uninstrument()
    return rows


def _switched_on(sdk: _Sdk, path: Path, make: Callable[[Path], Way]) -> Way:
    # Made while switched on, as its model is then known by name.
    PaddleInferenceInstrumentor().instrument(**sdk.providers)
    way = make(path)
    PaddleInferenceInstrumentor().uninstrument()
    return way


def _disabled(way: Way) -> Row:
    os.environ["PADDLE_OTEL_ENABLED"] = "false"
    PaddleInferenceInstrumentor().instrument()
    cost = extra_costs(way.plain, {"off": way.observed})["off"].median
    PaddleInferenceInstrumentor().uninstrument()
    del os.environ["PADDLE_OTEL_ENABLED"]
    return row("predict", f"{way.title}, PADDLE_OTEL_ENABLED=false, median", cost, "us", goal=2)


def _without_sdk(way: Way) -> Row:
    PaddleInferenceInstrumentor().instrument()
    cost = extra_costs(way.plain, {"idle": way.observed})["idle"].median
    PaddleInferenceInstrumentor().uninstrument()
    return row("predict", f"{way.title}, no SDK, median", cost, "us", goal=10)


def _way(sdk: _Sdk, way: Way) -> list[Row]:
    ways = {
        "no span": way.observed,
        "timed": way.timed,
        "histogram by hand": sdk.by_hand.timed(way.plain),
        **({} if way.least is None else {"least": way.least}),
        "plain below a span": sdk.in_a_trace(way.plain),
        "span": sdk.in_a_trace(way.observed),
        "hand": sdk.in_a_trace(sdk.by_hand.around(way.plain)),
    }
    sdk.collect()  # values wait for the next collection, and those of one comparison fit
    costs = extra_costs(way.plain, ways)
    above = costs["plain below a span"].median
    span, hand = costs["span"].median - above, costs["hand"].median - above
    return [
        row("predict", f"{way.title}, plain, mean", _mean(way.plain), "us"),
        row(
            "predict",
            f"{way.title}, no span due, median",
            costs["no span"].median,
            "us",
            goal=15,
            over=("by hand", hand),
        ),
        row("predict", f"{way.title}, a histogram by hand, median", costs["histogram by hand"].median, "us"),
        row("predict", f"{way.title}, a wrapper that reads the clock, median", costs["timed"].median, "us"),
        *(
            [row("predict", f"{way.title}, observed by one function, median", costs["least"].median, "us")]
            if "least" in costs
            else []
        ),
        row("predict", f"{way.title}, with a span, median", span, "us", goal=70, over=("by hand", hand)),
        row("predict", f"{way.title}, a span and a histogram by hand, median", hand, "us"),
    ]


def _mean(call: Callable[[], Any]) -> float:
    return -extra_costs(call, {"nothing": lambda: None})["nothing"].median


def _suppressed(way: Way) -> Row:
    with suppress_instrumentation():
        cost = extra_costs(way.plain, {"off": way.observed})["off"].median
    return row("predict", f"{way.title}, inside suppress_instrumentation(), median", cost, "us", goal=2)


def _sustained(sdk: _Sdk, way: Way) -> Row:
    for _ in range(SUSTAINED):
        way.observed()  # more than wait for a collection: what comes is recorded at once
    cost = extra_costs(way.plain, {"full": way.observed})["full"].median
    sdk.collect()
    return row("predict", f"{way.title}, no span due, {SUSTAINED} since a collection", cost, "us")


def _while_collecting(sdk: _Sdk, way: Way) -> Row:
    sdk.collect()
    for _ in range(COLLECTED):
        way.observed()
    collecting = threading.Thread(target=sdk.collect)
    seconds: list[float] = []
    collecting.start()
    while collecting.is_alive():
        before = time.perf_counter()
        way.plain()
        seconds.append(time.perf_counter() - before)
    collecting.join()
    slowest = statistics.quantiles(seconds, n=100)[-1] * MICROSECONDS
    return row("predict", f"{way.title}, plain, p99 while {COLLECTED} are collected", slowest, "us")


def _growth(sdk: _Sdk, call: Callable[[], Any]) -> Row:
    process = psutil.Process()

    def run_for(times: int) -> int:
        for number in range(times):
            call()
            if number % EACH_COLLECTION == 0:
                sdk.collect()
        gc.collect()
        return process.memory_info().rss

    before = run_for(WARM)
    growth = (run_for(MANY) - before) / 2**20
    return row("memory", f"growth over {MANY} predictions, after {WARM}", growth, "MiB", goal=1)


def _forwards(sdk: _Sdk) -> list[Row]:
    instrumentor = PaddleFormersInstrumentor()
    instrumentor.instrument(**sdk.providers)
    rows: list[Row] = []
    for title, goal, observed, plain in forward_ways():
        sdk.collect()
        cost = extra_costs(plain, {"ours": observed})["ours"].median
        rows.append(row("forward", f"{title}, median", cost, "us", goal=goal))
    instrumentor.uninstrument()
    return rows


def _values() -> Generator[int, None, None]:
    yield from range(VALUES)


def _pipeline(sdk: _Sdk) -> Row:
    pipelines = Pipelines(Telemetry("bench", sdk.traces, sdk.metrics, Settings()))

    def start() -> ObservedCall | None:
        call = pipelines.start(PipelineRequest("OCR", "paddlex"))
        return None if call is None else ObservedCall(call)

    def observed() -> None:
        for _ in observed_generator(_values(), start):
            pass

    def plain() -> None:
        for _ in _values():
            pass

    cost = extra_costs(plain, {"ours": observed})["ours"].median
    return row("pipeline", f"each next() of a generator, of {VALUES}", cost / VALUES, "us", goal=10)


def _own_loop(sdk: _Sdk) -> list[Row]:
    # This and only this reports to the global providers; it is done before Paddle is switched to static mode.
    trace.set_tracer_provider(sdk.traces)
    observe = partial(observe_generation, "small", device="cpu")

    def loop(steps: int) -> None:
        with observe() as generation:
            for _ in range(steps):
                generation.step()

    def plain(steps: int) -> None:
        for _ in range(steps):
            pass

    few = extra_costs(lambda: plain(2), {"ours": lambda: loop(2)})["ours"].median
    many = extra_costs(lambda: plain(VALUES), {"ours": lambda: loop(VALUES)})["ours"].median
    return [
        row("own loop", "observe_generation, 2 steps, median", few, "us", goal=200),
        row("own loop", f"each reported step, of {VALUES}", (many - few) / (VALUES - 2), "us", goal=5),
    ]


def main() -> None:
    """Measure and write the rows as one line."""
    sys.stdout.write(f"\n{json.dumps(_measured())}\n")


if __name__ == "__main__":
    main()
