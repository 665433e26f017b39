"""Loading models and tokenizers: a span, a duration, and the state of every model by name."""

import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import Span, Status, StatusCode

from paddle_otel import instruments
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions import spans
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard, guarded
from paddle_otel.operations.errors import error_type
from paddle_otel.operations.telemetry import Telemetry

MAXIMUM_MODELS: Final = 200
"""Model names whose state is told apart; further ones are not reported."""

_inside: Final[ContextVar[bool]] = ContextVar("paddle_otel_inside_load", default=False)
_STATES: Final = (a.STATE_LOADING, a.STATE_READY, a.STATE_FAILED, a.STATE_UNLOADED)


def inside_model_load() -> ContextVar[bool]:
    """Return the variable that is true while a load is being observed; inner loads are part of it."""
    return _inside


class ModelLoads:
    """Records loads of one instrumentor.

    Args:
        telemetry: Where they go.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.duration = instruments.histogram(telemetry.meter, m.MODEL_LOAD_DURATION)
        self.states = ModelStates()
        telemetry.observable(m.MODEL_STATE, self.states.observe)

    @guarded("starting a model load span")
    def start(self, name: str | None, kind: str, class_name: str) -> "ModelLoad":
        """Start the span and make it current.

        Args:
            name: The model's name, if known.
            kind: ``pretrained_model`` or ``tokenizer``.
            class_name: The class that was asked to load.

        Returns:
            The load, or ``None`` when telemetry failed.
        """
        return ModelLoad(self, name, kind, class_name)


class ModelLoad:
    """One load; exactly one of :meth:`finish` and :meth:`fail` ends it."""

    def __init__(self, loads: ModelLoads, name: str | None, kind: str, class_name: str) -> None:
        self._loads = loads
        self._name = name
        self._kind = kind
        self._attributes = {a.PADDLE_MODEL_KIND: kind}
        if name:
            self._attributes[a.PADDLE_MODEL_NAME] = name
        self._start_unix_ns = time.time_ns()
        self._start_ns = time.perf_counter_ns()
        self._span: Span = loads.telemetry.tracer.start_span(
            spans.load_model(name),
            attributes={**self._attributes, a.PADDLE_MODEL_CLASS: class_name},
            start_time=self._start_unix_ns,
        )
        self._context = trace.set_span_in_context(self._span)
        self._move(None, a.STATE_LOADING)
        # Last: what fails before this leaves nothing behind in the caller's context.
        self._token = otel_context.attach(self._context)

    def finish(self, loaded: Any) -> None:
        """End a load that returned.

        Args:
            loaded: What was loaded; only a weak reference is kept, to tell when it is gone.
        """
        with guard("recording a model load"):
            self._move(a.STATE_LOADING, a.STATE_READY)
            if self._kind == a.KIND_PRETRAINED_MODEL:
                finalizer = weakref.finalize(loaded, self._move, a.STATE_READY, a.STATE_UNLOADED)
                finalizer.atexit = False
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """End a load that raised."""
        with guard("recording a failed model load"):
            self._move(a.STATE_LOADING, a.STATE_FAILED)
            kind = error_type(error)
            self._span.set_attribute(a.ERROR_TYPE, kind)
            self._span.set_status(Status(StatusCode.ERROR, kind))
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        elapsed_ns = time.perf_counter_ns() - self._start_ns
        with guard("leaving a model load"):
            otel_context.detach(self._token)
        with guard("recording the duration of a model load"):
            if error is not None:
                self._attributes[a.ERROR_TYPE] = error_type(error)
            self._loads.duration.record(elapsed_ns / 1e9, self._attributes, self._context)
        with guard("ending a model load span"):
            self._span.end(self._start_unix_ns + elapsed_ns)

    def _move(self, old: str | None, new: str) -> None:
        # Tokenizers have no state of their own worth watching: they hold no device memory.
        if self._name and self._kind == a.KIND_PRETRAINED_MODEL:
            self._loads.states.move(self._name, old, new)


class ModelStates:
    """How many models of each name are in each state."""

    def __init__(self) -> None:
        self._models: dict[str, Counter[str]] = {}
        self._make_lock()
        call_in_forked_child(self._make_lock)

    def _make_lock(self) -> None:
        # Finalizers run wherever the last reference goes, possibly inside this class: the lock must be reentrant.
        # In a forked child only the lock is new: the models are in its memory too.
        self._lock = threading.RLock()

    def move(self, name: str, old: str | None, new: str) -> None:
        """Move one model of this name from a state (``None``: it is new) to another."""
        with self._lock:
            if name not in self._models and len(self._models) >= MAXIMUM_MODELS:
                return
            states = self._models.setdefault(name, Counter())
            if old is not None:
                states[old] -= 1
            states[new] += 1

    def observe(self) -> Iterable[Observation]:
        """Return one observation per model and state."""
        with self._lock:
            counts = {name: dict(states) for name, states in self._models.items()}
        for name, states in counts.items():
            for state in _STATES:
                attributes = {a.PADDLE_MODEL_NAME: name, a.PADDLE_MODEL_STATE: state}
                yield Observation(states.get(state, 0), attributes)
