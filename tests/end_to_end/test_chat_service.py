"""The main job: a real chat service between a real Jaeger and a real Prometheus, everything read back by query."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.servers import Jaeger, JaegerSpan, JaegerTrace, Prometheus
from end_to_end.chat_service import BATCH, QUESTION, Answers, converse
from end_to_end.running import environment
from fake_nvml import driver
from paddle_otel.conventions import metrics as m

SERVICE = "chat-service-end-to-end"
MODEL = "smollm2-135m-instruct"
GPUS = 2

# name in Prometheus -> type; UnderscoreEscapingWithSuffixes appends units and, for gauges of unit 1, "ratio".
METRICS = {
    "gen_ai_client_operation_duration_seconds": "histogram",
    "gen_ai_client_token_usage": "histogram",
    "gen_ai_server_request_duration_seconds": "histogram",
    "gen_ai_server_time_to_first_token_seconds": "histogram",
    "gen_ai_server_time_per_output_token_seconds": "histogram",
    "paddle_tokens_total": "counter",
    "paddle_request_active": "gauge",
    "paddle_kv_cache_size_bytes": "gauge",
    "paddle_tokenizer_duration_seconds": "histogram",
    "paddle_tokenizer_tokens": "histogram",
    "paddle_model_load_duration_seconds": "histogram",
    "paddle_model_state": "gauge",
}
# Of the hardware, what every machine and every fake GPU has.
HARDWARE = {
    "hw_gpu_utilization_ratio": "gauge",
    "hw_gpu_memory_usage_bytes": "gauge",
    "hw_gpu_memory_limit_bytes": "gauge",
    "hw_gpu_memory_utilization_ratio": "gauge",
    "hw_power_watts": "gauge",
    "hw_energy_joules_total": "counter",
    "hw_temperature_celsius": "gauge",
    "hw_errors_total": "counter",
    "hw_status": "gauge",
    "paddle_gpu_clock_frequency_hertz": "gauge",
    "paddle_gpu_throttle_time_seconds_total": "counter",
    "paddle_memory_allocated_bytes": "gauge",
    "paddle_sampler_duration_seconds_count": "histogram",
    "paddle_sampler_errors_total": "counter",
    "paddle_sampler_last_success_seconds": "gauge",
    "process_cpu_time_seconds_total": "counter",
    "process_memory_usage_bytes": "gauge",
    "system_cpu_utilization_ratio": "gauge",
    "system_memory_usage_bytes": "gauge",
    "system_memory_limit_bytes": "gauge",
}
HARDWARE_NAMES = tuple(f"paddle_{part}_" for part in ("gpu", "memory", "sampler", "disk", "pressure", "container"))


@dataclass
class Observed:
    """What the service answered, and the back ends that its telemetry went to."""

    answers: Answers
    jaeger: Jaeger
    prometheus: Prometheus

    def traces(self, route: str) -> list[JaegerTrace]:
        """Return the traces of one route, oldest first."""
        traces = self.jaeger.traces(SERVICE)
        return [trace for trace in traces if [root.name for root in trace.roots()] == [route]]


@pytest.fixture(scope="module")
def observed(
    jaeger: Jaeger, prometheus: Prometheus, fake_nvml_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Observed:
    """The conversation with the service, after it has ended and exported everything."""
    gpus = driver.environment(fake_nvml_library, count=GPUS)
    variables = environment(
        **{name: value for name, value in gpus.items() if name.startswith(("LD_", "FAKE_"))},
        OTEL_SERVICE_NAME=SERVICE,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{jaeger.otlp_http_endpoint}/v1/traces",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=prometheus.otlp_metrics_endpoint,
        OTEL_LOGS_EXPORTER="none",
        OTEL_METRIC_EXPORT_INTERVAL="1000",
        OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="otel,paddle",
    )
    answers = converse(variables, tmp_path_factory.mktemp("chat"))
    jaeger.wait_for_traces(SERVICE)
    return Observed(answers, jaeger, prometheus)


def _only(spans: list[JaegerSpan]) -> JaegerSpan:
    assert len(spans) == 1, [span.name for span in spans]
    return spans[0]


def test_the_service_answers_as_the_model_does(observed: Observed) -> None:
    """The user's answers come through, and the service ends well."""
    answers = observed.answers
    assert answers.single["choices"][0]["message"]["content"] == "The capital of France is Paris."
    assert answers.single["usage"] == {"prompt_tokens": 37, "completion_tokens": 8}
    assert answers.streamed
    assert answers.failed_status == 500
    assert answers.exit_code == 0
    assert "Telemetry failed" not in answers.log


def test_a_request_is_one_trace_with_the_generation_in_it(observed: Observed) -> None:
    """Server span, tokenizer, generation with prefill and decode, detokenizer: in order and nested in time."""
    trace = observed.traces("POST /v1/chat/completions")[0]
    server = _only(trace.roots())
    ours = [span.name for span in trace.children(server) if "http" not in span.name]
    assert ["tokenize TokenizersBackend", f"chat {MODEL}", "detokenize TokenizersBackend"] == ours
    chat = _only(trace.named(f"chat {MODEL}"))
    prefill, decode = trace.children(chat)
    assert (prefill.name, decode.name) == ("prefill", "decode")
    assert server.start_us <= chat.start_us == prefill.start_us
    assert decode.start_us == pytest.approx(prefill.end_us, abs=1)  # Jaeger rounds starts and durations
    assert decode.end_us == pytest.approx(chat.end_us, abs=1)
    assert chat.end_us <= server.end_us


def test_the_generation_has_exactly_the_attributes_of_the_contract(observed: Observed) -> None:
    """Names, values and value types, as Jaeger gives them back."""
    trace = observed.traces("POST /v1/chat/completions")[0]
    chat = _only(trace.named(f"chat {MODEL}"))
    first = chat.attributes.pop("paddle.time_to_first_token")
    each = chat.attributes.pop("paddle.time_per_output_token")
    tokenize = chat.attributes.pop("paddle.tokenize.duration")
    usage = observed.answers.single["usage"]
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": MODEL,
        "gen_ai.request.max_tokens": 12,
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
        "gen_ai.response.finish_reasons": '["stop"]',
        "paddle.batch_size": 1,
        "paddle.sequences.output_tokens": json.dumps([usage["completion_tokens"]]),
        "paddle.decode_strategy": "greedy_search",
        "paddle.device": "cpu",
        "paddle.dtype": "float32",
        # 2 (keys, values) * 30 layers * 3 heads * 64 * 4 bytes for every position but the last
        "paddle.kv_cache.size": 46080 * (usage["prompt_tokens"] + usage["completion_tokens"] - 1),
        "paddle.kv_cache.predicted_size": 46080 * (usage["prompt_tokens"] + 12 - 1),
    } == chat.attributes
    assert (float, float, float) == (type(first), type(each), type(tokenize))
    seconds = (chat.end_us - chat.start_us) / 1e6
    assert seconds == pytest.approx(float(first) + float(each) * (usage["completion_tokens"] - 1), abs=1e-3)
    assert (chat.kind, chat.status, chat.scope_name) == ("internal", "UNSET", "paddle_otel.paddleformers")


def test_a_batch_is_one_generation_with_counts_per_sequence(observed: Observed) -> None:
    """Three prompts of different lengths: padding is not counted, each sequence has its count and finish reason."""
    chat = _only(observed.traces("POST /v1/batch")[0].named(f"chat {MODEL}"))
    body = observed.answers.batch
    per_sequence = json.loads(str(chat.attributes["paddle.sequences.output_tokens"]))
    assert len(BATCH) == len(per_sequence) == chat.attributes["paddle.batch_size"]
    assert body["usage"]["completion_tokens"] == sum(per_sequence) == chat.attributes["gen_ai.usage.output_tokens"]
    assert body["usage"]["prompt_tokens"] == chat.attributes["gen_ai.usage.input_tokens"]
    reasons = [choice["finish_reason"] for choice in body["choices"]]
    assert reasons == json.loads(str(chat.attributes["gen_ai.response.finish_reasons"]))


def test_a_streamed_generation_belongs_to_the_request_that_started_it(observed: Observed) -> None:
    """It runs in a thread of its own; the stock threading instrumentation carries the trace there."""
    trace = observed.traces("POST /v1/chat/completions")[1]
    chat = _only(trace.named(f"chat {MODEL}"))
    assert _only(trace.roots()).span_id == chat.parent_id
    assert chat.attributes["gen_ai.request.stream"] is True
    assert chat.attributes["paddle.time_to_first_token"] == chat.attributes["gen_ai.response.time_to_first_chunk"]
    assert not trace.named("detokenize TokenizersBackend")


def test_a_failed_generation_is_marked(observed: Observed) -> None:
    """Status ERROR and the exception's class; the prompt's tokens are known, the output's are not."""
    trace = observed.traces("POST /v1/chat/completions")[2]
    chat = _only(trace.named(f"chat {MODEL}"))
    assert (
        chat.status,
        chat.attributes["error.type"],
        chat.attributes["gen_ai.response.finish_reasons"],
    ) == ("ERROR", "ValueError", '["error"]')
    assert chat.attributes["gen_ai.usage.input_tokens"] == 34
    assert "gen_ai.usage.output_tokens" not in chat.attributes
    assert not trace.children(chat)


def test_requests_at_the_same_time_keep_their_own_spans(observed: Observed) -> None:
    """Each of three concurrent requests is its own trace with its own counts."""
    traces = observed.traces("POST /v1/chat/completions")[3:]
    counted = sorted(
        (chat.attributes["gen_ai.usage.input_tokens"], chat.attributes["gen_ai.usage.output_tokens"])
        for trace in traces
        for chat in trace.named(f"chat {MODEL}")
    )
    usages = [body["usage"] for body in observed.answers.together]
    assert sorted((usage["prompt_tokens"], usage["completion_tokens"]) for usage in usages) == counted


def test_loading_is_traced_and_named_without_the_local_path(observed: Observed) -> None:
    """One load span per model and tokenizer; no absolute path leaves the process."""
    loads = [trace.roots()[0] for trace in observed.jaeger.traces(SERVICE) if trace.named(f"load_model {MODEL}")]
    assert [load.attributes["paddle.model.kind"] for load in loads] == ["tokenizer", "pretrained_model"]
    assert {MODEL} == {load.attributes["paddle.model.name"] for load in loads}


def test_the_resource_tells_paddle(observed: Observed) -> None:
    """The detector ``paddle``, switched on by name."""
    span = observed.traces("POST /v1/batch")[0].spans[0]
    assert (span.resource["paddle.version"], span.resource["paddle.compiled_with"]) == ("3.3.1", "cpu")


def test_no_text_is_in_any_span(observed: Observed) -> None:
    """Neither the questions nor the answers, in any attribute, event or status of any span."""
    texts = [QUESTION, *BATCH, observed.answers.streamed]
    for body in (observed.answers.single, observed.answers.batch, *observed.answers.together):
        texts += [choice["message"]["content"] for choice in body["choices"]]
    everything = repr(observed.jaeger.traces(SERVICE))
    assert not [text for text in texts if text and text in everything]


def test_every_metric_arrives_with_its_type(observed: Observed) -> None:
    """Names, units and types as Prometheus keeps them."""
    found = observed.prometheus.metadata(f'{{job="{SERVICE}"}}')
    ours = {
        name: kind.type
        for name, kind in found.items()
        if name.startswith(("gen_ai", "paddle")) and not name.startswith(HARDWARE_NAMES)
    }
    parts = ("_bucket", "_count", "_sum")
    expected = {
        name + part: kind for name, kind in METRICS.items() for part in (parts if kind == "histogram" else ("",))
    }
    assert ours == expected
    assert {name: found[name].type for name in HARDWARE} == HARDWARE


@pytest.mark.parametrize(
    "metric",
    [m.CLIENT_OPERATION_DURATION, m.SERVER_TIME_TO_FIRST_TOKEN, m.SERVER_TIME_PER_OUTPUT_TOKEN, m.CLIENT_TOKEN_USAGE],
    ids=lambda metric: metric.name,
)
def test_histograms_have_the_bounds_of_the_contract(metric: m.Metric, observed: Observed) -> None:
    """Bucket bounds as written down in the conventions, read from the ``le`` labels."""
    name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
    series = observed.prometheus.series(f'{name}_bucket{{job="{SERVICE}"}}')
    bounds = {float(one.labels["le"]) for one in series}
    assert {*metric.buckets, float("inf")} == bounds


def test_token_metrics_add_up_to_what_the_service_answered(observed: Observed) -> None:
    """Histogram sums and the counter equal the counts the service made from the ids itself."""
    bodies = [observed.answers.single, observed.answers.batch, *observed.answers.together]
    spans = [span for trace in observed.jaeger.traces(SERVICE) for span in trace.named(f"chat {MODEL}")]
    streamed = [span for span in spans if span.attributes.get("gen_ai.request.stream")]
    extra_output = sum(int(span.attributes.get("gen_ai.usage.output_tokens", 0)) for span in streamed)
    extra_input = sum(int(span.attributes["gen_ai.usage.input_tokens"]) for span in streamed)
    expected = {
        "input": sum(body["usage"]["prompt_tokens"] for body in bodies) + extra_input,
        "output": sum(body["usage"]["completion_tokens"] for body in bodies) + extra_output,
    }
    for name in ("gen_ai_client_token_usage_sum", "paddle_tokens_total"):
        samples = observed.prometheus.query(f'{name}{{job="{SERVICE}",gen_ai_request_model="{MODEL}"}}')
        assert expected == {sample.labels["gen_ai_token_type"]: sample.value for sample in samples}, name


def test_label_sets_are_those_of_the_contract(observed: Observed) -> None:
    """No label beyond the contract's, so cardinality stays what the operator expects."""
    scope = {"job", "instance", "__name__", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}
    series = observed.prometheus.series(f'gen_ai_client_operation_duration_seconds_count{{job="{SERVICE}"}}')
    identity = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "paddlepaddle",
        "gen_ai_request_model": MODEL,
        "gen_ai_response_model": MODEL,
    }
    labels = [{key: value for key, value in one.labels.items() if key not in scope} for one in series]
    assert sorted([identity, {**identity, "error_type": "ValueError"}], key=len) == sorted(labels, key=len)


def test_an_exemplar_leads_to_its_trace(observed: Observed) -> None:
    """A histogram's exemplar in Prometheus names a trace that Jaeger has, with the generation in it."""
    exemplars = observed.prometheus.query_exemplars(
        f'gen_ai_client_operation_duration_seconds_bucket{{job="{SERVICE}"}}'
    )
    assert exemplars
    for exemplar in exemplars:
        trace = observed.jaeger.trace(exemplar.labels["trace_id"])
        assert f"chat {MODEL}" in {span.name for span in trace.spans if span.span_id == exemplar.labels["span_id"]}


def test_each_gpu_is_a_series_by_its_uuid(observed: Observed) -> None:
    """The fake driver's devices with the values it was built with."""
    samples = observed.prometheus.query(f'last_over_time(hw_gpu_memory_limit_bytes{{job="{SERVICE}"}}[5m])')
    assert {driver.uuid(index) for index in range(GPUS)} == {sample.labels["hw_id"] for sample in samples}
    assert {driver.NAME} == {sample.labels["hw_name"] for sample in samples}
    assert {80 * driver.GIB} == {int(sample.value) for sample in samples}
