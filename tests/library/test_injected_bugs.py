"""A bug of ours changes nothing for the caller, and is logged once."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.expected import Prompts, generations, rows_of
from library.tokens import plain
from recording import Recorder

# Each of these takes part in observing a generation.
GENERATION_SITES = (
    "paddle_otel.pretrained.generate_patches.GenerateArguments",
    "paddle_otel.pretrained.generate_patches.generation_request",
    "paddle_otel.pretrained.generate_patches.with_probe",
    "paddle_otel.pretrained.generate_patches.generation_response",
    "paddle_otel.pretrained.generate_request.parameter_facts",
    "paddle_otel.pretrained.known_models.KnownModels.of",
    "paddle_otel.operations.generation.Generation.step",
    "paddle_otel.operations.generation.Generation._start_span",
    "paddle_otel.operations.generation.span_attributes",
    "paddle_otel.operations.generation.usage_facts",
    "paddle_otel.pretrained.generate_patches.DecodeSteps.of",
    "paddle_otel.operations.generation.Generation._write_children",
    "paddle_otel.operations.generation_metrics.GenerationMetrics.started",
    "paddle_otel.operations.generation_metrics.GenerationMetrics._add",
    "paddle_otel.operations.generation_metrics.GenerationMetrics.record",
    "paddle_otel.operations.prompts.PromptLedger.claim",
)
TOKENIZER_SITES = (
    "paddle_otel.pretrained.tokenizer_patches.encoded_size",
    "paddle_otel.pretrained.tokenizer_patches.decoded_tokens",
    "paddle_otel.pretrained.tokenizer_patches.padding_of",
    "paddle_otel.operations.tokenizer_call.TokenizerCalls._start_span",
    "paddle_otel.deferred_histogram.DeferredHistogram.record",
    "paddle_otel.operations.prompts.PromptLedger.remember_ids",
    "paddle_otel.operations.prompts.PromptLedger.is_templated_text",
)


SECRET = "the prompt that a message may quote"


def bug(*_: Any, **__: Any) -> Any:
    """Fail, quoting what nobody may read."""
    raise RuntimeError(SECRET)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any) -> Callable[[str], None]:
    """Breaks the function of ours whose path it is given."""
    telemetry_trouble.expected = True

    def break_it(path: str) -> None:
        monkeypatch.setattr(path, bug)

    return break_it


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged under our name."""
    messages = [record.getMessage() for record in caplog.records if record.name == "paddle_otel"]
    return [message for message in messages if message.startswith("Telemetry failed")]


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize("site", GENERATION_SITES)
def test_a_generation_goes_on(
    site: str,
    llama: Any,
    prompts: Prompts,
    broken: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
    continuation: list[list[int]],
) -> None:
    """Three generations return what they return; warnings tell where, once each, without the message."""
    broken(site)
    options = {**prompts.both, "max_new_tokens": 8, "eos_token_id": None}
    with caplog.at_level(logging.WARNING):
        results = [rows_of(llama.generate(**options)[0]) for _ in range(3)]
    assert results == [continuation] * 3
    warnings = warnings_of(caplog)
    assert warnings
    assert len(set(warnings)) == len(warnings)
    for warning in warnings:
        assert "in bug" in warning
        assert "RuntimeError" in warning
        assert SECRET not in warning


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize("site", GENERATION_SITES)
def test_a_failing_generation_fails_as_it_does(
    site: str, llama: Any, prompts: Prompts, broken: Callable[[str], None]
) -> None:
    """The library's exception, not ours."""
    broken(site)
    with pytest.raises(ValueError, match="num_return_sequences"):
        llama.generate(**prompts.both, num_return_sequences=2)


@pytest.mark.parametrize("site", GENERATION_SITES)
def test_the_next_generation_is_whole_again(
    site: str, observed: Recorder, llama: Any, prompts: Prompts, telemetry_trouble: Any
) -> None:
    """A bug in one generation leaves no span current and no generation in flight."""
    telemetry_trouble.expected = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, bug)
        llama.generate(**prompts.both, max_new_tokens=2)
    observed.clear_spans()
    llama.generate(**prompts.both, max_new_tokens=2, eos_token_id=None)
    (span,) = generations(observed)
    assert span.parent is None
    assert [child.name for child in observed.children(span)] == ["prefill", "decode"]
    assert [point.value for point in observed.points("paddle.request.active")] == [0]


@pytest.mark.parametrize("site", TOKENIZER_SITES)
def test_a_tokenizer_goes_on(
    site: str,
    observed: Recorder,
    stack: stacks.Stack,
    tokenizer: Any,
    broken: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Encoding and decoding return what they return, inside a recording span; one warning."""

    def results() -> list[Any]:
        encoding = tokenizer(["what is", "it"], padding=True)
        text = tokenizer.apply_chat_template(stack.conversation("what is"), tokenize=False)
        return [plain(encoding), tokenizer.batch_decode(encoding["input_ids"]), text, tokenizer(text)["input_ids"]]

    broken(site)
    tracer = observed.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request"), caplog.at_level(logging.WARNING):
        with_us = [results(), results()]
    assert len(warnings_of(caplog)) == 1
    assert SECRET not in warnings_of(caplog)[0]
    stack.new_instrumentor().uninstrument()
    assert with_us == [results()] * 2


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize(
    "site",
    [
        "paddle_otel.pretrained.load_patches.model_name",
        "paddle_otel.operations.model_load.ModelLoad.__init__",
        "paddle_otel.operations.model_load.ModelLoad._move",
        "paddle_otel.operations.model_load.ModelStates.move",
    ],
)
def test_a_load_goes_on(
    site: str, stack: stacks.Stack, llama: Any, prompts: Prompts, broken: Callable[[str], None], tmp_path: Any
) -> None:
    """The model is loaded and generates."""
    llama.save_pretrained(str(tmp_path))
    broken(site)
    model = stack.module("transformers").LlamaForCausalLM.from_pretrained(str(tmp_path))
    model.eval()
    options = {**prompts.both, "max_new_tokens": 3}
    assert rows_of(model.generate(**options)[0]) == rows_of(llama.generate(**options)[0])


def test_a_broken_exporter_is_none_of_the_callers_business(
    stack: stacks.Stack, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch, continuation: Any
) -> None:
    """A span processor that raises when a span starts or ends."""
    recorder = Recorder()
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    monkeypatch.setattr("recording.InMemorySpanExporter.export", bug)
    options = {**prompts.both, "max_new_tokens": 8, "eos_token_id": None}
    with_us = rows_of(llama.generate(**options)[0])
    instrumentor.uninstrument()
    assert with_us == continuation
