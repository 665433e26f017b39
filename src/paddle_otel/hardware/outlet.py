"""The instruments of the hardware on one meter provider."""

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import sampler as self_metrics
from paddle_otel.conventions.metric import Metric
from paddle_otel.deferred_histogram import DeferredHistogram
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
        kinds: What is shown.
        claims: Which devices this process reports.
    """

    def __init__(self, meter: Meter, sampler: Sampler, kinds: Sequence[DeviceKind[Any]], claims: Claims) -> None:
        self._sampler = sampler
        self._claims = claims
        self._active = False
        self._showings: list[Showing] = []
        self._durations: DeferredHistogram | None = None
        for metric, showings in self._by_metric(kinds).items():
            with guard(f"creating {metric.name}"):
                observable(meter, metric, self._callback(metric, showings))
        with guard("creating the metrics of the sampler"):
            self._durations = DeferredHistogram(meter, self_metrics.DURATION)
            observable(meter, self_metrics.ERRORS, self._errors)
            observable(meter, self_metrics.LAST_SUCCESS, self._last_success)

    @property
    def active(self) -> bool:
        """Whether anything is shown."""
        return self._active

    @active.setter
    def active(self, active: bool) -> None:
        if active and not self._active:
            for showing in self._showings:
                showing.forget()
        self._active = active

    def note(self, snapshot: Snapshot) -> None:
        """Note how long a snapshot took, for the next collection."""
        if self._durations is not None:
            for source, nanoseconds in snapshot.durations.items():
                self._durations.record(nanoseconds / 1e9, {a.PADDLE_SAMPLER_SOURCE: source})

    def _by_metric(self, kinds: Sequence[DeviceKind[Any]]) -> dict[Metric, list[Showing]]:
        """Return what each metric is read off: several kinds of devices may have the same metric."""
        by_metric: dict[Metric, list[Showing]] = {}
        for kind in kinds:
            windows = Windows(kind, self._claims, self._sampler)
            for observed in kind.metrics:
                showing = Showing(windows, observed)
                self._showings.append(showing)
                by_metric.setdefault(observed.metric, []).append(showing)
        return by_metric

    def _callback(self, metric: Metric, showings: Sequence[Showing]) -> ObservableCallback:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            observations: list[Observation] = []
            snapshot = self._sampler.latest() if self._active else None
            if snapshot is not None:
                self._claims.used()
                for showing in showings:
                    # An exception here would be logged by the SDK at every collection.
                    with guard(f"reporting {metric.name}"):
                        observations.extend(showing.observations(snapshot))
            return observations

        return observe

    def _errors(self, _: CallbackOptions) -> Iterable[Observation]:
        with guard(f"reporting {self_metrics.DURATION.name}"):
            if self._durations is not None:
                self._durations.flush()
        if not self._active:
            return []
        return [Observation(slot.errors, {a.PADDLE_SAMPLER_SOURCE: slot.name}) for slot in self._sampler.sources]

    def _last_success(self, _: CallbackOptions) -> Iterable[Observation]:
        if not self._active:
            return []
        return [
            Observation(slot.last_success / 1e9, {a.PADDLE_SAMPLER_SOURCE: slot.name})
            for slot in self._sampler.sources
            if slot.last_success is not None
        ]
