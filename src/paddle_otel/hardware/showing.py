"""One metric of one kind of device, from snapshots to observations."""

import functools
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from opentelemetry.metrics import Observation

from paddle_otel.guard import guard
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
        self._made: dict[bool, _Made] = {}

    def between(self, before: Snapshot | None, now: Snapshot, *, of_process: bool) -> Window[Any] | None:
        """Return the window between two snapshots, ``None`` when there is nothing to report.

        Args:
            before: The snapshot that the collection before showed.
            now: The snapshot to show.
            of_process: Whether devices are included that another process reports.
        """
        losses = self._claims.losses
        made = self._made.get(of_process)
        if made is None or made.now is not now or made.before is not before or made.losses != losses:
            made = _Made(now, before, losses, self._make(before, now, of_process=of_process))
            self._made[of_process] = made
        return made.window

    def forget(self) -> None:
        """Let go of all readings."""
        self._made.clear()

    def _make(self, before: Snapshot | None, now: Snapshot, *, of_process: bool) -> Window[Any] | None:
        readings = self._kind.readings(now)
        if readings is not None and not of_process:
            readings = self._kind.reported(readings, self._claims.claim)
        if readings is None:
            return None
        earlier = self._kind.readings(before) if before is not None else None
        seconds = (now.started - before.started) / 1e9 if before is not None and earlier is not None else 0.0
        return Window(readings, earlier, seconds, self._samples(before, now))

    def _samples(self, before: Snapshot | None, now: Snapshot) -> Callable[[], tuple[Any, ...]]:
        @functools.cache  # several metrics of a window ask, and most of none
        def samples() -> tuple[Any, ...]:
            kept = () if before is None else self._sampler.between(before.finished + 1, now.finished)
            return tuple(
                readings
                # The sampler may have begun anew meanwhile and know nothing of now.
                for one in (kept if kept and kept[-1] is now else (now,))
                if (readings := self._kind.readings(one)) is not None
            )

        return samples


class _Made(NamedTuple):
    """A window, and what it was made from."""

    now: Snapshot
    before: Snapshot | None
    losses: int
    window: Window[Any] | None


class Showing:
    """Shows a metric of a kind at each collection, over the time since the collection before.

    All readers of a meter provider share this time: a collection by any of them begins the next window.

    Args:
        kind: The kind of device.
        windows: What it said.
        observed: The metric.
    """

    def __init__(self, kind: str, windows: Windows, observed: ObservedMetric[Any]) -> None:
        self._site: Final = f"reporting {observed.metric.name} of {kind}"
        self._windows = windows
        self._observed = observed
        self._now: Snapshot | None = None
        self._before: Snapshot | None = None

    def observations(self, snapshot: Snapshot) -> list[Observation]:
        """Return the points of a collection that sees this snapshot; none on trouble.

        A second reader that collects before the next sample sees the same points as the first.
        """
        if snapshot is not self._now:
            self._before, self._now = self._now, snapshot
        # An exception would be logged by the SDK at every collection.
        with guard(self._site):
            window = self._windows.between(self._before, snapshot, of_process=self._observed.of_process)
            if window is not None:
                return [Observation(value, attributes) for value, attributes in self._observed.points(window)]
        return []

    def forget(self) -> None:
        """Begin anew: what was shown before is no beginning of the next window."""
        self._now = self._before = None
        self._windows.forget()
