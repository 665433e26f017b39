"""One ``generate`` call as a span with its children ``prefill`` and ``decode``, and as metrics."""

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel.activity import ACTIVITY, DECODE, PREFILL
from paddle_otel.budgets import BudgetExceeded
from paddle_otel.context_part import ContextPart
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import spans
from paddle_otel.guard import attempt, guard, guarded
from paddle_otel.hardware.resource_use_ratios import ratios
from paddle_otel.identity import Identity, current_identity
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.generation_report import GenerationEnd, span_attributes, start_attributes, usage_facts
from paddle_otel.operations.generation_steps import GenerationSteps
from paddle_otel.operations.generation_subscribers import GENERATION_SUBSCRIBERS, EndedGeneration
from paddle_otel.operations.operation_budget import OperationBudget, generation_spender
from paddle_otel.operations.resource_use import RESOURCE_USE, Use
from paddle_otel.operations.span_context import context_with
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.usage import emit_usage

_current: Final[ContextVar["Generation | None"]] = ContextVar("paddle_otel_generation", default=None)


class Generation:
    """A generation from its start to its end; :meth:`start` it, then exactly one of :meth:`finish` and :meth:`fail`.

    One that is made by its constructor may work in several parts, as a generator does, each between :meth:`enter` and
    :meth:`leave`; in between nothing of it is in the caller's context.

    Args:
        telemetry: Where it goes.
        metrics: The instruments.
        request: What is known before the call.
        steps: What counts its decode steps; it is made right before, as the generation begins with it.

    Attributes:
        request: What is known of it by now.
        identity: Who asked.
        has_budget: Whether any budget applies.
        has_ended: Whether it is over.
    """

    __slots__ = (
        "_activity",
        "_begun_at",
        "_budget",
        "_context",
        "_metrics",
        "_part",
        "_span",
        "_steps",
        "_telemetry",
        "_thread",
        "_use",
        "_used",
        "has_budget",
        "has_ended",
        "identity",
        "request",
    )

    def __init__(
        self,
        telemetry: Telemetry,
        metrics: GenerationMetrics,
        request: GenerationRequest,
        steps: GenerationSteps | None = None,
    ) -> None:
        self.request = request
        self._telemetry = telemetry
        self._metrics = metrics
        self.has_ended = False
        self._steps: Final = steps or GenerationSteps()
        self._use = self._begin_use(request)
        self._used: Mapping[str, AttributeValue] = {}
        caller_context = otel_context.get_current()
        self.identity: Final[Identity] = current_identity(caller_context)
        self._begun_at: Final = GENERATION_SUBSCRIBERS.places()
        self._span: Span = self._start_span()
        self._context: Final = context_with(self._span, caller_context)
        self._part: Final = ContextPart(self._context, caller_context, _current)
        metrics.started(self)
        try:
            # Last: what fails before this has taken no tokens that nobody would give back.
            self._budget: Final = OperationBudget(
                partial(generation_spender, self.identity, request), telemetry, self._context
            )
        except BaseException as error:  # Ctrl-C while a shared ledger is asked: nobody else would end it
            self._stop()
            self._mark_failed(error_type(error))
            self._end_span(time.perf_counter_ns())
            raise
        self.has_budget: Final = self._budget.applies

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
        self._part.enter(self)
        self._activity = DECODE if self._steps.number else PREFILL
        self._thread = threading.get_ident()  # where it is left may be another one
        ACTIVITY.begin(self._activity)

    def leave(self) -> None:
        """End a part of the work, where it began; without one it does nothing."""
        if not self._part.is_entered:
            return
        # The caller's context first: a generation that stays current hides all later ones.
        with guard("leaving a generation"):
            self._part.leave()
        ACTIVITY.end(self._activity, self._thread)

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

    def adopt_another(self) -> None:
        """Note that a further inner call follows: its tokens count, but no longer does the time of each step."""
        self._steps.are_certain = False
        self.request = self.request._replace(cache_bytes_per_token=None, full_search_steps=None)

    def step(
        self, tokens: int | None = None, upcoming: int | None = None, has_ended: Callable[[], bool] | None = None
    ) -> bool:
        """Note that one decode step is done. Called once per step; only the first one's time and counts are kept.

        Args:
            tokens: How many output tokens it made. Not said, a single sequence made one, and of several it is unknown:
                then their number is what budgets count until the end.
            upcoming: The most that the next step will make; as many as this one unless said.
            has_ended: Looks whether the generation has ended by itself with this step.

        Returns:
            Whether to stop here, as a budget is used up.
        """
        if self._steps.number == 0:
            self._begin_to_decode(time.perf_counter_ns())
        tokens = self._steps.count(tokens, self.request)
        if not self.has_budget:
            return False
        return self._budget.step(tokens, tokens if upcoming is None else upcoming, has_ended)

    def _begin_to_decode(self, now_ns: int) -> None:
        self._steps.first_ns = now_ns
        if self._part.is_entered:
            self._activity = DECODE
            ACTIVITY.change(PREFILL, DECODE)

    def refuse(self) -> Callable[[], BudgetExceeded] | None:
        """End the generation where a budget refuses it, before the model runs.

        Returns:
            What makes the exception to raise; ``None`` where it may run.
        """
        refusal = self._budget.refusal()
        if refusal is not None:
            # Nothing was computed: nothing was read and nothing written.
            self.fail(refusal(), lambda: GenerationResponse(input_tokens=0, output_tokens=0))
        return refusal

    @property
    def stopped_by(self) -> str | None:
        """Name of the budget that asked to stop after the latest step."""
        return self._budget.stopped_by

    @property
    def steps(self) -> int:
        """Decode steps so far."""
        return self._steps.number

    @property
    def live_output_tokens(self) -> int:
        """Output tokens so far, as far as they can be told before the end."""
        return self._steps.tokens

    @property
    def writes_unseen_for(self) -> float:
        """For how many seconds it has been writing tokens that may be counted only at its end; 0 where each is seen."""
        if self._steps.number and self._steps.tokens_are_exact:
            return 0.0
        return (time.perf_counter_ns() - self._steps.start_ns) / 1e9

    @property
    def cache_bytes(self) -> int | None:
        """Size of the key-value cache now in bytes, ``None`` when it is not known."""
        return self._steps.cache_bytes(self.request)

    def finish(self, extract: Callable[[], GenerationResponse]) -> None:
        """End a generation that returned.

        Args:
            extract: Reads the response; called once, may fail.
        """
        end_ns = time.perf_counter_ns()
        self._stop()
        if self.stopped_by is None:
            self._steps.count_unseen(self.request, end_ns)
        try:
            response = attempt("reading the result of a generation", extract) or GenerationResponse()
            self._budget.end(response.input_tokens, self._written(response))
            with guard("recording a generation"):
                self._record(response, end_ns, None)
        finally:
            self._end(end_ns)  # also when somebody presses Ctrl-C just now

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
            self._mark_failed(kind)
            response = attempt("reading the prompt of a failed generation", extract) or GenerationResponse()
            self._budget.end(response.input_tokens, self._written(response))
            with guard("recording a failed generation"):
                self._record(response, end_ns, kind)
        finally:
            self._end(end_ns)

    def _mark_failed(self, kind: str) -> None:
        with guard("marking a failed generation"):
            self._span.set_attribute(a.ERROR_TYPE, kind)
            self._span.set_status(Status(StatusCode.ERROR, kind))

    def _start_span(self) -> Span:
        request = self.request
        client = self._telemetry.settings.generation_span_kind == "client"
        return self._telemetry.tracer.start_span(
            spans.generation(request.operation, request.model),
            kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
            attributes=start_attributes(request, self.identity),
            start_time=self._steps.start_unix_ns,
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

    def _record(self, response: GenerationResponse, end_ns: int, error: str | None) -> None:
        timing = self._steps.timing(self.request, end_ns)
        cache_bytes = self.cache_bytes if self._steps.are_certain else None
        written, budget = self._written(response), self._budget.stopped_by
        made, used = self._tokens_made(written), self._used
        if used and written is not None:
            used = {**used, **ratios(used, written, timing.duration)}
        end = GenerationEnd(response, timing, written, made, error, budget, cache_bytes, used)
        if GENERATION_SUBSCRIBERS.are_there and not self._telemetry.watches_only:
            GENERATION_SUBSCRIBERS.tell(
                EndedGeneration(self.identity, self.request.model, response.input_tokens, made, error, self._begun_at)
            )
        # In its own guard: a span processor that raises costs spans, not metrics.
        with guard("writing the span of a generation"):
            if self._span.is_recording():
                self._span.set_attributes(span_attributes(self.request, end))
                self._write_children(end_ns)
        with guard("recording the metrics of a generation"):
            self._metrics.record(self, response, timing, error, self._context)
        emit_usage(self._telemetry, self.identity, usage_facts(self.request, end), self._context)

    def _tokens_made(self, written: int | None) -> int | None:
        """Return the output tokens as ``paddle.tokens`` has them: what was counted while it ran is not taken back."""
        live = self.live_output_tokens
        return max(written or 0, live) if live else written

    def _written(self, response: GenerationResponse) -> int | None:
        """Return the output tokens: those of the result, and without one those that were seen being made."""
        written = response.total_output_tokens
        if written is None and self._steps.tokens_are_exact:
            written = self.live_output_tokens or None
        return written

    def _write_children(self, end_ns: int) -> None:
        if self._steps.number == 0:
            return
        first = self._steps.unix_ns(self._steps.first_ns)
        tracer = self._telemetry.tracer
        tracer.start_span(spans.PREFILL, self._context, start_time=self._steps.start_unix_ns).end(first)
        if self._steps.number > 1:
            tracer.start_span(spans.DECODE, self._context, start_time=first).end(self._steps.unix_ns(end_ns))

    def _end(self, end_ns: int) -> None:
        self._budget.end(None, self._written(GenerationResponse()))
        self._end_span(end_ns)

    def _end_span(self, end_ns: int) -> None:
        with guard("ending a generation span"):
            self._span.end(self._steps.unix_ns(end_ns))


def current_generation() -> "Generation | None":
    """Return the generation that this code runs inside of, if any."""
    generation = _current.get()
    # What was begun inside a generation and outlives it, an asyncio task for instance, keeps its context.
    return None if generation is None or generation.has_ended else generation
