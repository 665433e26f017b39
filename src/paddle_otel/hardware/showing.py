"""One metric of one kind of device, from snapshots to observations."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from opentelemetry.metrics import Observation

from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import DeviceKind, ObservedMetric, Window
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.snapshot import Snapshot


class Windows:
    """What a kind of device said between two collections; made once for all its metrics of a collection.

    Args:
        kind: The kind of device.
        claims: Which devices this process reports.
        sampler: Where the samples between two collections are.
    """

    def __init__(self, kind: DeviceKind[Any], claims: Claims, sampler: Sampler) -> None:
        self._kind = kind
        self._claims = claims
        self._sampler = sampler
        self._latest: dict[bool, tuple[Snapshot, Snapshot | None, Window[Any] | None]] = {}

    def between(self, before: Snapshot | None, now: Snapshot, *, of_process: bool) -> Window[Any] | None:
        """Return the window between two snapshots, ``None`` when there is nothing to report.

        Args:
            before: The snapshot that the collection before showed.
            now: The snapshot to show.
            of_process: Whether devices are included that another process reports.
        """
        latest = self._latest.get(of_process)
        if latest is None or latest[0] is not now or latest[1] is not before:
            latest = (now, before, self._make(before, now, of_process=of_process))
            self._latest[of_process] = latest
        return latest[2]

    def _make(self, before: Snapshot | None, now: Snapshot, *, of_process: bool) -> Window[Any] | None:
        readings = self._kind.readings(now)
        if readings is not None and not of_process:
            readings = self._kind.reported(readings, self._claims.claim)
        if readings is None:
            return None
        earlier = self._kind.readings(before) if before is not None else None
        seconds = (now.started - before.started) / 1e9 if before is not None and earlier is not None else 0.0
        return Window(readings, earlier, seconds, partial(self._samples, before, now))

    def _samples(self, before: Snapshot | None, now: Snapshot) -> tuple[Any, ...]:
        if before is None:
            return (self._kind.readings(now),)
        kept = self._sampler.between(before.finished + 1, now.finished)
        return tuple(readings for one in kept if (readings := self._kind.readings(one)) is not None)


class Showing:
    """Shows a metric of a kind at each collection, over the time since the collection before.

    Args:
        windows: What the kind said.
        observed: The metric.
    """

    def __init__(self, windows: Windows, observed: ObservedMetric[Any]) -> None:
        self._windows = windows
        self._observed = observed
        self._now: Snapshot | None = None
        self._before: Snapshot | None = None

    def observations(self, snapshot: Snapshot) -> Iterable[Observation]:
        """Return the points of a collection that sees this snapshot.

        A second reader that collects before the next sample sees the same points as the first.
        """
        if snapshot is not self._now:
            self._before, self._now = self._now, snapshot
        window = self._windows.between(self._before, snapshot, of_process=self._observed.of_process)
        if window is None:
            return ()
        return [Observation(value, attributes) for value, attributes in self._observed.points(window)]

    def forget(self) -> None:
        """Begin anew: what was shown before is no beginning of the next window."""
        self._now = self._before = None
