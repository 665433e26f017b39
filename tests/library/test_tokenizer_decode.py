"""Ids becoming text, and the spans of tokenizer calls."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import stacks
from library.expected import attributes_of, typed
from library.words import WORDS
from recording import Recorder

DURATION = "paddle.tokenizer.duration"
TOKENS = "paddle.tokenizer.tokens"
WHAT, IS, IT = (WORDS.index(word) for word in ("what", "is", "it"))
PAD, END = stacks.PAD, WORDS.index("endofturn")

IDS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "one row": (3, lambda _: [WHAT, IS, IT]),
    "a row filled up": (2, lambda _: [WHAT, IS, PAD, PAD]),
    "padding in front": (4, lambda _: [PAD, PAD, WHAT, IS]),
    "nothing": (0, lambda _: []),
    "a tensor": (2, lambda paddle: paddle.to_tensor([WHAT, IS, PAD])),
    "an array": (2, lambda paddle: paddle.to_tensor([WHAT, IS, PAD]).numpy()),
    "numbers of an array": (2, lambda paddle: list(paddle.to_tensor([WHAT, IS, PAD]).numpy())),
}


@pytest.mark.parametrize("name", IDS)
def test_decode_counts_what_is_turned_into_text(name: str, observed: Recorder, tokenizer: Any, paddle: Any) -> None:
    """Rows that ended early are filled up with padding, which is not counted."""
    tokens, make = IDS[name]
    tokenizer.decode(make(paddle))
    labels = {"paddle.tokenizer.class": type(tokenizer).__name__, "paddle.tokenizer.direction": "decode"}
    (point,) = observed.points(TOKENS)
    assert (dict(point.attributes), point.count, point.value) == (labels, 1, tokens)
    (duration,) = observed.points(DURATION)
    assert (dict(duration.attributes), duration.count) == (labels, 1)


def test_decode_by_name(observed: Recorder, tokenizer: Any) -> None:
    """The ids may be passed as a keyword."""
    tokenizer.decode(token_ids=[WHAT, IS, PAD])
    assert observed.point(TOKENS).value == 2


def test_an_id_that_also_ends_sequences_counts_once(observed: Recorder, tokenizer: Any) -> None:
    """Of a run of it at the end, the first is the end token and the others are padding."""
    tokenizer.pad_token = tokenizer.eos_token = "endofturn"
    tokenizer.decode([WHAT, END, IS, END, END, END])
    assert observed.point(TOKENS).value == 4


@pytest.mark.parametrize("by_name", [False, True])
def test_a_batch_is_decoded_in_one_call(by_name: bool, observed: Recorder, tokenizer: Any) -> None:
    """``batch_decode`` calls ``decode`` for each row; one call is counted."""
    rows = [[WHAT, IS, PAD], [IT, PAD, PAD], [WHAT, IS, IT]]
    texts = tokenizer.batch_decode(sequences=rows) if by_name else tokenizer.batch_decode(rows)
    assert [text.split()[0] for text in texts] == ["what", "it", "what"]
    assert (observed.point(TOKENS).count, observed.point(TOKENS).value) == (1, 6)
    assert observed.point(DURATION).count == 1


def test_the_text_is_the_same_with_and_without(observed: Recorder, stack: stacks.Stack, tokenizer: Any) -> None:
    """For one row and for several, with options by position and by name."""

    def texts() -> list[Any]:
        row = [WHAT, END, IS, PAD]
        return [
            tokenizer.decode(row),
            tokenizer.decode(row, True),
            tokenizer.decode(row, skip_special_tokens=True),
            tokenizer.batch_decode([row, row[:2]]),
            tokenizer.batch_decode([row, row[:2]], skip_special_tokens=True),
        ]

    with_us = texts()
    stack.new_instrumentor().uninstrument()
    assert with_us == texts()
    assert observed.spans() == []


def test_without_a_trace_there_are_no_spans(observed: Recorder, tokenizer: Any) -> None:
    """Tokenizer calls alone are metrics only."""
    tokenizer.decode(tokenizer("what is", add_special_tokens=False)["input_ids"])
    assert observed.spans() == []
    assert sum(point.count for point in observed.points(DURATION)) == 2


def test_under_a_recording_span_they_are_spans(observed: Recorder, tokenizer: Any) -> None:
    """Children of the span that is current, with class and count."""
    name = type(tokenizer).__name__
    tracer = observed.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request") as parent:
        ids = tokenizer("what is it", add_special_tokens=False)["input_ids"]
        tokenizer.batch_decode([ids, [*ids, PAD]])
    encode, decode, request = observed.spans()
    assert (encode.name, decode.name) == (f"tokenize {name}", f"detokenize {name}")
    for span, tokens in ((encode, 3), (decode, 6)):
        assert span.parent is not None
        assert span.parent.span_id == parent.get_span_context().span_id
        assert span.kind is SpanKind.INTERNAL
        assert span.status.status_code is StatusCode.UNSET
        expected = {"paddle.tokenizer.class": name, "paddle.tokenizer.tokens": tokens}
        assert typed(attributes_of(span)) == typed(expected)
    times = [request.start_time, encode.start_time, encode.end_time, decode.start_time, decode.end_time]
    assert all(time is not None for time in times)
    assert [*times, request.end_time] == sorted([*times, request.end_time], key=lambda time: time or 0)


def test_a_failing_call_is_a_failed_span(observed: Recorder, tokenizer: Any) -> None:
    """With the class of the exception, without its message."""
    tracer = observed.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request"), pytest.raises((TypeError, ValueError)) as caught:
        tokenizer(5)
    span = observed.span(f"tokenize {type(tokenizer).__name__}")
    expected = {"paddle.tokenizer.class": type(tokenizer).__name__, "error.type": caught.type.__name__}
    assert attributes_of(span) == expected
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, caught.type.__name__)


def test_a_span_that_is_not_recorded_has_none_below(stack: stacks.Stack, tokenizer_kind: str, tmp_path: Any) -> None:
    """A trace that was sampled out gets no tokenizer spans; the metrics go on."""
    recorder = Recorder(sampler=ALWAYS_OFF)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    with recorder.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        stack.tokenizer(tokenizer_kind, tmp_path)("what is")
    instrumentor.uninstrument()
    assert recorder.spans() == []


def test_suppressed_calls_are_not_seen(observed: Recorder, tokenizer: Any) -> None:
    """Where the caller suppressed instrumentation there is neither metric nor span."""
    with suppress_instrumentation():
        tokenizer.decode([WHAT, IS])
        tokenizer("what is")
    assert observed.points(DURATION) == []
