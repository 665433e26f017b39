"""One measurement: from a monitor's start to its stop."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from paddle_otel.activity import ACTIVITY, ActivityRecord
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.monitor.devices import Devices
from paddle_otel.monitor.gpu_record import GpuRecord
from paddle_otel.monitor.history import Moment
from paddle_otel.monitor.shares import grown, shares_between
from paddle_otel.monitor.statistics import DeviceStatistics
from paddle_otel.sampling.snapshot import Snapshot

MOST_GPUS: Final = 256
"""GPUs and parts of GPUs; more are left out."""
_EARLY_SHARE: Final = 0.2
"""A sample that is due is not passed over for being a little early: by this part of the interval …"""
_EARLY_SECONDS: Final = 0.05
"""… and these seconds at most."""

Noted = Callable[[Moment, str, str | None, Sequence[float]], None]
"""``noted(moment, uuid, device, values)``: told of each sample of each GPU."""


class Recording:
    """Notes the samples of the chosen GPUs, and what Paddle did meanwhile.

    Args:
        devices: Which GPUs.
        interval: Seconds between two samples; others who sample faster are not followed.
        capacity: How many samples of each GPU are kept.
        noted: Told of each sample.
        activity: What Paddle does.
    """

    def __init__(
        self,
        devices: Devices,
        interval: float,
        capacity: int,
        noted: Noted | None = None,
        activity: ActivityRecord = ACTIVITY,
    ) -> None:
        self._devices = devices
        self._least_pause = int((interval - min(interval * _EARLY_SHARE, _EARLY_SECONDS)) * 1e9)
        self._capacity = capacity
        self._noted = noted
        self._activity = activity
        self._lock = threading.RLock()
        self._gpus: dict[str, GpuRecord] = {}
        self._latest: Snapshot | None = None
        self._closing_since: int | None = None
        self.first = threading.Event()
        """Set by the first sample."""
        self.closed = threading.Event()
        """Set by the first sample after :meth:`close_with_next`."""
        self.started_wall = time.time_ns()
        self.started = time.monotonic_ns()
        self.samples = 0
        self.answers = 0
        """Samples in which the driver answered."""
        self.answered_last = False
        """Whether it did in the last one."""
        self.missing: list[str] = []
        """Devices that were asked for, and were not there at the last answer."""
        self.activity_seconds: dict[str, float] = {}
        self._totals = self._watch()
        self._totals_at: dict[str, Mapping[str, int]] = {}  # at the last sample of each GPU

    def _watch(self) -> Mapping[str, int]:
        self._activity.watch(self)
        return self._activity.totals()

    def note(self, snapshot: Snapshot) -> None:
        """Note what was read; called on the sampler's thread."""
        with self._lock:
            latest, since = self._latest, self._closing_since
            if snapshot.started < self.started or self.closed.is_set():
                return
            is_last = since is not None and snapshot.started >= since
            if latest is not None and not is_last and snapshot.started - latest.started < self._least_pause:
                return
            self._latest = snapshot
            try:
                self._note(snapshot)
            finally:  # whoever waits for a sample is not to wait for a log file that cannot be written
                self.first.set()
                if is_last:
                    self.closed.set()

    def _note(self, snapshot: Snapshot) -> None:
        self.samples += 1
        before, self._totals = self._totals, self._activity.totals()
        for kind, ns in grown(before, self._totals).items():
            self.activity_seconds[kind] = self.activity_seconds.get(kind, 0.0) + ns / 1e9
        readings = KIND.readings(snapshot)
        self.answered_last = readings is not None
        if readings is None:
            return
        self.answers += 1
        self.missing = self._devices.missing(readings, self._gpus)
        moment = Moment(snapshot.wall, self._elapsed(snapshot), shares_between(before, self._totals))
        for reading in self._devices.choose(readings, self._gpus):
            self._note_gpu(moment, before, reading)

    def _note_gpu(self, moment: Moment, before: Mapping[str, int], reading: GpuReading) -> None:
        uuid = reading.identity.uuid
        gpu = self._gpus.get(uuid)
        if gpu is None:
            if len(self._gpus) >= MOST_GPUS:
                return
            gpu = self._gpus[uuid] = GpuRecord(self._capacity)
        last = self._totals_at.get(uuid, before)
        if last is not before:  # it was not heard in between: what was done since then is in its values
            moment = moment._replace(shares=shares_between(last, self._totals))
        self._totals_at[uuid] = self._totals
        row = gpu.note(moment, reading)
        if row is not None and self._noted is not None:
            self._noted(moment, uuid, gpu.device, row)

    def _elapsed(self, snapshot: Snapshot) -> float:
        return (snapshot.started - self.started) / 1e9

    def close_with_next(self) -> None:
        """Note the next sample that begins after this, whenever it comes: it is the last one."""
        self._closing_since = time.monotonic_ns()

    def end(self) -> None:
        """Note nothing any more of what Paddle does."""
        self._activity.unwatch(self)

    def statistics(self) -> tuple[DeviceStatistics, ...]:
        """Return what is known of each GPU, in the order in which they were seen."""
        return tuple(gpu.statistics(uuid) for uuid, gpu in self._copies())

    def rows(self) -> Iterator[tuple[Moment, str, str | None, Sequence[float]]]:
        """Yield the samples that are kept, GPU by GPU: when, which GPU, its device in Paddle's words, its values."""
        for uuid, gpu in self._copies():
            for moment, row in gpu.history:
                yield moment, uuid, gpu.device, row

    def _copies(self) -> list[tuple[str, GpuRecord]]:
        with self._lock:
            return [(uuid, gpu.copy()) for uuid, gpu in self._gpus.items()]

    @property
    def latest_sample(self) -> int | None:
        """When the latest sample was taken, ``time.monotonic_ns()``."""
        latest = self._latest
        return latest.finished if latest is not None else None

    @property
    def kept(self) -> int:
        """How many samples of a GPU are kept, of the GPU that has most."""
        with self._lock:
            return max((len(gpu.history) for gpu in self._gpus.values()), default=0)
