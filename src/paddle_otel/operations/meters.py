"""The instruments of one meter provider, shared by everybody who reports operations to it."""

import threading
from collections.abc import Callable, Iterable
from typing import Final, TypeVar, cast
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, NoOpMeterProvider, Observation

from paddle_otel import instruments
from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.conventions.metric import Metric
from paddle_otel.deferred_histogram import DeferredHistogram
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard
from paddle_otel.version import VERSION

SCOPE: Final = "paddle_otel.operations"
"""Instrumentation scope of the metrics of operations."""

_T = TypeVar("_T")

# Stands for the global provider, which is one and the same before and after an SDK is set: instruments that were
# created before pass on to it.
_GLOBAL: Final[MeterProvider] = NoOpMeterProvider()


class Meters:
    """The instruments of one meter provider.

    There is one for each provider, whichever instrumentors report to it: two instrumentors with an instrument of the
    same name would write the same series twice, and back ends that do not keep scopes apart would lose one of them. A
    second observable of one name would even lose its callback within the SDK.

    Args:
        provider: ``None`` for the global one.
    """

    def __init__(self, provider: MeterProvider | None) -> None:
        # Not the provider itself: this object is kept in a dictionary with the provider as its weak key.
        self.has_own_provider: Final = provider is not None
        self.meter: Final[Meter] = metrics.get_meter(SCOPE, VERSION, provider, SCHEMA_URL)
        self._deferred: list[DeferredHistogram] = []
        self._has_observable = False
        self._kept: dict[object, object] = {}
        self._users: set[str] = set()
        self._make_lock()
        call_in_forked_child(self._make_lock)

    def shared(self, kind: Callable[["Meters"], _T]) -> _T:
        """Return the one object of a class on this provider; made, with its instruments, when first asked for.

        Args:
            kind: A class whose only argument is this object.
        """
        return self.keep(kind, lambda: kind(self))

    def keep(self, key: object, make: Callable[[], _T]) -> _T:
        """Return what is kept here under a key, as long as the provider lives; made when first asked for."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return cast("_T", self._kept[key])

    def used_by(self, scope: str, *, active: bool) -> None:
        """Note that an instrumentor reports here, or no longer does."""
        if active:
            self._users.add(scope)
        else:
            self._users.discard(scope)

    def observable(self, metric: Metric, observe: Callable[[], Iterable[Observation]]) -> None:
        """Create an observable instrument that is silent while no instrumentor reports here.

        Args:
            metric: A metric of an ``observable_*`` kind.
            observe: Returns the observations; only reads what is known. May fail: then there are none.
        """

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            observations: list[Observation] = []
            # Also when switched off: what was measured before that is not lost.
            for histogram in tuple(self._deferred):
                with guard("recording what waited for a collection"):
                    histogram.flush()
            if self._users:
                with guard(f"observing {metric.name}"):
                    observations.extend(observe())
            return observations

        instruments.observable(self.meter, metric, callback)
        with self._lock:
            self._has_observable = True
            for histogram in self._deferred:
                histogram.begin_to_defer()

    def deferred_histogram(self, metric: Metric, *others: Metric) -> DeferredHistogram:
        """Create a histogram whose values are recorded at each collection, or several whose values come together.

        A collection is noticed by what it observes: as long as there is no :meth:`observable` here, values are recorded
        at once.
        """
        with self._lock:
            histogram = DeferredHistogram(self.meter, metric, *others, defers=self._has_observable)
            self._deferred.append(histogram)
        return histogram

    def _make_lock(self) -> None:
        self._lock = threading.RLock()  # an object that is being made may ask for another one


class Registry:
    """The :class:`Meters` of each provider; a provider that is gone is forgotten with its instruments."""

    def __init__(self) -> None:
        self._by_provider: WeakKeyDictionary[MeterProvider, Meters] = WeakKeyDictionary()
        self._make_lock()
        call_in_forked_child(self._make_lock)

    def of(self, provider: MeterProvider | None) -> Meters:
        """Return the one of a provider, ``None`` for the global one."""
        with self._lock:
            provider = self._known_as(provider)
            key = _GLOBAL if provider is None else provider
            meters = self._by_provider.get(key)
            if meters is None:
                meters = self._by_provider[key] = Meters(provider)
            return meters

    def _known_as(self, provider: MeterProvider | None) -> MeterProvider | None:
        # The global provider may have been named by somebody too, before or after it became the global one.
        with guard("looking for the global meter provider"):  # one named in the environment is loaded now
            global_one = metrics.get_meter_provider()
            if provider is None and global_one in self._by_provider:
                return global_one
            if provider is global_one and provider not in self._by_provider:
                return None
        return provider

    def forget(self) -> None:
        """Forget all, so that instruments are created anew (for tests that replace the global provider)."""
        self._by_provider.clear()

    def _make_lock(self) -> None:
        # The parent's may have been held at the moment of the fork. Reentrant: a finalizer may run in the middle of it.
        self._lock = threading.RLock()


METERS: Final = Registry()
"""Every meter provider's instruments."""
