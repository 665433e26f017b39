"""What each operation used of the GPU it ran on: its part of the energy and GPU time, utilisation, peak memory.

The sampler's thread settles the accounts: at each sample it divides what the GPU's energy counter grew by since the
sample before among the operations that ran meanwhile. The growth is taken as spread evenly over that time, and at each
instant the operations that run get equal parts. So the parts of all operations never add up to more than the counter
grew by. What falls into time in which no observed operation ran is nobody's, and so is the end of each operation after
its last sample.

GPU time is divided in the same way: the time between two samples times the utilisation that the later one states, in
equal parts among the operations that ran. It is stated of the same time as the energy, or not at all.

Neither is stated where it cannot be told: on a GPU split by MIG (the values are those of the whole GPU), for
operations that were seen to share the GPU with another process, and for those that saw no sample. While operations
run, and a while after, it is looked at every sample which processes are on the GPU.

Left out, and not counted in ``paddle.gpu.sampled_duration``, are stretches whose energy or whose ends are not known:
longer than a driver may take to answer, with a failed reading, a counter that began anew or says more than the GPU can
use, a reading that took so long that nobody knows when its values were true, or one at which it was not seen that this
process has the GPU for itself.

Mean utilisation and peak memory are what the samples during the operation said of the GPU, whoever else used it.
"""

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from opentelemetry.util.types import AttributeValue

from paddle_otel.forking import call_in_forked_child
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.gpu_accounts import GpuAccounts
from paddle_otel.hardware.nvml.gpus_in_use import IN_USE
from paddle_otel.hardware.nvml.operation_account import Account
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.sampling.snapshot import Snapshot

PREFIX: Final = "gpu:"
DIGITS: Final = 3
"""Of an ordinal, at most: what is kept per GPU is bounded whatever callers say."""

_NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class GpuUse:
    """One operation on a GPU, from :meth:`GpuUsage.begin` to :meth:`end`.

    One that is dropped without an end has ended when it is gone.
    """

    __slots__ = ("__weakref__", "_account", "_books", "_gpu", "_reference")

    def __init__(self, books: "_Books", gpu: GpuAccounts) -> None:
        self._books = books
        self._gpu = gpu
        self._reference: weakref.ref[object] = weakref.ref(self, gpu.abandon)
        self._account: Account = gpu.open(self._reference)

    def end(self) -> Mapping[str, AttributeValue]:
        """End the operation now.

        Returns:
            What it used as span attributes ``paddle.gpu.*``, only what is known; nothing at a second call, and nothing
            in a forked child of the process in which it began.
        """
        if self._books.close(self._gpu, self._reference):
            return self._account.attributes(self._gpu.uuid)
        return _NOTHING


class _Books:
    """The accounts of all GPUs in one process; any thread may call any method.

    Collecting garbage may run any code in the middle of any other, also an operation's end in the middle of these
    methods: the lock lets its own thread in again, and what came in so changes nothing that is being changed.

    Args:
        clock: ``time.monotonic_ns``, for tests.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._inside = False
        self._gpus: dict[str, GpuAccounts] = {}
        self._latest: Snapshot | None = None
        self.of_parent = False

    def open(self, device: str) -> GpuUse | None:
        """Open the account of an operation on a device; ``None`` if that is not one of CUDA's."""
        with self._lock:
            if self._inside:
                return None
            self._inside = True
            try:
                gpu = self._gpus.get(device) or self._add(device)
                return GpuUse(self, gpu) if gpu is not None else None
            finally:
                self._inside = False

    def close(self, gpu: GpuAccounts, operation: "weakref.ref[object]") -> bool:
        """Close an account; return whether it was open and is this process's."""
        if self.of_parent:
            return False  # its lock may be held for ever
        with self._lock:
            if self._inside:
                gpu.abandon(operation)
                return False
            self._inside = True
            try:
                return gpu.close(operation)
            finally:
                self._inside = False

    def settle(self, snapshot: Snapshot, longest: int) -> None:
        """Settle the accounts up to a snapshot; one that is older than the last is passed over."""
        with self._lock:
            latest = self._latest
            if self._inside or (latest is not None and snapshot.started <= latest.started):
                return
            self._inside = True
            try:
                self._latest = snapshot
                if self._gpus:
                    readings = _readings(snapshot, latest)
                    for device, gpu in self._gpus.items():
                        gpu.settle(readings.get(device), snapshot.started, longest)
            finally:
                self._inside = False

    def runs_on(self, device: str) -> bool:
        """Whether an operation runs on a device; does not wait for the lock."""
        gpu = self._gpus.get(device)
        return gpu is not None and gpu.busy

    def _add(self, device: str) -> GpuAccounts | None:
        ordinal = device.removeprefix(PREFIX)
        if not ordinal.isdecimal() or len(ordinal) > DIGITS:
            return None
        gpu = self._gpus[device] = GpuAccounts(self._clock)
        if self._latest is not None:
            # So that the first operation is accounted for from its beginning, not from its first sample.
            gpu.settle(_readings(self._latest, None).get(device), self._latest.started, 0)
        return gpu


class GpuUsage:
    """Tells operations on GPUs what they used; any thread may call any method.

    Args:
        longest_pause: Seconds between two samples up to which the energy is divided among the operations; may be
            changed at any time.
        clock: ``time.monotonic_ns``, for tests.
    """

    def __init__(self, longest_pause: float, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.longest_pause = longest_pause
        self._clock = clock
        self._books = _Books(clock)
        IN_USE.ask(self.runs_on)
        call_in_forked_child(self._begin_new_books)

    def _begin_new_books(self) -> None:
        self._books.of_parent = True
        self._books = _Books(self._clock)

    def begin(self, device: object) -> GpuUse | None:
        """Begin an operation now.

        Operations inside another one that is accounted for are part of it: begin the outermost one only.

        Args:
            device: Where it runs, as Paddle writes it: ``gpu:0`` is this process's CUDA device 0.

        Returns:
            The operation; keep it, and call its ``end``. ``None`` when it does not run on a GPU.
        """
        if isinstance(device, str) and device.startswith(PREFIX):
            return self._books.open(device)
        return None

    def runs_on(self, ordinal: int) -> bool:
        """Whether an operation runs on a GPU now, as far as can be told without waiting.

        Args:
            ordinal: The GPU's CUDA ordinal in this process.
        """
        return self._books.runs_on(f"{PREFIX}{ordinal}")

    def note(self, snapshot: Snapshot) -> None:
        """Settle the accounts up to a snapshot. Called on the sampler's thread with each one."""
        self._books.settle(snapshot, int(self.longest_pause * 1e9))


def _readings(snapshot: Snapshot, before: Snapshot | None) -> dict[str, GpuReading]:
    """Return the readings of the GPUs on which this process can run, by Paddle's name of the device."""
    taken = snapshot.durations.get(KIND.name, 0)
    if before is not None and taken > (snapshot.started - before.started) / 2:
        return {}  # somewhere in that long time its values were true
    readings = KIND.readings(snapshot) or ()
    return {f"{PREFIX}{reading.ordinal}": reading for reading in readings if reading.ordinal is not None}
