"""Loading models and tokenizers: a span, a duration, and the state of every model by name."""

import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

from opentelemetry.metrics import Observation
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions import spans
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard, guarded
from paddle_otel.operations.current_span import CurrentSpan
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.meters import Meters
from paddle_otel.operations.telemetry import Telemetry

MAXIMUM_MODELS: Final = 200
"""Models (by kind and name) whose state is told apart; further ones are not reported."""

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_load", default=False)
_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = MappingProxyType({})
_STATES: Final = (a.STATE_LOADING, a.STATE_READY, a.STATE_FAILED, a.STATE_UNLOADED)


def inside_model_load() -> ContextVar[bool]:
    """Return the variable that is true while a load is being observed; inner loads are part of it."""
    return _inside


class LoadMetrics:
    """The instruments of model loads.

    Args:
        meters: Where they are created.
    """

    def __init__(self, meters: Meters) -> None:
        # Deferred: a master that loads a model and forks its workers before the first export counts it once.
        self.duration: Final = meters.deferred_histogram(m.MODEL_LOAD_DURATION)
        self.states: Final = ModelStates()
        meters.observable(m.MODEL_STATE, self.states.observe)


class ModelLoads:
    """Records loads of one instrumentor.

    Args:
        telemetry: Where they go.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry: Final = telemetry
        self.metrics: Final = telemetry.meters.shared(LoadMetrics)

    @guarded("starting a model load span")
    def start(
        self,
        name: str | None,
        kind: str,
        class_name: str | None = None,
        attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES,
    ) -> "ModelLoad":
        """Start the span and make it current.

        Args:
            name: The model's name, if known.
            kind: One of the ``KIND_*`` values of :mod:`paddle_otel.conventions.attributes`.
            class_name: The class that was asked to load, where there is one.
            attributes: More span attributes, only those that are known.

        Returns:
            The load, or ``None`` when telemetry failed.
        """
        return ModelLoad(self, name, kind, class_name, attributes)


class ModelLoad:
    """One load; exactly one of :meth:`finish` and :meth:`fail` ends it."""

    def __init__(
        self,
        loads: ModelLoads,
        name: str | None,
        kind: str,
        class_name: str | None,
        attributes: Mapping[str, AttributeValue],
    ) -> None:
        self._loads = loads
        self._name = name
        self._kind = kind
        self._attributes = {a.PADDLE_MODEL_KIND: kind}
        if name:
            self._attributes[a.PADDLE_MODEL_NAME] = name
        span_attributes: dict[str, AttributeValue] = {**attributes, **self._attributes}
        if class_name:
            span_attributes[a.PADDLE_MODEL_CLASS] = class_name
        self._start_unix_ns = time.time_ns()
        self._start_ns = time.perf_counter_ns()
        self._span = loads.telemetry.tracer.start_span(
            spans.load_model(name),
            attributes=span_attributes,
            start_time=self._start_unix_ns,
        )
        self._current = CurrentSpan(self._span)
        self._move(None, a.STATE_LOADING)
        self._current.enter()  # last: what fails before this leaves nothing behind in the caller's context

    def finish(self, loaded: Any) -> None:
        """End a load that returned.

        Args:
            loaded: What was loaded; only a weak reference is kept, to tell when it is gone.
        """
        self._leave()
        try:
            with guard("recording a model load"):
                self._move(a.STATE_LOADING, a.STATE_READY)
                if self._name and self._has_state():
                    _watch(loaded, self._loads.metrics.states, (self._kind, self._name))
        finally:
            self._end(None)  # also when somebody presses Ctrl-C just now

    def fail(self, error: BaseException) -> None:
        """End a load that raised."""
        self._leave()
        kind = error_type(error)
        try:
            with guard("recording a failed model load"):
                self._move(a.STATE_LOADING, a.STATE_FAILED)
                self._span.set_attribute(a.ERROR_TYPE, kind)
                self._span.set_status(Status(StatusCode.ERROR, kind))
        finally:
            self._end(kind)

    def _leave(self) -> None:
        # The caller's context first: a load that stays current would be the parent of all later spans.
        self._elapsed_ns = time.perf_counter_ns() - self._start_ns
        with guard("leaving a model load"):
            self._current.leave()

    def _end(self, error: str | None) -> None:
        labels = self._attributes if error is None else {**self._attributes, a.ERROR_TYPE: error}
        try:
            with guard("recording the duration of a model load"):
                self._loads.metrics.duration.record(self._elapsed_ns / 1e9, labels)
        finally:
            with guard("ending a model load span"):
                self._span.end(self._start_unix_ns + self._elapsed_ns)

    def _move(self, old: str | None, new: str) -> None:
        if self._name and self._has_state():
            self._loads.metrics.states.move((self._kind, self._name), old, new)

    def _has_state(self) -> bool:
        # Tokenizers have no state of their own worth watching: they hold no device memory.
        return self._kind != a.KIND_TOKENIZER


def _watch(loaded: Any, states: "ModelStates", model: tuple[str, str]) -> None:
    # Nothing but the states is kept as long as the model lives: neither the span nor where it was reported to.
    try:
        finalizer = weakref.finalize(loaded, states.move, model, a.STATE_READY, a.STATE_UNLOADED)
    except TypeError:
        return  # a tuple, say: when it goes cannot be told
    finalizer.atexit = False


class ModelStates:
    """How many models of each kind and name are in each state."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], Counter[str]] = {}
        self._make_lock()
        call_in_forked_child(self._make_lock)

    def _make_lock(self) -> None:
        # Finalizers run wherever the last reference goes, possibly inside this class: the lock must be reentrant.
        # In a forked child only the lock is new: the models are in its memory too.
        self._lock = threading.RLock()

    def move(self, model: tuple[str, str], old: str | None, new: str) -> None:
        """Move one model of this kind and name from a state (``None``: it is new) to another."""
        with self._lock:
            if model not in self._models and len(self._models) >= MAXIMUM_MODELS:
                return
            states = self._models.setdefault(model, Counter())
            if old is not None:
                states[old] -= 1
            states[new] += 1

    def observe(self) -> Iterable[Observation]:
        """Return one observation per model and state."""
        with self._lock:
            counts = {model: dict(states) for model, states in self._models.items()}
        for (kind, name), states in counts.items():
            for state in _STATES:
                attributes = {a.PADDLE_MODEL_NAME: name, a.PADDLE_MODEL_KIND: kind, a.PADDLE_MODEL_STATE: state}
                yield Observation(states.get(state, 0), attributes)
