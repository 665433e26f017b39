"""The billing record: one event for each request that ended, with the numbers of its span and of the counter."""

import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

import pytest
from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from observed import LABELS, RESPONSE, SCOPE, Generations, raising
from paddle_otel.identity import Identity, identify
from paddle_otel.operations import usage
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.usage import emit_prediction_usage
from paddle_otel.settings import Settings
from recording import Recorder

EVENT: Final = "paddle.usage"
INPUT: Final = "gen_ai.usage.input_tokens"
OUTPUT: Final = "gen_ai.usage.output_tokens"


def reporting_to(recorder: Recorder, settings: Settings | None = None) -> Generations:
    """Return generations whose spans, metrics and events go to a recorder."""
    return Generations(
        Telemetry(
            SCOPE, recorder.tracer_provider, recorder.meter_provider, settings or Settings(), recorder.logger_provider
        )
    )


@pytest.fixture
def generations(recorder: Recorder) -> Generations:
    """Generations whose events are recorded."""
    return reporting_to(recorder)


def said(recorder: Recorder) -> Mapping[str, Any]:
    """Return the attributes of the one event."""
    return dict(recorder.event(EVENT).attributes or {})


def counted(recorder: Recorder) -> dict[str, float]:
    """Return the counter by token type."""
    totals = {"input": 0.0, "output": 0.0}
    for point in recorder.points("paddle.tokens"):
        totals[point.attributes["gen_ai.token.type"]] += point.value
    return totals


def test_everything_that_a_success_says(recorder: Recorder, generations: Generations) -> None:
    """Exactly these attributes, of exactly these types; its severity, its time, no body."""
    before = time.time_ns()
    with identify(request="r-1", session="s-1", user="u-1", tenant="acme"):
        generations.run(3, RESPONSE, single_sequence=True, sequences=1)
    record = recorder.event(EVENT)
    attributes: dict[str, Any] = dict(record.attributes or {})
    times = {key: attributes.pop(key) for key in ("paddle.usage.duration", "paddle.time_to_first_token")}
    assert all(type(one) is float and 0 < one < 5 for one in times.values())
    assert times["paddle.time_to_first_token"] <= times["paddle.usage.duration"]
    assert str(uuid.UUID(attributes.pop("paddle.usage.id"))) == said(recorder)["paddle.usage.id"]
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": LABELS["gen_ai.request.model"],
        INPUT: 7,
        OUTPUT: 3,
        "gen_ai.response.finish_reasons": ("stop",),
        "paddle.request.id": "r-1",
        "gen_ai.conversation.id": "s-1",
        "enduser.id": "u-1",
        "paddle.tenant.id": "acme",
    }
    assert (type(attributes[INPUT]), type(attributes[OUTPUT])) == (int, int)
    assert (record.severity_number, record.severity_text, record.body) == (SeverityNumber.INFO, "INFO", None)
    assert record.timestamp is not None
    assert before <= record.timestamp <= time.time_ns()


def test_event_and_span_are_found_from_each_other(recorder: Recorder, generations: Generations) -> None:
    """By trace and span id; the span says who asked, too."""
    with identify(tenant="acme", session="s"):
        generations.run(3, RESPONSE)
    span, record = recorder.span("chat Qwen2-0.5B"), recorder.event(EVENT)
    assert span.context is not None
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    attributes = span.attributes or {}
    assert (attributes["paddle.tenant.id"], attributes["gen_ai.conversation.id"]) == ("acme", "s")
    assert "enduser.id" not in attributes


def test_who_asked_is_who_started_it(recorder: Recorder, generations: Generations) -> None:
    """What is said while it runs, or when it ends, is about something else."""
    with identify(tenant="acme"):
        generation = generations.start()
    with identify(tenant="globex"):
        generation.leave()
        generation.finish(lambda: RESPONSE)
    assert said(recorder)["paddle.tenant.id"] == "acme"


def test_where_nobody_said_anything_nobody_is_named(recorder: Recorder, generations: Generations) -> None:
    """Unknown is absent."""
    generations.run(1, GenerationResponse(), model=None)
    assert set(said(recorder)) == {
        "paddle.usage.id",
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "paddle.usage.duration",
        "paddle.time_to_first_token",
    }


@pytest.mark.parametrize("error", [ValueError("a"), KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_a_failure_says_what_was_used_until_then(
    recorder: Recorder, generations: Generations, error: BaseException
) -> None:
    """The prompt and the tokens that were seen being made, as the span and the counter do."""
    generation = generations.start(single_sequence=True, sequences=1)
    for _ in range(4):
        generation.step()
    generation.fail(error, lambda: GenerationResponse(input_tokens=7))
    attributes = said(recorder)
    assert (attributes[INPUT], attributes[OUTPUT]) == (7, 4)
    assert attributes["error.type"] == type(error).__name__
    assert attributes["gen_ai.response.finish_reasons"] == ("error",)
    span = recorder.span("chat Qwen2-0.5B").attributes or {}
    assert (span[INPUT], span[OUTPUT]) == (7, 4)
    assert counted(recorder) == {"input": 7, "output": 4}


def test_each_event_has_an_id_of_its_own(recorder: Recorder, generations: Generations) -> None:
    """By which one that was delivered twice is known; also for one request with two generations."""
    with identify(request="r"):
        for _ in range(50):
            generations.run(1, RESPONSE)
    ids = [(record.attributes or {})["paddle.usage.id"] for record in recorder.events(EVENT)]
    assert (len(ids), len(set(ids))) == (50, 50)


def test_what_was_counted_while_it_ran_is_billed(recorder: Recorder, generations: Generations) -> None:
    """The counter cannot go back when a program says fewer at the end, so neither does the event."""
    generation = generations.start(single_sequence=True, sequences=1)
    for _ in range(5):
        generation.step()
    generation.finish(lambda: GenerationResponse(7, (3,), ("stop",)))
    assert counted(recorder) == {"input": 7, "output": 5}
    assert said(recorder)[OUTPUT] == 5


def test_no_event_where_none_is_wanted(recorder: Recorder) -> None:
    """``PADDLE_OTEL_USAGE_EVENTS=false``; span and counter stay."""
    reporting_to(recorder, Settings(usage_events=False)).run(3, RESPONSE)
    assert recorder.events(EVENT) == []
    assert counted(recorder) == {"input": 7, "output": 3}


def test_without_an_sdk_for_logs_nothing_is_made(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even an id; spans and metrics are as ever."""
    monkeypatch.setattr(usage.uuid, "uuid4", raising(AssertionError("an event was made")))
    telemetry = Telemetry(SCOPE, recorder.tracer_provider, recorder.meter_provider, Settings(), NoOpLoggerProvider())
    Generations(telemetry).run(3, RESPONSE)
    assert recorder.span("chat Qwen2-0.5B")


class _Deaf:
    """A logger that is not enabled."""

    emit = staticmethod(raising(AssertionError("an event was emitted")))

    def enabled(self, **asked: Any) -> bool:
        """Be asked for the event that is meant."""
        assert (asked["event_name"], asked["severity_number"]) == (EVENT, SeverityNumber.INFO)
        return False


def test_where_the_sdk_does_not_want_it_nothing_is_made(
    recorder: Recorder, generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked first."""
    monkeypatch.setattr(usage.uuid, "uuid4", raising(AssertionError("an event was made")))
    deaf: Any = _Deaf()
    generations.telemetry.logger = deaf
    generations.run(3, RESPONSE)
    assert recorder.span("chat Qwen2-0.5B")


class _Old:
    """A logger as OpenTelemetry 1.44 has it, which cannot be asked whether it is enabled."""

    def __init__(self, logger: Any) -> None:
        self.emit = logger.emit


def test_with_the_oldest_sdk(recorder: Recorder, generations: Generations) -> None:
    """The event is written all the same."""
    old: Any = _Old(generations.telemetry.logger)
    generations.telemetry.logger = old
    generations.run(3, RESPONSE)
    assert said(recorder)[OUTPUT] == 3


class _Broken(LogRecordProcessor):
    """A log processor that raises."""

    def on_emit(self, log_record: Any) -> None:  # noqa: ARG002 - named as the SDK calls it
        """Raise."""
        raise RuntimeError("a bug")

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing."""
        return bool(timeout_millis)


def test_a_broken_log_processor_reaches_nobody(recorder: Recorder, telemetry_trouble: Any) -> None:
    """Span and metrics are written all the same."""
    telemetry_trouble.expected = True
    provider = LoggerProvider()
    provider.add_log_record_processor(_Broken())
    telemetry = Telemetry(SCOPE, recorder.tracer_provider, recorder.meter_provider, Settings(), provider)
    Generations(telemetry).run(3, RESPONSE)
    assert recorder.span("chat Qwen2-0.5B").end_time
    assert counted(recorder) == {"input": 7, "output": 3}
    assert telemetry_trouble.sites == ["writing a usage event: RuntimeError('a bug')"]


@pytest.mark.parametrize("broken", ["metrics", "span"])
def test_other_trouble_does_not_cost_the_record(
    recorder: Recorder, generations: Generations, telemetry_trouble: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Broken instruments and spans cost metrics and spans."""
    telemetry_trouble.expected = True
    generation = generations.start(single_sequence=True, sequences=1)
    if broken == "metrics":
        monkeypatch.setattr(generations.metrics, "record", raising(RuntimeError("a bug")))
    else:
        monkeypatch.setattr(generation._span, "set_attributes", raising(RuntimeError("a bug")))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - a bug is put there
    generation.step()
    generation.finish(lambda: RESPONSE)
    assert said(recorder)[OUTPUT] == 3
    assert telemetry_trouble.sites


def test_what_is_not_sampled_is_billed() -> None:
    """Spans may be sampled, bills may not; the event still names its trace."""
    recorder = Recorder(ALWAYS_OFF)
    reporting_to(recorder).run(3, RESPONSE)
    assert recorder.spans() == []
    record = recorder.event(EVENT)
    assert record.trace_id
    assert (record.attributes or {})[OUTPUT] == 3


@pytest.fixture(params=[True, False], ids=["embeddings", "classifier"])
def embeddings(request: pytest.FixtureRequest) -> bool:
    """Whether a prediction makes embeddings."""
    return bool(request.param)


def test_the_event_of_a_prediction(recorder: Recorder, generations: Generations, *, embeddings: bool) -> None:
    """What it read, nothing written; embeddings are an operation of the conventions."""
    with identify(tenant="acme"):
        emit_prediction_usage(
            generations.telemetry,
            "bert",
            embeddings=embeddings,
            kind="predictor",
            input_tokens=12,
            seconds=0.25,
            error=None,
            used={"paddle.gpu.energy": 2.0},
            context=None,
        )
    attributes = dict(said(recorder))
    assert uuid.UUID(attributes.pop("paddle.usage.id"))
    assert attributes == {
        **({"gen_ai.operation.name": "embeddings"} if embeddings else {}),
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": "bert",
        "paddle.model.kind": "predictor",
        INPUT: 12,
        OUTPUT: 0,
        "paddle.usage.duration": 0.25,
        "paddle.gpu.energy": 2.0,
        "paddle.tenant.id": "acme",
    }


def test_identities_are_compared_by_what_they_know() -> None:
    """So that they can be keys of counts."""
    assert {Identity("r"): 1}[Identity(request="r")] == 1
    assert Identity("r") != Identity(session="r")
    assert Identity("r") != "r"
