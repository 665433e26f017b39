"""One run of a model that generates nothing: metrics always, a span where it is worth its price.

A small predictor runs in 80 microseconds and a span costs as much. The span is therefore written after the run, and
only below a span that is recorded or when the run took long (``PADDLE_OTEL_PREDICTION_SPANS``).
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, Protocol

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel.activity import ACTIVITY, PREDICT
from paddle_otel.budgets import BUDGETS, BudgetExceeded
from paddle_otel.budgets.spending import Spender
from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt, guarded, report
from paddle_otel.identity import Identity, current_identity
from paddle_otel.operations.clock import unix_ns
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.operation_budget import OperationBudget, count_read_tokens
from paddle_otel.operations.predicted_model import NO_ATTRIBUTES, PredictedModel, PredictionFacts
from paddle_otel.operations.prediction_metrics import PredictionMetrics
from paddle_otel.operations.resource_use import RESOURCE_USE, Use
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.usage import emit_prediction_usage
from paddle_otel.settings import PredictionSpans

_NO_FACTS: Final = PredictionFacts()
_NO_GPU: Final = (None, "cpu")

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_model_call", default=False)


def inside_model_call() -> ContextVar[bool]:
    """Return the variable that is true while a call of a model goes on; calls of models inside it are part of it."""
    return _inside


class PredictionReader(Protocol):
    """Reads a prediction that has ended, without copying anything from a device."""

    def facts(self) -> PredictionFacts:
        """Return what the metrics need; called after every prediction."""
        ...

    def span_attributes(self, result: Any, raised: BaseException | None) -> Mapping[str, AttributeValue]:
        """Return more attributes; called only when a span is written.

        Args:
            result: What it returned, ``None`` where it raised.
            raised: What it raised.
        """
        ...


class _NothingRead:
    """Of a prediction whose model was not run: it was given no tokens."""

    @staticmethod
    def facts() -> PredictionFacts:
        return PredictionFacts(input_tokens=0)

    @staticmethod
    def span_attributes(result: Any, raised: BaseException | None) -> Mapping[str, AttributeValue]:  # noqa: ARG004
        return NO_ATTRIBUTES


_NOTHING_READ: Final = _NothingRead()


def embeddings_budget(
    model: PredictedModel, telemetry: Telemetry, identity: Identity | None = None
) -> OperationBudget | None:
    """Ask the budgets whether a model may make embeddings.

    Args:
        model: The model.
        telemetry: Where events of budgets go.
        identity: Who asked, where that is not who this code works for now.

    Returns:
        What they say, ``None`` where there is none. Of other models nobody knows before the run whether they read
        tokens: those are counted at its end.
    """
    if not telemetry.has_budgets:
        return None
    return OperationBudget(lambda: Spender(identity or current_identity(), model.name, None, 0), telemetry, None)


class Predictions:
    """Records the predictions of one instrumentor.

    Args:
        telemetry: Where they go.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry: Final = telemetry
        self.metrics: Final = telemetry.meters.shared(PredictionMetrics)

    @guarded("starting a prediction")
    def start(self, model: PredictedModel) -> "Prediction":
        """Start the clock. Nothing becomes current: what runs inside a prediction is not told apart.

        Returns:
            The prediction, or ``None`` when telemetry failed: the call then goes unobserved.
        """
        return Prediction(self, model)


class Prediction:
    """One prediction, ended once.

    What is known of it is read when it has ended: by a subclass, or by a reader that is given then.

    Args:
        predictions: Where it goes.
        model: What predicts.
        in_place: Returns the model with its device, where that takes long to find out: called at once where somebody
            knows what a device is used for, otherwise at the end and only for a span.
    """

    __slots__ = ("_budget", "_in_place", "_is_activity", "_model", "_predictions", "_start_ns", "_use")

    def __init__(
        self, predictions: Predictions, model: PredictedModel, in_place: Callable[[], PredictedModel] | None = None
    ) -> None:
        self._predictions = predictions
        self._model = model
        self._in_place = in_place
        self._use: Use | None = None
        self._budget = embeddings_budget(model, predictions.telemetry) if model.embeddings else None
        self._is_activity = ACTIVITY.is_watched and current_generation() is None
        if self._is_activity:
            ACTIVITY.begin(PREDICT)
        if RESOURCE_USE.is_told:
            self._begin_use()
        self._start_ns = time.perf_counter_ns()

    def refuse(self) -> Callable[[], BudgetExceeded] | None:
        """End the prediction where a budget refuses it, before the model runs: embeddings only.

        Returns:
            What makes the exception to raise; ``None`` where it may run.
        """
        refusal = None if self._budget is None else self._budget.refusal()
        if refusal is not None:
            self.end(None, refusal(), _NOTHING_READ)
        return refusal

    def facts(self) -> PredictionFacts:
        """Return what the metrics need, see :class:`PredictionReader`; of its own a prediction knows nothing."""
        return _NO_FACTS

    def span_attributes(self, result: Any, raised: BaseException | None) -> Mapping[str, AttributeValue]:  # noqa: ARG002 - for those that read
        """Return more attributes, see :class:`PredictionReader`."""
        return NO_ATTRIBUTES

    def end(self, result: Any, raised: BaseException | None = None, reader: PredictionReader | None = None) -> None:
        """End the prediction; raises no ``Exception``.

        Args:
            result: What it returned, ``None`` where it raised.
            raised: What it raised, ``None`` where it returned; its class is recorded, its message is not.
            reader: Reads what is known of it, where the prediction does not itself; may fail.
        """
        end_ns = time.perf_counter_ns()
        reader = self if reader is None else reader
        error = None if raised is None else error_type(raised)
        used = self._end_use() if self._is_activity or self._use is not None else None
        # Error boundaries are written out here: where the program's own code has just filled the processor's caches,
        # each call costs more than what most of them protect.
        try:
            facts = reader.facts()
        except Exception as trouble:  # noqa: BLE001 - see above
            report("reading a prediction", trouble)
            facts = _NO_FACTS
        elapsed_ns = end_ns - self._start_ns
        predictions, seconds = self._predictions, elapsed_ns / 1e9
        try:  # of its own: broken instruments cost metrics, not spans
            predictions.metrics.record(self._model, facts, seconds, error)
        except Exception as trouble:  # noqa: BLE001 - see above
            report("recording the metrics of a prediction", trouble)
        try:
            settings, current = predictions.telemetry.settings, get_current()
            is_long = elapsed_ns >= settings.prediction_span_minimum * 1e9
            # Most predictions outside of requests are told by this alone: there the context is empty.
            may_be_due = is_long or current or settings.prediction_spans == "always"
            due = may_be_due and _is_span_due(settings.prediction_spans, current, is_long=is_long)
            span = None
            if due:
                described = attempt("describing a prediction", reader.span_attributes, result, raised)
                span = self._write_span(end_ns, facts, used, error, described)
            if facts.input_tokens is not None or BUDGETS.is_active:
                self._account_for(facts.input_tokens, seconds, error, used, span)
        except Exception as trouble:  # noqa: BLE001 - see above
            report("recording a prediction", trouble)

    @guarded("beginning the resource use of a prediction")
    def _begin_use(self) -> None:
        self._model, self._in_place = self._located(), None
        device = self._model.device
        # Inside a generation the GPU's use is the generation's.
        if device not in _NO_GPU and current_generation() is None:
            self._use = RESOURCE_USE.begin(device)

    @guarded("ending the resource use of a prediction")
    def _end_use(self) -> Mapping[str, AttributeValue] | None:
        if self._is_activity:
            ACTIVITY.end(PREDICT)
        return None if self._use is None else self._use.end()

    def _located(self) -> PredictedModel:
        found = None if self._in_place is None else attempt("looking for the device of a prediction", self._in_place)
        return found or self._model

    def _account_for(
        self,
        tokens: int | None,
        seconds: float,
        error: str | None,
        used: Mapping[str, AttributeValue] | None,
        span: Span | None,
    ) -> None:
        telemetry, context = self._predictions.telemetry, None if span is None else trace.set_span_in_context(span)
        if telemetry.has_budgets:
            self._spend(tokens, context)
        if tokens is not None:
            emit_prediction_usage(
                telemetry,
                self._model.name,
                embeddings=self._model.embeddings,
                kind=self._model.labels[a.PADDLE_MODEL_KIND],
                input_tokens=tokens,
                seconds=seconds,
                error=error,
                used=used,
                context=context,
            )

    def _spend(self, tokens: int | None, context: Context | None) -> None:
        if self._budget is not None:
            self._budget.end(tokens, 0)
        elif tokens is not None:
            count_read_tokens(current_identity(), self._model.name, tokens, self._predictions.telemetry, context)

    @guarded("writing the span of a prediction")
    def _write_span(
        self,
        end_ns: int,
        facts: PredictionFacts,
        used: Mapping[str, AttributeValue] | None,
        error: str | None,
        described: Mapping[str, AttributeValue] | None,
    ) -> Span:
        start_unix_ns = unix_ns(self._start_ns)
        # Everything is known by now, and given at once: samplers see it all, and setting it later would cost more.
        attributes: dict[str, AttributeValue] = {
            **self._located().attributes,
            **(described or NO_ATTRIBUTES),
            **(used or NO_ATTRIBUTES),
            **current_identity().attributes,
        }
        if facts.batch_size is not None:
            attributes[a.PADDLE_BATCH_SIZE] = facts.batch_size
        if facts.input_tokens is not None:
            attributes[a.GEN_AI_USAGE_INPUT_TOKENS] = facts.input_tokens
        if error is not None:
            attributes[a.ERROR_TYPE] = error
        span = self._predictions.telemetry.tracer.start_span(
            self._model.span_name, attributes=attributes, start_time=start_unix_ns
        )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(start_unix_ns + (end_ns - self._start_ns))
        return span


def _is_span_due(mode: PredictionSpans, current: Context, *, is_long: bool) -> bool:
    if mode != "auto":
        return mode == "always"
    # A generation that is made of predictions would have thousands of spans that nobody reads.
    return (is_long or trace.get_current_span(current).is_recording()) and current_generation() is None
