"""A classifier behind ``paddle.inference`` in a server with threads, between a real Jaeger and a real Prometheus."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.servers import Jaeger, JaegerSpan, Prometheus, Sample
from end_to_end.classifier_requests import Answer, Service, batch, serving
from end_to_end.running import PROGRAMS, environment, instrumented, run

SERVICE = "classifier-end-to-end"
PREFORK = "classifier-of-two-workers"
BELOW_A_REQUEST = [batch(number) for number in range(40)]
WITHOUT_A_REQUEST = [batch(number) for number in range(12)]
TOO_NARROW = [[1.0, 2.0]]
REQUESTS = len(BELOW_A_REQUEST) + len(WITHOUT_A_REQUEST) + 1
WORKERS = 2


@dataclass
class Observed:
    """What the server answered, with and without instrumentation, and where its telemetry is."""

    classified: list[Answer]
    scored: list[Answer]
    refused: Answer
    service: Service
    jaeger: Jaeger
    prometheus: Prometheus

    def predictions(self) -> list[JaegerSpan]:
        """Return all spans of predictions."""
        return [span for trace in self.jaeger.traces(SERVICE) for span in trace.named("predict classifier")]

    def samples(self, metric: str) -> list[Sample]:
        """Return the last values of a metric."""
        return self.prometheus.query(f'last_over_time({metric}{{job="{SERVICE}"}}[10m])')


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the exported classifier."""
    folder = tmp_path_factory.mktemp("model")
    exported = run([sys.executable, str(PROGRAMS / "export_classifier.py"), str(folder)], environment(), folder)
    assert exported.returncode == 0, exported.stderr
    return folder


@pytest.fixture(scope="module")
def plain(model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """What the server answers without instrumentation."""
    with serving([sys.executable], model, environment(), tmp_path_factory.mktemp("plain")) as service:
        return service.ask_together("/classify", BELOW_A_REQUEST)


@pytest.fixture(scope="module")
def observed(jaeger: Jaeger, prometheus: Prometheus, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """The server under ``opentelemetry-instrument``, after it has ended and exported everything."""
    variables = environment(
        OTEL_SERVICE_NAME=SERVICE,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{jaeger.otlp_http_endpoint}/v1/traces",
        **_metrics_to(prometheus),
    )
    with serving(instrumented(), model, variables, tmp_path_factory.mktemp("observed")) as service:
        classified = service.ask_together("/classify", BELOW_A_REQUEST)
        scored = service.ask_together("/score", WITHOUT_A_REQUEST)
        refused = service.ask("/classify", TOO_NARROW)
    jaeger.wait_for_traces(SERVICE, REQUESTS - len(WITHOUT_A_REQUEST))
    return Observed(classified, scored, refused, service, jaeger, prometheus)


def _metrics_to(prometheus: Prometheus) -> Mapping[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": prometheus.otlp_metrics_endpoint,
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }


def _labels(samples: list[Sample], *names: str) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.get(name, "") for name in names): sample.value for sample in samples}


def test_the_server_answers_as_without_instrumentation(observed: Observed, plain: list[Answer]) -> None:
    """Bit by bit, from four threads at a time, and what the model refuses is refused."""
    assert [answer.scores for answer in observed.classified] == [answer.scores for answer in plain]
    assert {answer.status for answer in (*observed.classified, *observed.scored, *plain)} == {200}
    assert (observed.refused.status, observed.refused.scores) == (500, "ValueError")
    assert observed.service.exit_code == 0
    assert "Telemetry failed" not in observed.service.log


def test_each_request_has_its_prediction_below_it(observed: Observed) -> None:
    """One ``predict classifier`` right below each request span, within its time, whichever thread served it."""
    traces = [trace for trace in observed.jaeger.traces(SERVICE) if trace.named("POST /classify")]
    assert len(traces) == len(BELOW_A_REQUEST) + 1
    for trace in traces:
        (request,) = trace.roots()
        (prediction,) = trace.children(request)
        assert prediction.name == "predict classifier"
        assert request.start_us <= prediction.start_us
        assert prediction.end_us <= request.end_us + 1  # Jaeger rounds starts and durations


def test_a_prediction_has_exactly_the_attributes_of_the_contract(observed: Observed) -> None:
    """Names, values and value types, as Jaeger gives them back; no two batch sizes are mixed up between threads."""
    told = [span for span in observed.predictions() if not span.error and span.parent_id]
    expected = {
        "paddle.model.name": "classifier",
        "paddle.model.kind": "predictor",
        "paddle.device": "cpu",
        "paddle.prediction.input.names": '["features"]',
    }
    for span in told:
        rows = span.attributes["paddle.batch_size"]
        assert span.attributes["paddle.prediction.input.leading_dimensions"] == json.dumps([rows])
        assert span.attributes["paddle.prediction.output.leading_dimensions"] == json.dumps([rows])
        assert expected.items() <= span.attributes.items()
        assert set(span.attributes) - set(expected) == {
            "paddle.batch_size",
            "paddle.prediction.input.leading_dimensions",
            "paddle.prediction.output.names",
            "paddle.prediction.output.leading_dimensions",
        }
        assert (span.kind, span.status, span.scope_name) == ("internal", "UNSET", "paddle_otel.inference")
    sizes = sorted(int(span.attributes["paddle.batch_size"]) for span in told)
    assert sizes == sorted(len(rows) for rows in BELOW_A_REQUEST)


def test_a_failed_prediction_is_an_error(observed: Observed) -> None:
    """One span, red in Jaeger, with the class of the exception and not its message."""
    (failed,) = [span for span in observed.predictions() if span.error]
    assert (failed.attributes["error.type"], failed.status, failed.events) == ("ValueError", "ERROR", ())


def test_a_fast_prediction_outside_of_a_trace_is_no_span(observed: Observed) -> None:
    """Only those that took the millisecond from which on they are worth one have a span of their own."""
    alone = [span for span in observed.predictions() if span.parent_id is None]
    assert len(alone) <= len(WITHOUT_A_REQUEST)
    assert [span for span in alone if span.end_us - span.start_us < 999] == []


def test_every_prediction_is_counted(observed: Observed) -> None:
    """As many durations as requests were sent, with a span or without; as many rows as were in them."""
    counted = _labels(
        observed.samples("paddle_prediction_duration_seconds_count"),
        "paddle_model_name",
        "paddle_model_kind",
        "error_type",
    )
    assert counted == {("classifier", "predictor", ""): REQUESTS - 1, ("classifier", "predictor", "ValueError"): 1}
    sent = [*BELOW_A_REQUEST, *WITHOUT_A_REQUEST, TOO_NARROW]
    rows = _labels(observed.samples("paddle_prediction_batch_size_sum"), "paddle_model_name", "error_type")
    assert rows == {("classifier", ""): sum(map(len, sent))}


def test_the_load_is_seen_once(observed: Observed) -> None:
    """One span and one duration for one program, however many clones use it; no path leaves the process."""
    loads = [span for trace in observed.jaeger.traces(SERVICE) for span in trace.named("load_model classifier")]
    assert [span.attributes["paddle.model.kind"] for span in loads] == ["predictor"]
    counted = observed.samples("paddle_model_load_duration_seconds_count")
    assert _labels(counted, "paddle_model_name", "paddle_model_kind") == {("classifier", "predictor"): 1}
    assert "/" not in json.dumps([dict(span.attributes) for span in loads])


def test_two_forked_workers_add_up(prometheus: Prometheus, model: Path, plain: list[Answer], tmp_path: Path) -> None:
    """A master that loaded the model and forked: each worker reports its own requests, by the model's name."""
    variables = environment(
        **{
            **_metrics_to(prometheus),
            "OTEL_SERVICE_NAME": PREFORK,
            "OTEL_TRACES_EXPORTER": "none",
            # Only at the end: a worker that is forked while the master exports inherits a lock of the SDK that nobody
            # will release, and never exports.
            "OTEL_METRIC_EXPORT_INTERVAL": "600000",
        }
    )
    with serving(instrumented(), model, variables, tmp_path, WORKERS) as service:
        answers = service.ask_together("/classify", BELOW_A_REQUEST)
        deadline = time.monotonic() + 60
        while len(service.answered_by()) < WORKERS and time.monotonic() < deadline:
            service.ask_together("/score", WITHOUT_A_REQUEST)
    assert (service.exit_code, "Telemetry failed" in service.log) == (0, False), service.log[-3000:]
    assert [answer.scores for answer in answers] == [answer.scores for answer in plain]
    counted = prometheus.query(f'last_over_time(paddle_prediction_duration_seconds_count{{job="{PREFORK}"}}[10m])')
    assert {sample.labels["paddle_model_name"] for sample in counted} == {"classifier"}, service.log[-3000:]
    assert len({sample.labels["instance"] for sample in counted}) == WORKERS
    assert sorted(sample.value for sample in counted) == sorted(service.answered_by().values())
