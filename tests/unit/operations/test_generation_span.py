"""The span of a generation and its children: exact names, values, types and times."""

import threading
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

from observed import OUTPUT, Generations, telemetry_on, telemetry_to
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.settings import Settings
from paddle_otel.version import VERSION
from recording import Recorder

RESPONSE = GenerationResponse(input_tokens=7, sequences_output_tokens=(3,), finish_reasons=("stop",))


@pytest.fixture
def generations(recorder: Recorder) -> Generations:
    """Generations on the recorder."""
    return Generations(telemetry_on(recorder))


def seconds_between(first: int | None, second: int | None) -> float:
    """Return the time between two span times."""
    assert first is not None
    assert second is not None
    return (second - first) / 1e9


def exact_types(span: ReadableSpan) -> dict[str, type]:
    """Return the type of every attribute value, of a sequence's elements too."""
    return {
        key: type(value[0]) if isinstance(value, tuple) and value else type(value)
        for key, value in (span.attributes or {}).items()
    }


def test_span_of_a_success(recorder: Recorder, generations: Generations) -> None:
    """Everything that is known is there under its name with its type; the status stays unset."""
    generation = generations.start(
        stream=True,
        single_sequence=True,
        sequences=1,
        attributes={"gen_ai.request.temperature": 0.5, "paddle.batch_size": 1},
        cache_bytes_per_token=100,
        prompt_columns=7,
    )
    for _ in range(3):
        generation.step()
    generation.finish(lambda: RESPONSE)
    span = recorder.span("chat Qwen2-0.5B")
    assert span.attributes is not None
    found = dict(span.attributes)
    first_token = found.pop("paddle.time_to_first_token")
    per_token = found.pop("paddle.time_per_output_token")
    assert found.pop("gen_ai.response.time_to_first_chunk") == first_token
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "Qwen2-0.5B",
        "gen_ai.response.model": "Qwen2-0.5B",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "paddle.batch_size": 1,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.response.finish_reasons": ("stop",),
        "paddle.sequences.output_tokens": (3,),
        "paddle.kv_cache.size": 900,
    }
    assert isinstance(first_token, float)
    assert isinstance(per_token, float)
    assert 0 < first_token < seconds_between(span.start_time, span.end_time)
    types = exact_types(span)
    assert types["gen_ai.usage.input_tokens"] is types["paddle.sequences.output_tokens"] is int
    assert types["gen_ai.request.stream"] is bool
    assert (span.status.status_code, span.kind) == (StatusCode.UNSET, SpanKind.INTERNAL)
    assert span.events == ()


def test_the_instrumentation_scope(recorder: Recorder, generations: Generations) -> None:
    """Spans carry the scope's name, this package's version and the version of the conventions."""
    generations.run(0, GenerationResponse())
    scope = recorder.span("chat Qwen2-0.5B").instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url) == ("a.test", VERSION, SCHEMA_URL)


def test_unknown_is_absent(recorder: Recorder, generations: Generations) -> None:
    """A generation of which nothing is known has three attributes, no children and the bare name."""
    generations.run(0, GenerationResponse(), operation="text_completion", model=None)
    span = recorder.span("text_completion")
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "paddlepaddle",
    }
    assert recorder.spans() == [span]


def test_children_lie_inside_their_parent(recorder: Recorder, generations: Generations) -> None:
    """``prefill`` and ``decode`` follow each other without a gap, from the parent's start to its end."""
    generations.run(4, RESPONSE)
    parent, prefill, decode = (recorder.span(name) for name in ("chat Qwen2-0.5B", "prefill", "decode"))
    assert parent.context is not None
    assert recorder.children(parent) == [prefill, decode]
    assert parent.start_time == prefill.start_time
    assert prefill.end_time == decode.start_time
    assert decode.end_time == parent.end_time
    assert seconds_between(prefill.start_time, prefill.end_time) > 0
    assert seconds_between(decode.start_time, decode.end_time) > 0
    assert {s.context.trace_id for s in (prefill, decode) if s.context} == {parent.context.trace_id}
    assert not prefill.attributes
    assert not decode.attributes


def test_one_step_is_a_prefill_only(recorder: Recorder, generations: Generations) -> None:
    """With one step there is nothing to decode after it, and no time per token."""
    generations.run(1, RESPONSE)
    parent = recorder.span("chat Qwen2-0.5B")
    assert [span.name for span in recorder.children(parent)] == ["prefill"]
    assert "paddle.time_per_output_token" not in (parent.attributes or {})
    assert "gen_ai.response.time_to_first_chunk" not in (parent.attributes or {}), "the call did not stream"


def test_the_span_belongs_to_the_caller_s_and_comes_off(recorder: Recorder, generations: Generations) -> None:
    """It is a child of the caller's span, current inside, and afterwards the caller's span is current again."""
    tracer = recorder.tracer_provider.get_tracer("user")
    with tracer.start_as_current_span("request") as request:
        generation = generations.start()
        with tracer.start_as_current_span("inside"):
            assert current_generation() is generation
        generation.finish(lambda: RESPONSE)
        assert trace.get_current_span() is request
        assert current_generation() is None
    parent = recorder.span("chat Qwen2-0.5B")
    assert recorder.children(recorder.span("request")) == [parent]
    assert [span.name for span in recorder.children(parent)] == ["inside"]


class OwnError(Exception):
    """An error of the user's, not of builtins."""


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ValueError("the prompt"), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit"),
        (GeneratorExit(), "GeneratorExit"),
        (OwnError("the prompt"), f"{__name__}.OwnError"),
    ],
)
def test_span_of_a_failure(recorder: Recorder, generations: Generations, error: BaseException, name: str) -> None:
    """Status ERROR and ``error.type``; what is known stays; no message, no event, no time per token."""
    generation = generations.start(sequences=2, single_sequence=False)
    generation.step()
    generation.step()
    generation.fail(error, lambda: GenerationResponse(input_tokens=9))
    span = recorder.span("chat Qwen2-0.5B")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, name)
    attributes = dict(span.attributes or {})
    assert attributes.pop("paddle.time_to_first_token")
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "Qwen2-0.5B",
        "gen_ai.response.model": "Qwen2-0.5B",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.response.finish_reasons": ("error", "error"),
        "error.type": name,
    }
    assert span.events == ()
    assert "the prompt" not in span.to_json()
    assert [child.name for child in recorder.children(span)] == ["prefill", "decode"]
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert current_generation() is None


def test_not_sampled_means_no_spans_but_all_metrics() -> None:
    """A trace that is not sampled has no children either; the metrics are complete."""
    recorder = Recorder(sampler=ALWAYS_OFF)
    Generations(telemetry_on(recorder)).run(3, RESPONSE)
    assert recorder.spans() == []
    assert recorder.point("gen_ai.client.operation.duration").count == 1
    assert recorder.point("gen_ai.server.time_to_first_token").count == 1
    assert recorder.point("gen_ai.client.token.usage", **OUTPUT).value == 3


def test_without_an_sdk(caplog: pytest.LogCaptureFixture) -> None:
    """With the API's no-op providers a generation runs through and says nothing."""
    generations = Generations(telemetry_to(NoOpTracerProvider(), NoOpMeterProvider()))
    generations.run(2, RESPONSE)
    generations.start().fail(ValueError(), GenerationResponse)
    assert caplog.records == []
    assert current_generation() is None


def test_span_kind_client(recorder: Recorder) -> None:
    """One setting makes generations client spans; their children stay internal."""
    Generations(telemetry_on(recorder, Settings(generation_span_kind="client"))).run(2, RESPONSE)
    kinds = {span.name: span.kind for span in recorder.spans()}
    assert kinds == {
        "prefill": SpanKind.INTERNAL,
        "decode": SpanKind.INTERNAL,
        "chat Qwen2-0.5B": SpanKind.CLIENT,
    }


def test_eight_threads_keep_their_own_spans(recorder: Recorder, generations: Generations) -> None:
    """Generations at the same time each have their caller as parent, their own children and their own counts."""
    tracer = recorder.tracer_provider.get_tracer("user")
    together = threading.Barrier(8)
    wrong = list[Any]()

    def serve(number: int) -> None:
        for round_ in range(20):
            name = f"{number}.{round_}"
            with tracer.start_as_current_span(f"request {name}"):
                generation = generations.start(model=name)
                together.wait(10)
                for _ in range(number + 2):
                    generation.step()
                    if current_generation() is not generation:
                        wrong.append(name)
                generation.finish(lambda: GenerationResponse(number, (number,), ("stop",)))

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    for request in [span for span in recorder.spans() if span.name.startswith("request")]:
        (span,) = recorder.children(request)
        assert span.name == request.name.replace("request", "chat")
        assert (span.attributes or {})["gen_ai.usage.input_tokens"] == int(span.name[5])
        assert [child.name for child in recorder.children(span)] == ["prefill", "decode"]
