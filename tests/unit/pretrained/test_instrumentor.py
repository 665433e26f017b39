"""Switching on and off, in every order, leaves the library as it was and never stops the application."""

import gc
import logging
import sys
import weakref
from typing import Any

import pytest

from observed import OUTPUT, raising
from paddle_otel.pretrained.handlers import Handlers
from recording import Recorder
from stub_instrumented import Instrumented
from stub_library import module

PATCHED = {
    "paddlenlp": {
        "generation.utils": ["GenerationMixin.generate"],
        "transformers.blip.modeling": ["BlipForConditionalGeneration.generate"],
        "transformers.model_utils": ["PretrainedModel.from_pretrained"],
        "transformers.tokenizer_utils": ["ChatTemplateMixin.apply_chat_template", "ChatTemplateMixin.from_pretrained"],
        "transformers.tokenizer_utils_base": [
            f"PretrainedTokenizerBase.{name}"
            for name in (
                "__call__",
                "encode",
                "encode_plus",
                "batch_encode",
                "decode",
                "batch_decode",
                "from_pretrained",
            )
        ],
    },
    "paddleformers": {
        "generation.utils": ["GenerationMixin.generate"],
        "transformers.model_utils": ["PretrainedModel.from_pretrained"],
        "transformers.tokenizer_utils": [
            f"PaddleTokenizerMixin.{name}" for name in ("__call__", "apply_chat_template", "from_pretrained")
        ]
        + [f"PreTrainedTokenizerBase.{name}" for name in ("encode", "decode", "batch_decode")],
        "transformers.legacy.tokenizer_utils": [
            "ChatTemplateMixin.apply_chat_template",
            "ChatTemplateMixin.from_pretrained",
        ],
        "transformers.legacy.tokenizer_utils_base": [
            f"PretrainedTokenizerBase.{name}"
            for name in (
                "__call__",
                "encode",
                "encode_plus",
                "batch_encode",
                "decode",
                "batch_decode",
                "from_pretrained",
            )
        ],
    },
}


def everything(library: str) -> dict[str, Any]:
    """Import all that is patched, and return what each class holds under each name."""
    found: dict[str, Any] = {}
    for name, targets in PATCHED[library].items():
        loaded = module(f"{library}.{name}")
        for target in targets:
            owner, attribute = target.split(".")
            found[f"{name}:{target}"] = vars(getattr(loaded, owner))[attribute]
    return found


def generates_spans(instrumented: Instrumented) -> int:
    """Generate once and return how many generation spans that made."""
    instrumented.recorder.clear_spans()
    stub = instrumented.stub()
    assert stub.model.generate(stub.input_ids) is stub.script.result
    return len(instrumented.recorder.spans("text_completion"))


def test_everything_is_patched_and_restored(switched_off: Instrumented) -> None:
    """Each target is patched while on, and is the very object it was while off, three times over."""
    before = everything(switched_off.library)
    for _ in range(3):
        switched_off.on()
        on = everything(switched_off.library)
        assert [name for name in before if on[name] is before[name]] == []
        assert generates_spans(switched_off) == 1
        switched_off.off()
        off = everything(switched_off.library)
        assert [name for name in before if off[name] is not before[name]] == []
        assert generates_spans(switched_off) == 0


def test_before_the_import(instrumented: Instrumented) -> None:
    """Switched on before the library is imported: nothing is imported by us, and the import is patched."""
    names = [f"{instrumented.library}{rest}" for rest in ("", ".generation", ".generation.utils")]
    assert not any(name in sys.modules for name in [*names, "transformers"])
    assert generates_spans(instrumented) == 1


def test_never_switched_on(switched_off: Instrumented) -> None:
    """Importing this package patches nothing."""
    assert generates_spans(switched_off) == 0
    assert (
        switched_off.stub().model.generate.__func__
        is vars(module(f"{switched_off.library}.generation.utils").GenerationMixin)["generate"]
    )


def test_switched_off_before_the_import(instrumented: Instrumented) -> None:
    """An import after ``uninstrument()`` is not patched."""
    instrumented.off()
    assert generates_spans(instrumented) == 0


def test_switched_on_twice(instrumented: Instrumented, caplog: pytest.LogCaptureFixture) -> None:
    """A second ``instrument()`` only warns, as OpenTelemetry's own instrumentors do."""
    with caplog.at_level(logging.WARNING):
        instrumented.on()
    assert len(caplog.records) == 1
    assert generates_spans(instrumented) == 1


def test_another_recorder_the_next_time(instrumented: Instrumented) -> None:
    """Switched on again with other providers, everything goes there and nothing to the first."""
    assert generates_spans(instrumented) == 1
    first = instrumented.recorder
    instrumented.off()
    instrumented.recorder = Recorder()
    instrumented.on()
    first.clear_spans()
    assert generates_spans(instrumented) == 1
    assert first.spans() == []
    assert first.point("gen_ai.server.request.duration").count == 1
    assert instrumented.recorder.point("gen_ai.server.request.duration").count == 1


def test_the_same_recorder_the_next_time(instrumented: Instrumented) -> None:
    """Switched off and on again on one meter provider, no metric is lost, doubled or stuck."""
    tokenizer = instrumented.tokenizer()
    for round_ in range(1, 4):
        assert generates_spans(instrumented) == 1
        tokenizer("a b")
        point = instrumented.recorder.point("paddle.tokens", **OUTPUT)
        assert point.value == 3 * round_
        assert instrumented.recorder.point("gen_ai.server.request.duration").count == round_
        assert instrumented.recorder.point("paddle.tokenizer.tokens").value == 2 * round_
        assert instrumented.recorder.point("paddle.request.active").value == 0
        instrumented.off()
        assert instrumented.recorder.points("paddle.tokens") == []
        instrumented.on()


def test_what_was_measured_before_switching_off_is_not_lost(instrumented: Instrumented) -> None:
    """Tokenizer calls of before ``uninstrument()`` are in the collection that follows, as at a shutdown."""
    instrumented.tokenizer()("a b")
    instrumented.off()
    assert instrumented.recorder.point("paddle.tokenizer.tokens").value == 2


@pytest.mark.parametrize("value", ["false", "0", "False"])
def test_disabled_by_setting(switched_off: Instrumented, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """``PADDLE_OTEL_ENABLED=false`` makes switching on do nothing at all; without it, it does again."""
    before = everything(switched_off.library)
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", value)
    switched_off.on()
    assert everything(switched_off.library) == before
    assert generates_spans(switched_off) == 0
    switched_off.off()
    monkeypatch.delenv("PADDLE_OTEL_ENABLED")
    switched_off.on()
    assert generates_spans(switched_off) == 1


def test_the_span_kind_is_read_at_each_switching_on(
    instrumented: Instrumented, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PADDLE_OTEL_GENERATION_SPAN_KIND`` counts from the next ``instrument()``."""
    instrumented.off()
    monkeypatch.setenv("PADDLE_OTEL_GENERATION_SPAN_KIND", "client")
    instrumented.on()
    assert generates_spans(instrumented) == 1
    assert instrumented.recorder.span("text_completion").kind.name == "CLIENT"


def test_trouble_while_switching_on(
    switched_off: Instrumented,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    telemetry_trouble: Any,
) -> None:
    """A bug of ours while switching on keeps no other instrumentor from starting, and the library works."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(Handlers, "on", raising(RuntimeError("broken")))
    switched_off.on()
    assert generates_spans(switched_off) == 0
    assert len([record for record in caplog.records if record.name == "paddle_otel"]) == 1


def test_a_provider_that_is_gone_is_forgotten(instrumented: Instrumented) -> None:
    """Our instruments do not keep a meter provider alive: programs that make one after another do not grow."""
    made: list[weakref.ref[object]] = []
    for _ in range(3):
        instrumented.off()
        instrumented.recorder = Recorder()
        made.append(weakref.ref(instrumented.recorder.meter_provider))
        instrumented.on()
        assert generates_spans(instrumented) == 1
        instrumented.recorder.meter_provider.shutdown()
    instrumented.off()
    instrumented.recorder = Recorder()
    gc.collect()
    assert [reference() for reference in made] == [None, None, None]
