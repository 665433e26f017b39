"""When nothing is reported: no SDK yet, suppressed, switched off; in threads and forked children; and broken."""

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from context_leaks import nothing_left_in_the_context
from end_to_end.running import environment
from forked import in_child
from global_sdk import globally, no_sdk
from observed import OUTPUT, raising
from paddle_otel.operations import (
    ObservedGeneration,
    observe_generation,
    observe_prediction,
    observe_reporting,
    observed_generation,
)
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.observe_steps import CountedGeneration, ToldSteps
from paddle_otel.operations.prediction_metrics import PredictionMetrics
from recording import Recorder

__all__ = ["globally", "no_sdk", "nothing_left_in_the_context"]

SECRET = "the user's prompt"
UNOBSERVED = observed_generation()


def run_both() -> None:
    """Report a generation and a prediction."""
    with observe_generation("m", input_tokens=2, batch_size=1) as generation, observe_prediction("p") as prediction:
        generation.step()
        generation.finish("stop")
        prediction.set_batch_size(1)


@pytest.mark.usefixtures("no_sdk")
def test_without_an_sdk() -> None:
    """Blocks and what they give can be used all the same, and nothing is current."""
    with observe_generation("m") as generation:
        assert isinstance(generation, ObservedGeneration)
        assert observed_generation() is generation
        assert current_generation() is None
        generation.step()
        generation.set_model("m")
        generation.set_input_tokens(1)
        generation.finish("stop", output_tokens=1)
    run_both()


LATER = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from paddle_otel.operations import observe_generation

@observe_generation("m")
def answer():
    yield from "ab"

begun = answer()
next(begun)
list(answer())
exporter, reader, provider = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))
list(begun)
list(answer())
print([span.name for span in exporter.get_finished_spans()])
print(sorted((m.name, [getattr(p, "value", None) or p.sum for p in m.data.data_points])
    for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics
    if m.name in ("paddle.tokens", "gen_ai.client.token.usage")))
"""


def test_an_sdk_that_is_set_later() -> None:
    """What begins after the SDK is set is reported, by functions that were decorated and called before."""
    done = subprocess.run([sys.executable, "-c", LATER], env=environment(), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "['prefill', 'decode', 'text_completion m']",
        "[('gen_ai.client.token.usage', [2]), ('paddle.tokens', [2])]",
    ]


def test_suppressed(globally: Recorder) -> None:
    """Where instrumentation is suppressed nothing is reported, and outside it is again."""
    with suppress_instrumentation():
        run_both()
    assert globally.spans() == []
    assert globally.metrics() == {}
    run_both()
    assert globally.span("text_completion m")


def test_switched_off(globally: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """``PADDLE_OTEL_ENABLED=false`` switches this off, too."""
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", "false")
    run_both()
    run_both()
    assert globally.spans() == []
    assert globally.metrics() == {}


@pytest.mark.usefixtures("no_sdk")
def test_a_disabled_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``OTEL_SDK_DISABLED`` nothing is measured."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider())
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", MeterProvider())
    with observe_generation("m"):
        assert current_generation() is None


@pytest.mark.usefixtures("no_sdk")
def test_traces_alone_are_enough(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    """An SDK without metrics gets its spans."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorder.tracer_provider)
    run_both()
    assert recorder.span("text_completion m")


def test_client_spans(globally: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting for the kind of generation spans holds here as well."""
    monkeypatch.setenv("PADDLE_OTEL_GENERATION_SPAN_KIND", "client")
    run_both()
    assert globally.span("text_completion m").kind is trace.SpanKind.CLIENT


def test_threads(globally: Recorder) -> None:
    """Sixteen threads at once: every generation and every token is counted once."""
    barrier = threading.Barrier(16)

    @observe_generation("m", batch_size=1)
    def answer() -> int:
        for _ in range(50):
            observed_generation().step()
        return 1

    def work() -> None:
        barrier.wait()
        for _ in range(5):
            answer()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = globally.spans("text_completion m")
    assert len(spans) == 80
    assert [(span.attributes or {})["gen_ai.usage.output_tokens"] for span in spans] == [50] * 80
    assert {span.parent for span in spans} == {None}
    assert globally.point("paddle.tokens", **OUTPUT).value == 4000
    assert globally.point("paddle.request.active").value == 0


def test_steps_from_another_thread(globally: Recorder) -> None:
    """A step that another thread reports is counted, though only one thread is asked to."""
    with observe_generation("m") as generation:
        thread = threading.Thread(target=lambda: [generation.step() for _ in range(100)])
        thread.start()
        thread.join()
    assert (globally.span("text_completion m").attributes or {})["gen_ai.usage.output_tokens"] == 100


def test_a_forked_child(globally: Recorder) -> None:
    """A child reports its own tokens, not its parent's, also while the parent is in the middle of a generation."""

    def child() -> bool:
        with observe_generation("child") as generation:
            generation.step(3)
        points = {p.attributes["gen_ai.request.model"]: p.value for p in globally.points("paddle.tokens")}
        return points.get("child") == 3 and "parent" not in points

    with observe_generation("before") as generation:
        generation.step()
    assert in_child(child) == 0
    with observe_generation("parent") as generation:
        generation.step()

        def inside() -> bool:
            generation.step()
            return all(p.attributes["gen_ai.request.model"] != "parent" for p in globally.points("paddle.tokens"))

        assert in_child(inside) == 0
    assert globally.point("paddle.tokens", gen_ai__request__model="parent").value == 1


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("observe_generation", {"model": 3}, "model"),
    ("observe_generation", {"operation": "sing"}, "operation"),
    ("observe_generation", {"input_tokens": -1}, "input_tokens"),
    ("observe_generation", {"input_tokens": True}, "input_tokens"),
    ("observe_generation", {"batch_size": 0}, "batch_size"),
    ("observe_generation", {"batch_size": 2.0}, "batch_size"),
    ("observe_generation", {"choices": "two"}, "choices"),
    ("observe_generation", {"max_tokens": float("nan")}, "max_tokens"),
    ("observe_generation", {"temperature": float("nan")}, "temperature"),
    ("observe_generation", {"temperature": float("inf")}, "temperature"),
    ("observe_generation", {"top_p": -0.5}, "top_p"),
    ("observe_generation", {"top_p": True}, "top_p"),
    ("observe_generation", {"top_k": object()}, "top_k"),
    ("observe_generation", {"seed": [1]}, "seed"),
    ("observe_generation", {"device": 0}, "device"),
    ("observe_generation", {"dtype": ""}, "dtype"),
    ("observe_prediction", {"model": b"m"}, "model"),
    ("observe_prediction", {"batch_size": -1}, "batch_size"),
    ("observe_prediction", {"input_tokens": "3"}, "input_tokens"),
    ("observe_prediction", {"device": 0}, "device"),
]
OBSERVERS: dict[str, Any] = {"observe_generation": observe_generation, "observe_prediction": observe_prediction}


@pytest.mark.parametrize(("observer", "arguments", "what"), WRONG)
def test_a_wrong_argument(
    globally: Recorder, caplog: pytest.LogCaptureFixture, observer: str, arguments: dict[str, Any], what: str
) -> None:
    """It is left out and logged once with its name, without its value; the rest is reported."""
    for _ in range(2):
        with OBSERVERS[observer](**arguments):
            pass
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"paddle_otel.operations: {what} ")
    spans = globally.spans()
    assert len(spans) == 2
    with OBSERVERS[observer]():
        pass
    assert dict(globally.spans()[-1].attributes or {}) == dict(spans[0].attributes or {})


SAID_WRONGLY: list[tuple[Callable[[ObservedGeneration], None], str]] = [
    (lambda g: g.step(-1), "step(tokens=...)"),
    (lambda g: g.step(1.5), "step(tokens=...)"),  # type: ignore[arg-type]
    (lambda g: g.step(float("nan")), "step(tokens=...)"),  # type: ignore[arg-type]
    (lambda g: g.step([1]), "step(tokens=...)"),  # type: ignore[arg-type]
    (lambda g: g.set_input_tokens(-1), "set_input_tokens(...)"),
    (lambda g: g.set_model(3), "model"),  # type: ignore[arg-type]
    (lambda g: g.finish(7), "finish(...)"),  # type: ignore[arg-type]
    (lambda g: g.finish("stop", 7), "finish(...)"),  # type: ignore[arg-type]
    (lambda g: g.finish(output_tokens=-1), "finish(output_tokens=...)"),
    (lambda g: g.finish(output_tokens=[1, -1]), "finish(output_tokens=...)"),
    (lambda g: g.finish(output_tokens={1, 2}), "finish(output_tokens=...)"),  # type: ignore[arg-type]
    (lambda g: [g.step(0), g.step(), g.set_model("late")][0], "set_model"),
]


@pytest.mark.parametrize(("say", "what"), SAID_WRONGLY)
def test_what_is_said_wrongly(
    globally: Recorder, caplog: pytest.LogCaptureFixture, say: Callable[[ObservedGeneration], None], what: str
) -> None:
    """It is left out and logged once with the call's name; nothing is raised."""
    for _ in range(2):
        with observe_generation("m", batch_size=2) as generation:
            say(generation)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"paddle_otel.operations: {what} ")
    found = dict(globally.spans("text_completion m")[0].attributes or {})
    assert "gen_ai.usage.input_tokens" not in found
    assert "gen_ai.response.finish_reasons" not in found
    assert "paddle.sequences.output_tokens" not in found
    assert found.get("gen_ai.usage.output_tokens") == (1 if what == "set_model" else None)


def test_a_tensor_is_never_read(globally: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """What would be copied from a device to become a number is left out untouched."""

    class Tensor:
        def _copied(self, *_: object) -> Any:
            raise AssertionError

        __int__ = __index__ = __float__ = __bool__ = __len__ = __iter__ = __eq__ = __lt__ = __ge__ = _copied  # type: ignore[assignment]
        __hash__ = None  # type: ignore[assignment]

    tensor: Any = Tensor()
    with observe_generation("m", input_tokens=tensor, temperature=tensor) as generation:
        generation.step(tensor)
        generation.set_input_tokens(tensor)
        generation.finish(tensor, output_tokens=tensor)
    assert globally.span("text_completion m")
    assert len(caplog.records) == 6


class BrokenProcessor(SpanProcessor):
    """A span processor of the user's that raises."""

    def __init__(self, when: str) -> None:
        setattr(self, when, raising(RuntimeError(SECRET)))


@pytest.mark.parametrize("when", ["on_start", "on_end"])
def test_a_broken_span_processor(
    globally: Recorder, caplog: pytest.LogCaptureFixture, telemetry_trouble: Any, when: str
) -> None:
    """The program goes on; what was broken is logged without what it quotes."""
    telemetry_trouble.expected = True
    globally.tracer_provider.add_span_processor(BrokenProcessor(when))
    for _ in range(2):
        run_both()
    messages = [record.getMessage() for record in caplog.records if record.name == "paddle_otel"]
    assert len(messages) == len(set(messages)) == 2
    assert not any(SECRET in message for message in messages)
    assert trace.get_current_span() is trace.INVALID_SPAN


BROKEN: list[tuple[Any, str]] = [
    (observe_reporting, "_first"),
    (CountedGeneration, "enter"),
    (CountedGeneration, "live_output_tokens"),
    (CountedGeneration, "count_step"),
    (CountedGeneration, "finish"),
    (CountedGeneration, "fail"),
    (ToldSteps, "timing"),
    (GenerationMetrics, "started"),
    (GenerationMetrics, "stopped"),
    (GenerationMetrics, "record"),
    (PredictionMetrics, "record"),
    (ObservedGeneration, "response"),
]


@pytest.mark.usefixtures("globally")
@pytest.mark.parametrize(("owner", "name"), BROKEN)
def test_a_bug_of_ours(monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any, owner: Any, name: str) -> None:
    """Whichever of our methods raises, results and errors are the program's own."""
    telemetry_trouble.expected = True
    broken: Any = raising(RuntimeError(SECRET))
    monkeypatch.setattr(owner, name, property(broken) if name.endswith("tokens") else broken)

    @observe_generation("m")
    def answer() -> Any:
        observed_generation().step()
        yield from "ab"

    error = ValueError()
    for _ in range(2):
        run_both()
        assert list(answer()) == ["a", "b"]
        with pytest.raises(ValueError) as caught, observe_generation("m"), observe_prediction("p"):  # noqa: PT011 - the very error, below
            raise error
        assert caught.value is error
    assert telemetry_trouble.sites
    assert observed_generation() is UNOBSERVED
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_broken_log_handler(globally: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose logging raises is not disturbed by what is logged about it."""
    monkeypatch.setattr("paddle_otel.operations.observe_values._logger.warning", raising(RuntimeError()))
    with observe_generation("m", batch_size=-1) as generation:
        generation.step()
    assert globally.span("text_completion m")


def test_ended_spans_are_ended_once(globally: Recorder) -> None:
    """Each span is exported once, also when the block is left twice."""
    ended = list[ReadableSpan]()

    class Counting(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            ended.append(span)

    globally.tracer_provider.add_span_processor(Counting())
    block = observe_generation("m")
    with block:
        pass
    block.__exit__(None, None, None)
    assert len(ended) == 1
