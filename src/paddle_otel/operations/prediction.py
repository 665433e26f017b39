"""One run of a model that generates nothing: metrics always, a span where it is worth its price.

A small predictor runs in 80 microseconds and a span costs 50. The span is therefore written after the run, and only
below a span that is recorded or when the run took long (``PADDLE_OTEL_PREDICTION_SPANS``).
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel.activity import ACTIVITY, PREDICT
from paddle_otel.budgets import BudgetExceeded
from paddle_otel.budgets.spending import Spender
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions import spans
from paddle_otel.guard import attempt, guarded
from paddle_otel.identity import Identity, current_identity
from paddle_otel.operations.clock import unix_ns
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.meters import Meters
from paddle_otel.operations.operation_budget import OperationBudget, count_read_tokens
from paddle_otel.operations.resource_use import RESOURCE_USE, Use
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.usage import emit_prediction_usage

_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = MappingProxyType({})
_NO_GPU: Final = (None, "cpu")

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_model_call", default=False)


def inside_model_call() -> ContextVar[bool]:
    """Return the variable that is true while a call of a model goes on; calls of models inside it are part of it."""
    return _inside


def _is_below_a_recorded_span() -> bool:
    current = get_current()
    # Outside of every request it is empty, and that is quickly seen.
    return bool(current) and trace.get_current_span(current).is_recording()


class PredictedModel:
    """A model as its predictions report it; made once per model, not once per prediction.

    Args:
        name: What it was loaded as; ``None`` when nobody saw it being loaded.
        kind: One of the ``KIND_*`` values of :mod:`paddle_otel.conventions.attributes`.
        device: Where it runs, as Paddle writes it (``cpu``, ``gpu:0``), if known.
        embeddings: Whether it is known to make embeddings.
        attributes: More span attributes, the same for every prediction.
    """

    __slots__ = ("attributes", "device", "embeddings", "labels", "name", "span_name")

    def __init__(
        self,
        name: str | None,
        kind: str,
        *,
        device: str | None = None,
        embeddings: bool = False,
        attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES,
    ) -> None:
        self.name: Final = name
        self.device: Final = device
        self.embeddings: Final = embeddings
        self.labels: Final = {a.PADDLE_MODEL_NAME: name or a.MODEL_UNKNOWN, a.PADDLE_MODEL_KIND: kind}
        self.span_name: Final = (
            spans.generation(a.OPERATION_EMBEDDINGS, name) if embeddings else spans.predict(name or a.MODEL_UNKNOWN)
        )
        found: dict[str, AttributeValue] = {**attributes, **self.labels}
        if device:
            found[a.PADDLE_DEVICE] = device
        if embeddings:
            found[a.GEN_AI_OPERATION_NAME] = a.OPERATION_EMBEDDINGS
            found[a.GEN_AI_PROVIDER_NAME] = a.PROVIDER_PADDLEPADDLE
            if name:
                found[a.GEN_AI_REQUEST_MODEL] = name
        self.attributes: Final[Mapping[str, AttributeValue]] = found


class PredictionFacts(NamedTuple):
    """What is known of every prediction; ``None`` is unknown.

    Attributes:
        batch_size: Rows it was given.
        input_tokens: Tokens it was given, padding excluded.
    """

    batch_size: int | None = None
    input_tokens: int | None = None


_NO_FACTS: Final = PredictionFacts()


class PredictionReader(Protocol):
    """Reads a prediction that has ended, without copying anything from a device."""

    def facts(self) -> PredictionFacts:
        """Return what the metrics need; called after every prediction."""
        ...

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        """Return more attributes; called only when a span is written."""
        ...


class _NothingRead:
    """Of a prediction whose model was not run: it was given no tokens."""

    @staticmethod
    def facts() -> PredictionFacts:
        return PredictionFacts(input_tokens=0)

    @staticmethod
    def span_attributes() -> Mapping[str, AttributeValue]:
        return _NO_ATTRIBUTES


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


class PredictionMetrics:
    """The instruments of predictions.

    Args:
        meters: Where they are created.
    """

    def __init__(self, meters: Meters) -> None:
        self._duration = meters.deferred_histogram(m.PREDICTION_DURATION)
        self._batch_size = meters.deferred_histogram(m.PREDICTION_BATCH_SIZE)
        self._generations = meters.shared(GenerationMetrics)

    def record(
        self,
        model: PredictedModel,
        facts: PredictionFacts,
        seconds: float,
        error: str | None,
        identity: Identity | None = None,
    ) -> None:
        """Record a prediction that ended.

        Args:
            model: The model.
            facts: What is known of it.
            seconds: How long it took.
            error: ``error.type`` of a failure, ``None`` for success.
            identity: Who asked, where that is not who this code works for now.
        """
        self._duration.record(seconds, model.labels if error is None else {**model.labels, a.ERROR_TYPE: error})
        if facts.batch_size is not None:
            self._batch_size.record(facts.batch_size, model.labels)
        if facts.input_tokens is not None:
            self._generations.count_input(model.name, facts.input_tokens, identity)
        if model.embeddings:
            self._generations.record_embeddings(model.name, facts.input_tokens, seconds, error, identity)


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
    """One prediction; exactly one of :meth:`finish` and :meth:`fail` ends it.

    Args:
        predictions: Where it goes.
        model: What predicts.
    """

    __slots__ = ("_budget", "_is_activity", "_model", "_predictions", "_start_ns", "_use")

    def __init__(self, predictions: Predictions, model: PredictedModel) -> None:
        self._predictions = predictions
        self._model = model
        self._use: Use | None = None
        self._budget = embeddings_budget(model, predictions.telemetry) if model.embeddings else None
        self._is_activity = ACTIVITY.is_watched and current_generation() is None
        if self._is_activity:
            ACTIVITY.begin(PREDICT)
        # Inside a generation the GPU's use is the generation's.
        if RESOURCE_USE.is_told and model.device not in _NO_GPU and current_generation() is None:
            self._use = attempt("beginning the resource use of a prediction", RESOURCE_USE.begin, model.device)
        self._start_ns = time.perf_counter_ns()

    def refuse(self) -> Callable[[], BudgetExceeded] | None:
        """End the prediction where a budget refuses it, before the model runs: embeddings only.

        Returns:
            What makes the exception to raise; ``None`` where it may run.
        """
        refusal = None if self._budget is None else self._budget.refusal()
        if refusal is not None:
            self._end(time.perf_counter_ns(), _NOTHING_READ, error_type(refusal()))
        return refusal

    def finish(self, reader: PredictionReader) -> None:
        """End a prediction that returned.

        Args:
            reader: Reads what is known of it; may fail.
        """
        self._end(time.perf_counter_ns(), reader, None)

    def fail(self, error: BaseException, reader: PredictionReader) -> None:
        """End a prediction that raised.

        Args:
            error: What it raised; its class is recorded, its message is not.
            reader: Reads what is known all the same; may fail.
        """
        self._end(time.perf_counter_ns(), reader, error_type(error))

    @guarded("recording a prediction")
    def _end(self, end_ns: int, reader: PredictionReader, error: str | None) -> None:
        if self._is_activity:
            ACTIVITY.end(PREDICT)
        used = _NO_ATTRIBUTES if self._use is None else self._end_use(self._use)
        facts = attempt("reading a prediction", reader.facts) or _NO_FACTS
        elapsed_ns = end_ns - self._start_ns
        # In its own guard: broken instruments cost metrics, not spans.
        record, seconds = self._predictions.metrics.record, elapsed_ns / 1e9
        attempt("recording the metrics of a prediction", record, self._model, facts, seconds, error)
        context = self._write_span(end_ns, facts, used, error, reader) if self._is_span_due(elapsed_ns) else None
        if self._predictions.telemetry.has_budgets:
            self._spend(facts.input_tokens, context)
        if facts.input_tokens is not None:
            emit_prediction_usage(
                self._predictions.telemetry,
                self._model.name,
                embeddings=self._model.embeddings,
                kind=self._model.labels[a.PADDLE_MODEL_KIND],
                input_tokens=facts.input_tokens,
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

    @staticmethod
    def _end_use(use: Use) -> Mapping[str, AttributeValue]:
        return attempt("ending the resource use of a prediction", use.end) or _NO_ATTRIBUTES

    def _is_span_due(self, elapsed_ns: int) -> bool:
        settings = self._predictions.telemetry.settings
        if settings.prediction_spans != "auto":
            return settings.prediction_spans == "always"
        if elapsed_ns < settings.prediction_span_minimum * 1e9 and not _is_below_a_recorded_span():
            return False
        # A generation that is made of predictions would have thousands of spans that nobody reads.
        return current_generation() is None

    @guarded("writing the span of a prediction")
    def _write_span(
        self,
        end_ns: int,
        facts: PredictionFacts,
        used: Mapping[str, AttributeValue],
        error: str | None,
        reader: PredictionReader,
    ) -> Context:
        start_unix_ns = unix_ns(self._start_ns)
        # Everything is known by now, and given at once: samplers see it all, and setting it later would cost more.
        attributes: dict[str, AttributeValue] = {
            **self._model.attributes,
            **(attempt("describing a prediction", reader.span_attributes) or _NO_ATTRIBUTES),
            **used,
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
        return trace.set_span_in_context(span)
