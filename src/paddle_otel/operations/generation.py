"""One ``generate`` call as a span with its children ``prefill`` and ``decode``, and as metrics."""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import spans
from paddle_otel.guard import attempt, guard, guarded
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from paddle_otel.operations.generation_metrics import GenerationMetrics, Timing
from paddle_otel.operations.resource_use import RESOURCE_USE, Use
from paddle_otel.operations.telemetry import Telemetry

_current: Final[ContextVar["Generation | None"]] = ContextVar("paddle_otel_generation", default=None)


class Generation:
    """A generation from its start to its end; :meth:`start` it, then exactly one of :meth:`finish` and :meth:`fail`.

    One that is made by its constructor may work in several parts, as a generator does, each between :meth:`enter` and
    :meth:`leave`; in between nothing of it is in the caller's context.

    Args:
        telemetry: Where it goes.
        metrics: The instruments.
        request: What is known before the call.
    """

    __slots__ = (
        "_caller_context",
        "_context",
        "_context_token",
        "_current_token",
        "_first_step_ns",
        "_inside",
        "_metrics",
        "_span",
        "_start_ns",
        "_start_unix_ns",
        "_steps",
        "_steps_are_certain",
        "_telemetry",
        "_use",
        "_used",
        "has_ended",
        "request",
    )

    def __init__(self, telemetry: Telemetry, metrics: GenerationMetrics, request: GenerationRequest) -> None:
        self.request = request
        self._telemetry = telemetry
        self._metrics = metrics
        self._steps = 0
        self._steps_are_certain = True
        self._first_step_ns = 0
        self.has_ended = False
        self._current_token: Token[Generation | None] | None = None
        self._start_unix_ns = time.time_ns()
        self._start_ns = time.perf_counter_ns()
        self._use = self._begin_use(request)
        self._used: Mapping[str, AttributeValue] = {}
        self._caller_context: Context = otel_context.get_current()
        self._span: Span = self._start_span()
        self._context: Context = trace.set_span_in_context(self._span, self._caller_context)
        self._inside = self._context
        metrics.started(self)

    @classmethod
    @guarded("starting a generation span")
    def start(cls, telemetry: Telemetry, metrics: GenerationMetrics, request: GenerationRequest) -> "Generation":
        """Start the span, make it current and count the generation as active.

        Returns:
            The generation, or ``None`` when telemetry failed: the call then goes unobserved.
        """
        generation = cls(telemetry, metrics, request)
        generation.enter()  # last: what fails before this leaves nothing behind in the caller's context
        return generation

    def enter(self) -> None:
        """Begin a part of the work, in this thread or task: current is its span, or what an earlier part left so."""
        self._context_token = otel_context.attach(self._inside)
        self._current_token = _current.set(self)

    def leave(self) -> None:
        """End a part of the work, where it began; without one it does nothing."""
        token, self._current_token = self._current_token, None
        if token is None:
            return
        # The caller's context first, each in its own guard: a generation that stays current hides all later ones.
        is_here = True
        with guard("leaving a generation"):
            try:
                _current.reset(token)
            except ValueError:
                is_here = False  # this is another context than the one it was entered in, or a copy of that one
        with guard("leaving the context of a generation"):
            if is_here:
                self._inside = otel_context.get_current()
                otel_context.detach(self._context_token)
            elif otel_context.get_current() is self._context:
                otel_context.attach(self._caller_context)

    def adopt(self, inner: GenerationRequest) -> None:
        """Take over what an inner call knows of the request, as when a vision-language model calls a language model.

        Args:
            inner: The inner call's request; operation and model stay the outer one's.
        """
        self.request = inner._replace(operation=self.request.operation, model=self.request.model)
        if self._use is None:
            self._use = self._begin_use(inner)
        self._span.set_attributes(inner.attributes)
        if inner.stream:
            self._span.set_attribute(a.GEN_AI_REQUEST_STREAM, value=True)

    def step(self) -> None:
        """Note that one decode step is done. Called once per step; only the first one's time and a count are kept."""
        if self._steps == 0:
            self._first_step_ns = time.perf_counter_ns()
        self._steps += 1

    @property
    def steps(self) -> int:
        """Decode steps so far."""
        return self._steps

    @property
    def live_output_tokens(self) -> int:
        """Output tokens so far, as far as they can be told before the end: one per step of a single sequence."""
        return self._steps if self.request.single_sequence else 0

    @property
    def cache_bytes(self) -> int | None:
        """Size of the key-value cache now in bytes, ``None`` when it is not known.

        The last token produced has not been fed back, so its keys and values are not in the cache.
        """
        per_token, columns = self.request.cache_bytes_per_token, self.request.prompt_columns
        if per_token is None or columns is None or self._steps == 0:
            return None
        return per_token * (columns + self._steps - 1)

    def finish(self, extract: Callable[[], GenerationResponse]) -> None:
        """End a generation that returned.

        Args:
            extract: Reads the response; called once, may fail.
        """
        end_ns = time.perf_counter_ns()
        self._stop()
        self._count_unseen_step(end_ns)
        try:
            response = attempt("reading the result of a generation", extract) or GenerationResponse()
            with guard("recording a generation"):
                self._record(response, end_ns, None)
        finally:
            self._end_span(end_ns)  # also when somebody presses Ctrl-C just now

    def fail(self, error: BaseException, extract: Callable[[], GenerationResponse]) -> None:
        """End a generation that raised.

        Args:
            error: What it raised; its class is recorded, its message is not (it may quote the prompt).
            extract: Reads what is known all the same, for instance the prompt's length; called once, may fail.
        """
        end_ns = time.perf_counter_ns()
        self._stop()
        kind = error_type(error)
        try:
            with guard("marking a failed generation"):
                self._span.set_attribute(a.ERROR_TYPE, kind)
                self._span.set_status(Status(StatusCode.ERROR, kind))
            response = attempt("reading the prompt of a failed generation", extract) or GenerationResponse()
            with guard("recording a failed generation"):
                self._record(response, end_ns, kind)
        finally:
            self._end_span(end_ns)

    def _start_span(self) -> Span:
        request = self.request
        attributes: dict[str, AttributeValue] = {
            a.GEN_AI_OPERATION_NAME: request.operation,
            a.GEN_AI_PROVIDER_NAME: a.PROVIDER_PADDLEPADDLE,
        }
        if request.model:
            attributes[a.GEN_AI_REQUEST_MODEL] = request.model
            attributes[a.GEN_AI_RESPONSE_MODEL] = request.model
        if request.stream:
            attributes[a.GEN_AI_REQUEST_STREAM] = True
        attributes.update(request.attributes)
        client = self._telemetry.settings.generation_span_kind == "client"
        return self._telemetry.tracer.start_span(
            spans.generation(request.operation, request.model),
            kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
            attributes=attributes,
            start_time=self._start_unix_ns,
        )

    def _stop(self) -> None:
        self.leave()
        self.has_ended = True
        with guard("counting a generation as ended"):
            self._metrics.stopped(self)
        with guard("ending the resource use of a generation"):
            if self._use is not None:
                self._used = self._use.end()

    @staticmethod
    def _begin_use(request: GenerationRequest) -> Use | None:
        # Also when no span is recorded: what a GPU uses is divided among all that run.
        return attempt(
            "beginning the resource use of a generation", RESOURCE_USE.begin, request.attributes.get(a.PADDLE_DEVICE)
        )

    def _count_unseen_step(self, end_ns: int) -> None:
        full = self.request.full_search_steps
        if full is None or self._steps >= full:
            return
        if self.request.may_end_early:
            self._steps_are_certain = False  # ended by a criterion, or by itself in a step that was not seen
            return
        self._first_step_ns = self._first_step_ns or end_ns
        self._steps += 1

    def _record(self, response: GenerationResponse, end_ns: int, error: str | None) -> None:
        timing = self._timing(end_ns)
        # In its own guard: a span processor that raises costs spans, not metrics.
        with guard("writing the span of a generation"):
            if self._span.is_recording():
                self._span.set_attributes(self._response_attributes(response, timing, error))
                self._write_children(end_ns)
        self._metrics.record(self, response, timing, error, self._context)

    def _timing(self, end_ns: int) -> Timing:
        return Timing(
            duration=(end_ns - self._start_ns) / 1e9,
            first_token=(self._first_step_ns - self._start_ns) / 1e9 if self._steps else None,
            per_token=self._seconds_per_token(end_ns),
        )

    def _seconds_per_token(self, end_ns: int) -> float | None:
        if self._steps < 2 or not self._steps_are_certain:  # noqa: PLR2004 - a first one and one after it
            return None
        return (end_ns - self._first_step_ns) / 1e9 / (self._steps - 1)

    def _response_attributes(
        self, response: GenerationResponse, timing: Timing, error: str | None
    ) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue | None] = {
            a.GEN_AI_USAGE_INPUT_TOKENS: response.input_tokens,
            a.GEN_AI_RESPONSE_FINISH_REASONS: self._finish_reasons(response, error),
            a.PADDLE_TIME_TO_FIRST_TOKEN: timing.first_token,
            a.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: timing.first_token if self.request.stream else None,
            a.PADDLE_TIME_PER_OUTPUT_TOKEN: None if error else timing.per_token,
            a.PADDLE_KV_CACHE_SIZE: self.cache_bytes if self._steps_are_certain else None,
        }
        found[a.GEN_AI_USAGE_OUTPUT_TOKENS] = response.total_output_tokens
        found[a.PADDLE_SEQUENCES_OUTPUT_TOKENS] = response.sequences_output_tokens
        found.update(self._used)
        return {key: value for key, value in found.items() if value is not None}

    def _finish_reasons(self, response: GenerationResponse, error: str | None) -> tuple[str, ...] | None:
        if error is None:
            return response.finish_reasons
        return (a.FINISH_ERROR,) * self.request.sequences if self.request.sequences else None

    def _write_children(self, end_ns: int) -> None:
        if self._steps == 0:
            return
        first = self._at(self._first_step_ns)
        tracer = self._telemetry.tracer
        tracer.start_span(spans.PREFILL, self._context, start_time=self._start_unix_ns).end(first)
        if self._steps > 1:
            tracer.start_span(spans.DECODE, self._context, start_time=first).end(self._at(end_ns))

    def _end_span(self, end_ns: int) -> None:
        with guard("ending a generation span"):
            self._span.end(self._at(end_ns))

    def _at(self, perf_ns: int) -> int:
        # One clock for everything inside a generation: a stepped wall clock cannot make a child outlive its parent.
        return self._start_unix_ns + (perf_ns - self._start_ns)


def current_generation() -> "Generation | None":
    """Return the generation that this code runs inside of, if any."""
    generation = _current.get()
    # What was begun inside a generation and outlives it, an asyncio task for instance, keeps its context.
    return None if generation is None or generation.has_ended else generation
