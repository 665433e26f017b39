"""Tokenizer calls as metrics, and as spans where a trace is being recorded."""

import time
from contextvars import ContextVar
from functools import lru_cache
from typing import Final, Literal

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions import spans
from paddle_otel.guard import guard, guarded
from paddle_otel.identity import current_identity
from paddle_otel.operations.clock import unix_ns
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.meters import Meters
from paddle_otel.operations.telemetry import Telemetry

Direction = Literal["encode", "decode"]

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_tokenizer", default=False)


def inside_tokenizer_call() -> ContextVar[bool]:
    """Return the variable that is true while a tokenizer call is being observed; inner calls are part of it."""
    return _inside


class Timer:
    """Start and end of a tokenizer call, from ``time.perf_counter_ns``. Starts when made."""

    __slots__ = ("end_ns", "start_ns")

    def __init__(self) -> None:
        self.end_ns = 0
        self.start_ns = time.perf_counter_ns()

    def stop(self) -> None:
        """Note the end."""
        self.end_ns = time.perf_counter_ns()

    @property
    def seconds(self) -> float:
        """The time between start and end."""
        return (self.end_ns - self.start_ns) / 1e9


class TokenizerMetrics:
    """The histograms of tokenizer calls.

    Args:
        meters: Where they are created.
    """

    def __init__(self, meters: Meters) -> None:
        self.duration_and_tokens: Final = meters.deferred_histogram(m.TOKENIZER_DURATION, m.TOKENIZER_TOKENS)


class TokenizerCalls:
    """Records tokenizer calls of one instrumentor.

    Args:
        telemetry: Where they go.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._metrics = telemetry.meters.shared(TokenizerMetrics)

    @guarded("recording a tokenizer call")
    def record(
        self,
        tokenizer_class: str,
        direction: Direction,
        timer: "Timer",
        tokens: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Record a tokenizer call that has just ended.

        Args:
            tokenizer_class: Class name of the tokenizer.
            direction: ``encode`` for text to ids, ``decode`` for ids to text.
            timer: Its start and end.
            tokens: Its tokens without padding, ``None`` when unknown.
            error: What it raised, if it did.
        """
        attributes = _attributes(tokenizer_class, direction, None if error is None else error_type(error))
        # In its own guard: broken instruments cost metrics, not spans.
        with guard("recording the metrics of a tokenizer call"):
            self._metrics.duration_and_tokens.record(timer.seconds, attributes, tokens)
        # Inside a generation a streamer decodes once or twice per token: thousands of spans that nobody reads.
        if trace.get_current_span().is_recording() and current_generation() is None:
            start_unix_ns = unix_ns(timer.start_ns)
            span = self._start_span(tokenizer_class, direction, start_unix_ns, tokens)
            if error is not None:
                span.set_attribute(a.ERROR_TYPE, attributes[a.ERROR_TYPE])
                span.set_status(Status(StatusCode.ERROR, attributes[a.ERROR_TYPE]))
            span.end(start_unix_ns + (timer.end_ns - timer.start_ns))

    def _start_span(self, tokenizer_class: str, direction: Direction, start_unix_ns: int, tokens: int | None) -> Span:
        name = spans.tokenize if direction == a.DIRECTION_ENCODE else spans.detokenize
        attributes: dict[str, AttributeValue] = {
            a.PADDLE_TOKENIZER_CLASS: tokenizer_class,
            **current_identity().attributes,
        }
        if tokens is not None:
            attributes[a.PADDLE_TOKENIZER_TOKENS] = tokens
        return self._telemetry.tracer.start_span(name(tokenizer_class), attributes=attributes, start_time=start_unix_ns)


@lru_cache(maxsize=256)
def _attributes(tokenizer_class: str, direction: Direction, error: str | None) -> dict[str, str]:
    attributes = {a.PADDLE_TOKENIZER_CLASS: tokenizer_class, a.PADDLE_TOKENIZER_DIRECTION: direction}
    if error is not None:
        attributes[a.ERROR_TYPE] = error
    return attributes
