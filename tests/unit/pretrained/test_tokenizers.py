"""Tokenizers with us in between: the same results, the outermost call counted once, prompts recognised."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from observed import raising
from paddle_otel.operations import tokenizer_call
from paddle_otel.pretrained import tokenizer_patches
from stub_instrumented import Instrumented
from stub_library import Library, module, tokenizer_of

CONVERSATION = [{"role": "user", "content": "Hello there"}]
SECRET = "the user's prompt"


def counted(instrumented: Instrumented, direction: str) -> tuple[int, float]:
    """Return how many calls were counted, and their tokens."""
    labels = {"paddle__tokenizer__class": "StubTokenizer", "paddle__tokenizer__direction": direction}
    calls = instrumented.recorder.point("paddle.tokenizer.duration", **labels).count
    return calls, sum(
        point.value
        for point in instrumented.recorder.points("paddle.tokenizer.tokens")
        if point.attributes["paddle.tokenizer.direction"] == direction
    )


CALLS: dict[str, tuple[Callable[[Any], Any], str, float]] = {
    "text": (lambda t: t("a b c"), "encode", 3),
    "by keyword": (lambda t: t(text="a b c"), "encode", 3),
    "pair": (lambda t: t("a b", "c d e"), "encode", 5),
    "several": (lambda t: t(["a b", "c"]), "encode", 3),
    "padded": (lambda t: t(["a b", "c"], padding=True), "encode", 3),
    "padded tensors": (lambda t: t(["a b", "c"], padding=True, return_tensors="pd"), "encode", 3),
    "longest": (lambda t: t(["a b", "c"], padding="longest"), "encode", 3),
    "padding by position": (lambda t: t(["a b", "c"], None, True), "encode", 3),
    "encode": (lambda t: t.encode("a b c"), "encode", 3),
    "template": (lambda t: t.apply_chat_template(CONVERSATION), "encode", 3),
    "decode": (lambda t: t.decode([11, 12, 2]), "decode", 3),
    "decode by keyword": (lambda t: t.decode(token_ids=[11, 12]), "decode", 2),
    "several decoded": (lambda t: t.batch_decode([[11, 12, 0], [13]]), "decode", 3),
    "several by keyword": (lambda t: t.batch_decode(sequences=[[11], [13]]), "decode", 2),
}


FAILING: list[Callable[[Any], Any]] = [lambda t: t(None), lambda t: t.encode(None), lambda t: t.decode(None)]


@pytest.mark.parametrize("call", CALLS)
def test_outermost_calls(instrumented: Instrumented, call: str) -> None:
    """Each call is one duration and its tokens, whatever it calls inside; the result is the library's."""
    function, direction, tokens = CALLS[call]
    tokenizer = instrumented.tokenizer()
    result = function(tokenizer)
    assert counted(instrumented, direction) == (1, tokens)
    assert len(instrumented.recorder.points("paddle.tokenizer.duration")) == 1
    instrumented.off()
    plain = function(tokenizer)
    assert type(result) is type(plain)
    if "tensors" not in call:
        assert result == plain


@pytest.mark.parametrize("call", FAILING)
def test_failures(instrumented: Instrumented, call: Any) -> None:
    """The library's exception, a duration with ``error.type``, and the next call is counted again."""
    tokenizer = instrumented.tokenizer()
    with pytest.raises(ValueError, match=r"missing$") as caught:
        call(tokenizer)
    assert caught.traceback[-1].name in ("encode", "decode")
    assert caught.value.__context__ is None
    (point,) = instrumented.recorder.points("paddle.tokenizer.duration")
    assert (point.count, point.attributes["error.type"]) == (1, "ValueError")
    tokenizer("a")
    assert len(instrumented.recorder.points("paddle.tokenizer.duration")) == 2


def test_wrong_arguments(instrumented: Instrumented) -> None:
    """Python's own words."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'text'"):
        instrumented.tokenizer()()


@pytest.mark.parametrize("fault", ["encoded_size", "decoded_tokens", "padding_of"])
def test_a_bug_of_ours_in_counting(
    instrumented: Instrumented,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    telemetry_trouble: Any,
    fault: str,
) -> None:
    """Results are the library's, and it is logged once."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(tokenizer_patches, fault, raising(RuntimeError(SECRET)))
    tokenizer = instrumented.tokenizer()
    for _ in range(2):
        assert tokenizer("a bb", padding=True)["input_ids"] == [11, 12]
        assert tokenizer.decode([11, 12]) == "x xx"
    assert len([record for record in caplog.records if record.name == "paddle_otel"]) == 1
    assert SECRET not in caplog.text


def test_a_bug_of_ours_in_recording(
    instrumented: Instrumented,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    telemetry_trouble: Any,
) -> None:
    """Results and exceptions are the library's, and it is logged once."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(tokenizer_call, "_attributes", raising(RuntimeError(SECRET)))
    tokenizer = instrumented.tokenizer()
    for _ in range(2):
        assert tokenizer("a bb")["input_ids"] == [11, 12]
        with pytest.raises(ValueError, match=r"missing$") as caught:
            tokenizer(None)
        assert caught.value.__context__ is None
    assert len([record for record in caplog.records if record.name == "paddle_otel"]) == 1


def test_suppressed_and_switched_off(instrumented: Instrumented) -> None:
    """Nothing is counted inside ``suppress_instrumentation()``, nor after ``uninstrument()``."""
    tokenizer = instrumented.tokenizer()
    with suppress_instrumentation():
        tokenizer("a")
    kept = tokenizer.__call__
    instrumented.off()
    kept("a")
    tokenizer.decode([11])
    assert instrumented.recorder.points("paddle.tokenizer.duration") == []


def test_spans_in_a_trace_but_not_inside_generate(instrumented: Instrumented) -> None:
    """Encoding and decoding around a generation are spans of the request; a streamer's decoding is not."""
    tokenizer, stub = instrumented.tokenizer(), instrumented.stub()
    stub.script.on_step = lambda step: tokenizer.decode([11 + step])
    with instrumented.recorder.tracer_provider.get_tracer("user").start_as_current_span("request"):
        tokenizer("a b")
        stub.model.generate(stub.input_ids)
        tokenizer.decode([11, 12])
    assert [span.name for span in instrumented.recorder.children(instrumented.recorder.span("request"))] == [
        "tokenize StubTokenizer",
        "text_completion",
        "detokenize StubTokenizer",
    ]
    assert counted(instrumented, "decode") == (4, 5)


def rendered_then_encoded(tokenizer: Any) -> Any:
    """Render a conversation, then encode it, as most services do."""
    return tokenizer(tokenizer.apply_chat_template(CONVERSATION, tokenize=False), return_tensors="pd")


def several_rendered_then_encoded(tokenizer: Any) -> Any:
    """Render several conversations at once, then encode them."""
    texts = tokenizer.apply_chat_template([CONVERSATION, CONVERSATION], tokenize=False)
    return tokenizer(texts, padding=True, return_tensors="pd")


def one_of_two_rendered(tokenizer: Any) -> Any:
    """Encode a rendered conversation and a plain text together."""
    return tokenizer([tokenizer.apply_chat_template(CONVERSATION, tokenize=False), "Hello"], return_tensors="pd")


PROMPTS: list[tuple[Callable[[Any], Any], str]] = [
    (rendered_then_encoded, "chat"),
    (several_rendered_then_encoded, "chat"),
    (lambda t: t.apply_chat_template(CONVERSATION, return_tensors="pd"), "chat"),
    (lambda t: t(["Hello there"], return_tensors="pd"), "text_completion"),
    (one_of_two_rendered, "text_completion"),
]


@pytest.mark.parametrize(("encode", "name"), PROMPTS)
def test_a_chat_is_recognised(instrumented: Instrumented, encode: Any, name: str) -> None:
    """Where every text of the prompt came from a chat template the operation is ``chat``; its time is told."""
    ids = encode(instrumented.tokenizer())["input_ids"]
    instrumented.stub().model.generate(ids)
    attributes = instrumented.attributes(name)
    assert attributes["gen_ai.operation.name"] == name
    assert attributes["paddle.tokenize.duration"] > 0


def test_rendered_texts_are_no_tokens(instrumented: Instrumented) -> None:
    """A chat template that only renders, one conversation or several, counts no tokens."""
    tokenizer = instrumented.tokenizer()
    tokenizer.apply_chat_template(CONVERSATION, tokenize=False)
    tokenizer.apply_chat_template([CONVERSATION, CONVERSATION], tokenize=False)
    assert instrumented.recorder.points("paddle.tokenizer.tokens") == []


def test_threads_do_not_hide_each_other_s_calls(instrumented: Instrumented) -> None:
    """A call in one thread is not taken for part of a call in another."""
    tokenizer, together = instrumented.tokenizer(), threading.Barrier(8)

    def work() -> None:
        for _ in range(20):
            together.wait(10)
            tokenizer(["a b", "c"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(instrumented, "encode") == (160, 480)


class TestSharedBaseClass:
    """PaddleFormers' tokenizers share their base class with tokenizers that are not its own."""

    @pytest.fixture
    def library(self) -> Library:
        """Return the library concerned."""
        return "paddleformers"

    def test_other_tokenizers_are_left_alone(self, instrumented: Instrumented) -> None:
        """A tokenizer of the ``transformers`` package itself is not counted."""
        other = module("paddleformers.transformers.tokenizer_utils").OtherTokenizer()
        assert other("a b")["input_ids"] == [11, 11]
        assert other.decode([11]) == "x"
        assert other.batch_decode([[11]]) == ["x"]
        assert other.encode("a") == [11]
        assert instrumented.recorder.points("paddle.tokenizer.duration") == []

    def test_the_older_classes_are_seen_too(self, instrumented: Instrumented) -> None:
        """PaddleFormers' legacy tokenizers are counted like its new ones."""
        legacy = module("paddleformers.transformers.legacy.tokenizer_utils").StubTokenizer()
        legacy.apply_chat_template(CONVERSATION)
        legacy.batch_decode([[11]])
        assert counted(instrumented, "encode") == (1, 3)
        assert counted(instrumented, "decode") == (1, 1)

    def test_the_shared_class_is_restored(self, instrumented: Instrumented) -> None:
        """After ``uninstrument()`` the other package's class holds the functions it held."""
        tokenizer_of("paddleformers")
        base: Any = module("transformers.tokenization_utils_base").PreTrainedTokenizerBase
        instrumented.off()
        inherited: Any = base.__mro__[1]
        assert [vars(base)[name] is vars(inherited)[name] for name in ("encode", "decode", "batch_decode")] == [
            True
        ] * 3
