"""The instruments of the hardware on one meter provider."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import sampler as self_metrics
from paddle_otel.conventions.metric import Metric
from paddle_otel.deferred_histogram import DeferredHistogram
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.showing import Showing, Windows
from paddle_otel.instruments import ObservableCallback, observable
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.snapshot import Snapshot


class Outlet:
    """Instruments that show what a sampler reads while they are active.

    Created once per meter provider, because a second creation drops its callbacks silently.

    Args:
        meter: Where the instruments are created.
        sampler: Reads the devices.
        claims: Which devices this process reports.
    """

    def __init__(self, meter: Meter, sampler: Sampler, claims: Claims) -> None:
        self._meter = meter
        self._sampler = sampler
        self._claims = claims
        self._active = False
        self._shown: set[str] = set()
        self._showings: dict[Metric, list[Showing]] = {}
        self._durations: DeferredHistogram | None = None
        with guard("creating the metrics of the sampler"):
            self._durations = DeferredHistogram(meter, self_metrics.DURATION)
            observable(meter, self_metrics.ERRORS, self._errors)
            observable(meter, self_metrics.LAST_SUCCESS, self._last_success)
        call_in_forked_child(self._begin_anew)

    def show(self, kinds: Sequence[DeviceKind[Any]]) -> None:
        """Show these kinds of devices from now on, whenever it is active; those that it shows already are left."""
        for kind in kinds:
            if kind.name not in self._shown:
                self._shown.add(kind.name)
                windows = Windows(kind, self._claims, self._sampler)
                for observed in kind.metrics:
                    self._add(observed.metric, Showing(kind.name, windows, observed))
        self._active = True

    def hide(self) -> None:
        """Show nothing any more until the next :meth:`show`."""
        self._active = False
        self._begin_anew()

    def note(self, snapshot: Snapshot) -> None:
        """Note how long a snapshot took, for the next collection."""
        if self._durations is not None:
            for source, nanoseconds in snapshot.durations.items():
                self._durations.record(nanoseconds / 1e9, _source(source))

    def _begin_anew(self) -> None:
        """Let nothing that was shown before, or by the parent of a forked child, be the beginning of a window."""
        for showings in self._showings.values():
            for showing in showings:
                showing.forget()

    def _add(self, metric: Metric, showing: Showing) -> None:
        """Have a metric shown; several kinds of devices may share one, and it has one instrument."""
        if metric in self._showings:
            self._showings[metric].append(showing)
            return
        self._showings[metric] = [showing]
        with guard(f"creating {metric.name}"):
            observable(self._meter, metric, self._callback(self._showings[metric]))

    def _callback(self, showings: Sequence[Showing]) -> ObservableCallback:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            snapshot = self._sampler.latest() if self._active else None
            if snapshot is None:
                return []
            return [observation for showing in showings for observation in showing.observations(snapshot)]

        return observe

    def _errors(self, _: CallbackOptions) -> Iterable[Observation]:
        with guard(f"reporting {self_metrics.DURATION.name}"):
            if self._durations is not None:
                self._durations.flush()
        if not self._active:
            return []
        return [Observation(slot.errors, _source(slot.name)) for slot in self._sampler.sources]

    def _last_success(self, _: CallbackOptions) -> Iterable[Observation]:
        if not self._active:
            return []
        return [
            Observation(slot.last_success / 1e9, _source(slot.name))
            for slot in self._sampler.sources
            if slot.last_success is not None
        ]


@functools.cache
def _source(name: str) -> Mapping[str, str]:
    return {a.PADDLE_SAMPLER_SOURCE: name}
