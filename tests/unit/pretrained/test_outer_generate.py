"""Models around a language model: one span, the outer call's, with the inner one's steps and tokens."""

from typing import Any

import pytest

from observed import OUTPUT, returning
from stub_instrumented import Instrumented
from stub_library import Library, module


@pytest.fixture
def library() -> Library:
    """Return the library that has such models."""
    return "paddlenlp"


def blip(instrumented: Instrumented, steps: int = 4) -> Any:
    """Return a vision-language model around a stub."""
    model = module("paddlenlp.transformers.blip.modeling").BlipForConditionalGeneration()
    model.language_model = instrumented.stub(steps=steps, columns=6).model
    return model


def test_one_span_with_the_inner_counts(instrumented: Instrumented) -> None:
    """The result is the inner one's object; tokens, timings and children are there."""
    model = blip(instrumented)
    prompt = instrumented.stub(columns=6).input_ids
    assert model.generate("pixels", input_ids=prompt) is model.language_model.script.result
    assert [span.name for span in instrumented.recorder.spans()] == ["prefill", "decode", "text_completion"]
    attributes = instrumented.attributes()
    assert attributes["gen_ai.usage.input_tokens"] == 6
    assert attributes["gen_ai.usage.output_tokens"] == 4
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert "paddle.time_to_first_token" in attributes
    assert attributes["paddle.batch_size"] == 1
    assert attributes["paddle.decode_strategy"] == "greedy_search"
    assert (attributes["paddle.device"], attributes["paddle.dtype"]) == ("cpu", "float32")
    assert instrumented.recorder.point("paddle.tokens", **OUTPUT).value == 4
    assert instrumented.recorder.point("paddle.request.active").value == 0


def assert_nothing_waits(instrumented: Instrumented) -> None:
    """The next generation is observed as usual, and one inside it is not taken for the inner call of a model."""
    instrumented.recorder.clear_spans()
    stub, inner = instrumented.stub(steps=1), instrumented.stub(steps=7)
    stub.script.on_step = lambda _: inner.model.generate(inner.input_ids)
    stub.model.generate(stub.input_ids)
    assert instrumented.attributes()["gen_ai.usage.output_tokens"] == 1
    assert inner.script.criteria == []


def test_a_failure_before_the_inner_call(instrumented: Instrumented) -> None:
    """The outer model's own exception ends the span and leaves nothing behind for the calls after it."""
    model = blip(instrumented)
    with pytest.raises(ValueError, match=r"^no picture$"):
        model.generate(None)
    assert instrumented.attributes()["error.type"] == "ValueError"
    assert_nothing_waits(instrumented)


def test_a_failure_inside_the_inner_call(instrumented: Instrumented) -> None:
    """The inner exception passes both, unchanged, and there is one span."""
    model = blip(instrumented)
    error = RuntimeError("out of memory")

    def on_step(_: int) -> None:
        raise error

    model.language_model.script.on_step = on_step
    with pytest.raises(RuntimeError) as caught:
        model.generate("pixels")
    assert caught.value is error
    assert caught.traceback[-1].name == "on_step"
    assert instrumented.attributes()["error.type"] == "RuntimeError"


def test_several_inner_calls_are_one_span(instrumented: Instrumented) -> None:
    """Of several inner calls none is observed on its own, and all give the library's result."""
    model = blip(instrumented)
    model.inner_calls = 2
    caches: list[float] = []

    def note_cache(_: int) -> None:
        caches.append(sum(point.value for point in instrumented.recorder.points("paddle.kv_cache.size")))

    model.language_model.script.on_step = note_cache
    assert model.generate("pixels") is model.language_model.script.result
    assert [cache > 0 for cache in caches] == [False, True, True, True, False, False, False, False]  # of the first only
    assert len(instrumented.recorder.spans("text_completion")) == 1
    attributes = instrumented.attributes()
    assert attributes["gen_ai.usage.output_tokens"] == 8  # both were seen being made
    assert "gen_ai.response.finish_reasons" not in attributes  # which of the two would be the outer call's?
    assert "paddle.time_per_output_token" not in attributes  # between them a prompt was read
    assert "paddle.kv_cache.size" not in attributes
    assert instrumented.recorder.point("paddle.tokens", gen_ai__token__type="output").value == 8


def test_no_inner_call(instrumented: Instrumented) -> None:
    """An outer model that answers without its language model has a span without tokens."""
    model = blip(instrumented)
    model.inner_calls = 1
    model.language_model.generate = returning("from a cache")
    assert model.generate("pixels") == "from a cache"
    attributes = instrumented.attributes()
    assert not [key for key in attributes if "usage" in key or "time" in key]
    assert_nothing_waits(instrumented)


def test_after_uninstrument(instrumented: Instrumented) -> None:
    """Both calls are the library's own again."""
    model = blip(instrumented)
    instrumented.off()
    model.generate("pixels")
    assert model.language_model.script.criteria == []
    assert instrumented.recorder.spans() == []
