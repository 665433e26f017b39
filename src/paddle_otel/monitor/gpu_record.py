"""What a monitor remembers of one GPU."""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Final

from paddle_otel.hardware.nvml.reading import GpuReading, GpuState
from paddle_otel.monitor import energy
from paddle_otel.monitor.history import GpuHistory, Moment
from paddle_otel.monitor.quantities import QUANTITIES, row_of
from paddle_otel.monitor.statistics import ActivityStatistics, DeviceStatistics
from paddle_otel.monitor.summary import Running, Summary

_PADDLE: Final = "gpu:"


class _Activity:
    """The GPU while Paddle did one kind of thing."""

    __slots__ = ("joules", "seconds", "values")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.joules: float | None = None
        self.values = tuple(Running() for _ in QUANTITIES)

    def use(self, joules: float) -> None:
        self.joules = (self.joules or 0.0) + joules


class GpuRecord:
    """Everything of one GPU since the monitor was started.

    Args:
        capacity: How many samples are kept.
    """

    def __init__(self, capacity: int) -> None:
        self.history = GpuHistory(capacity)
        self._samples = 0
        self._whole = _Activity()
        self._activities: dict[str, _Activity] = {}
        self._energy_seconds = 0.0
        self._methods: set[str] = set()
        self._latest: GpuReading | None = None
        self._latest_at = 0.0
        self._state: GpuState | None = None
        self._ordinal: int | None = None
        self._memory_total: int | None = None

    def note(self, moment: Moment, reading: GpuReading) -> tuple[float, ...] | None:
        """Note a sample.

        Args:
            moment: When it was taken.
            reading: What the GPU said.

        Returns:
            The values, ``None`` of a GPU that is lost.
        """
        before, self._latest = self._latest, reading
        passed, self._latest_at = moment.elapsed - self._latest_at, moment.elapsed
        if reading.lost:
            return None
        self._ordinal = reading.ordinal if reading.ordinal is not None else self._ordinal
        self._memory_total = reading.memory_total or self._memory_total
        row = row_of(reading, self._state)
        self._state = reading.state
        self.history.append(moment, row)
        self._samples += 1
        _add(self._whole, row, 1.0)
        for kind, share in moment.shares:
            _add(self._activity(kind), row, share)
        if before is not None and not before.lost:
            self._note_time(moment, before, reading, passed)
        return row

    def _note_time(self, moment: Moment, before: GpuReading, now: GpuReading, passed: float) -> None:
        self._whole.seconds += passed
        used = energy.between(before, now, passed)
        if used is not None:
            self._whole.use(used.joules)
            self._energy_seconds += used.seconds
            self._methods.add(used.method)
        for kind, share in moment.shares:
            activity = self._activity(kind)
            activity.seconds += passed * share
            if used is not None:
                activity.use(used.joules * share)

    def _activity(self, kind: str) -> _Activity:
        return self._activities.setdefault(kind, _Activity())

    def copy(self) -> "GpuRecord":
        """Return what is known now; quick, so that nobody who reads devices waits for statistics."""
        clone = copy.copy(self)
        clone.history = self.history.copy()
        clone._whole, clone._activities = copy.deepcopy((self._whole, self._activities))  # noqa: SLF001 - of this class
        clone._methods = set(self._methods)  # noqa: SLF001 - of this class
        return clone

    @property
    def device(self) -> str | None:
        """The GPU as Paddle writes it, ``None`` when its number is not known."""
        return f"{_PADDLE}{self._ordinal}" if self._ordinal is not None else None

    def statistics(self, uuid: str) -> DeviceStatistics:
        """Return the whole.

        Args:
            uuid: The GPU's.
        """
        latest = self._latest
        kept = list(self.history)
        return DeviceStatistics(
            uuid=uuid,
            name=latest.identity.name if latest is not None else None,
            device=self.device,
            samples=self._samples,
            lost=latest is not None and latest.lost,
            memory_total_bytes=self._memory_total,
            energy_joules=self._whole.joules,
            energy_seconds=self._energy_seconds,
            energy_method=self._energy_method(),
            sampled_seconds=self._whole.seconds,
            quantities=_summaries(self._whole, [(1.0, row) for _, row in kept]),
            activities={
                kind: ActivityStatistics(activity.seconds, activity.joules, _summaries(activity, _weighted(kept, kind)))
                for kind, activity in self._activities.items()
            },
        )

    def _energy_method(self) -> energy.EnergyMethod | None:
        if len(self._methods) > 1:
            return "mixed"
        if energy.COUNTER in self._methods:
            return energy.COUNTER
        return energy.POWER_ESTIMATE if self._methods else None


def _add(activity: _Activity, row: Sequence[float], weight: float) -> None:
    for running, value in zip(activity.values, row, strict=True):
        if not math.isnan(value):
            running.add(value, weight)


def _summaries(activity: _Activity, kept: Sequence[tuple[float, Sequence[float]]]) -> dict[str, Summary]:
    return {
        quantity.name: running.summary((row[place], weight) for weight, row in kept if not math.isnan(row[place]))
        for place, (quantity, running) in enumerate(zip(QUANTITIES, activity.values, strict=True))
        if running.count
    }


def _weighted(kept: Iterable[tuple[Moment, Sequence[float]]], kind: str) -> list[tuple[float, Sequence[float]]]:
    """Return the samples that have a part of a kind of activity, each with that part."""
    return [(share, row) for moment, row in kept for one, share in moment.shares if one == kind]
