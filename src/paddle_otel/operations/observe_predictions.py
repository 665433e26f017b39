"""Predictions that a program reports itself: one run of a model that nobody else observes."""

import os
import time
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode

from paddle_otel.budgets import BudgetExceeded
from paddle_otel.conventions import attributes as a
from paddle_otel.decorators.generators import Refused
from paddle_otel.guard import attempt, guard, guarded
from paddle_otel.identity import current_identity
from paddle_otel.operations.current_span import CurrentSpan
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.observe_calls import Observer
from paddle_otel.operations.observe_reporting import Reporting, reporting
from paddle_otel.operations.observe_values import model_name, refuse_function, text, whole_number
from paddle_otel.operations.operation_budget import count_read_tokens
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts
from paddle_otel.operations.prediction import embeddings_budget
from paddle_otel.operations.resource_use import RESOURCE_USE, Use
from paddle_otel.operations.usage import emit_prediction_usage


class ObservedPrediction:
    """What a program says of its prediction while it runs. Nothing here ever raises; what is not said is absent."""

    __slots__ = ("_batch_size", "_input_tokens", "_is_observed")

    def __init__(self, batch_size: int | None, input_tokens: int | None, *, is_observed: bool) -> None:
        self._batch_size = batch_size
        self._input_tokens = input_tokens
        self._is_observed = is_observed

    @guarded("taking the batch size that a program reports")
    def set_batch_size(self, rows: int) -> None:
        """Say how many rows the model is given at once."""
        known = whole_number("set_batch_size(...)", rows)
        if self._is_observed and known is not None:
            self._batch_size = known

    @guarded("taking the input length that a program reports")
    def set_input_tokens(self, tokens: int) -> None:
        """Say how many tokens the model is given, padding excluded, all rows together."""
        known = whole_number("set_input_tokens(...)", tokens)
        if self._is_observed and known is not None:
            self._input_tokens = known

    def facts(self) -> PredictionFacts:
        """Return what was said."""
        return PredictionFacts(self._batch_size, self._input_tokens)


_UNOBSERVED: Final = ObservedPrediction(None, None, is_observed=False)


class observe_prediction(Observer[ObservedPrediction]):  # noqa: N801 - used as a statement and as a decorator
    """Reports one run of a model that generates nothing: a ``with`` or ``async with`` block, or a decorated function.

    Its span begins with it and is the current one, so that what is reported inside is below it. There is no span where
    ``PADDLE_OTEL_PREDICTION_SPANS`` is ``never``, and by default none inside a generation, which would have thousands.
    Its metrics are always written. Nothing is done while there is no OpenTelemetry SDK.

    Args:
        model: Its name; of a path, the last part is reported.
        batch_size: How many rows it is given at once.
        input_tokens: How many tokens it is given, padding excluded, all rows together.
        device: Where it runs, as Paddle writes it (``cpu``, ``gpu:0``).
        embeddings: Whether it makes embeddings.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        batch_size: int | None = None,
        input_tokens: int | None = None,
        device: str | None = None,
        embeddings: bool = False,
    ) -> None:
        refuse_function("observe_prediction", model)
        super().__init__("observe_prediction", _UNOBSERVED)
        self._model = model
        self._batch_size = batch_size
        self._input_tokens = input_tokens
        self._device = device
        self._embeddings = embeddings

    @guarded("starting a prediction that a program reports")
    def start(self, *, streams: bool) -> "_Observation | Refused | None":  # noqa: ARG002 - a generator of results is the same
        """Start to observe one prediction, ``None`` where nothing is to be reported."""
        to = reporting()
        if to is None:
            return None
        model = PredictedModel(
            model_name(self._model),
            a.KIND_CUSTOM,
            device=text("device", self._device),
            embeddings=self._embeddings is True,
        )
        rows = whole_number("batch_size", self._batch_size)
        tokens = whole_number("input_tokens", self._input_tokens)
        observation = _Observation(to, model, ObservedPrediction(rows, tokens, is_observed=True))
        refusal = observation.refuse()
        return observation if refusal is None else Refused(refusal)


class _Observation:
    """One prediction that is being observed."""

    __slots__ = (
        "_budget",
        "_caller_context",
        "_current",
        "_identity",
        "_left_ns",
        "_model",
        "_process",
        "_start_ns",
        "_start_unix_ns",
        "_to",
        "_use",
        "_waited_ns",
        "handle",
    )

    def __init__(self, to: Reporting, model: PredictedModel, handle: ObservedPrediction) -> None:
        self.handle = handle
        self._to = to
        self._model = model
        self._process = os.getpid()
        self._caller_context = otel_context.get_current()
        self._identity = current_identity(self._caller_context)
        self._budget = embeddings_budget(model, to.telemetry, self._identity) if model.embeddings else None
        is_outermost = current_generation() is None
        # Inside a generation the GPU's use is the generation's.
        self._use: Use | None = self._begin_use() if is_outermost else None
        self._left_ns = 0  # when the latest part was left, 0 while one goes on
        self._waited_ns = 0
        self._start_unix_ns = time.time_ns()
        self._start_ns = time.perf_counter_ns()
        mode = to.telemetry.settings.prediction_spans
        due = mode == "always" or (mode == "auto" and is_outermost)
        self._current = CurrentSpan(self._start_span()) if due else None

    def _begin_use(self) -> Use | None:
        return attempt("beginning the use of a reported prediction", RESOURCE_USE.begin, self._model.device)

    def _start_span(self) -> Any:
        return self._to.telemetry.tracer.start_span(
            self._model.span_name,
            attributes={**self._model.attributes, **self._identity.attributes},
            start_time=self._start_unix_ns,
        )

    def refuse(self) -> Callable[[], BudgetExceeded] | None:
        """End it where a budget refuses it, before the program's code runs; returns what makes the exception."""
        refusal = None if self._budget is None else self._budget.refusal()
        if refusal is not None:
            self._left_ns = time.perf_counter_ns()
            self.handle = ObservedPrediction(None, 0, is_observed=True)  # the model was not run
            self._end(refusal())
        return refusal

    @guarded("entering a prediction that a program reports")
    def enter(self) -> None:
        if self._left_ns:
            self._waited_ns += time.perf_counter_ns() - self._left_ns
            self._left_ns = 0
        if self._current is not None:
            self._current.enter()

    @guarded("leaving a prediction that a program reports")
    def leave(self) -> None:
        self._left_ns = time.perf_counter_ns()
        if self._current is not None:
            self._current.leave()

    def gave(self, value: Any) -> None:
        """Nothing: a prediction has no steps."""

    def finished(self) -> None:
        self._end(None)

    def closed(self) -> None:
        self._end(None)  # that somebody has read enough is no error

    def failed(self, error: BaseException) -> None:
        self._end(error)

    def _spend(self, tokens: int | None, context: Context) -> None:
        if self._budget is not None:
            self._budget.end(tokens, 0)
        elif tokens is not None:
            count_read_tokens(self._identity, self._model.name, tokens, self._to.telemetry, context)

    @guarded("ending a prediction that a program reports")
    def _end(self, raised: BaseException | None) -> None:
        if os.getpid() != self._process:
            return  # in a forked child it goes on as a copy; the parent reports it
        error = None if raised is None else error_type(raised)
        used = None if self._use is None else attempt("ending the use of a reported prediction", self._use.end)
        facts = self.handle.facts()
        seconds = (self._left_ns - self._start_ns - self._waited_ns) / 1e9
        # In its own guard: broken instruments cost metrics, not spans.
        with guard("recording the metrics of a prediction that a program reports"):
            self._to.predictions.record(self._model, facts, seconds, error, self._identity)
        context = self._caller_context if self._current is None else self._current.context
        self._spend(facts.input_tokens, context)
        if facts.input_tokens is not None:
            emit_prediction_usage(
                self._to.telemetry,
                self._model.name,
                embeddings=self._model.embeddings,
                kind=a.KIND_CUSTOM,
                input_tokens=facts.input_tokens,
                seconds=seconds,
                error=error,
                used=used,
                context=context,
            )
        if self._current is None:
            return
        span = self._current.span
        with guard("describing a prediction that a program reports"):
            span.set_attributes(used or {})
            if facts.batch_size is not None:
                span.set_attribute(a.PADDLE_BATCH_SIZE, facts.batch_size)
            if facts.input_tokens is not None:
                span.set_attribute(a.GEN_AI_USAGE_INPUT_TOKENS, facts.input_tokens)
            if error is not None:
                span.set_attribute(a.ERROR_TYPE, error)
                span.set_status(Status(StatusCode.ERROR, error))
        span.end(self._start_unix_ns + (self._left_ns - self._start_ns))
