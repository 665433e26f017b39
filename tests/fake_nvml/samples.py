"""Samples of GPUs as a test wants them, without a driver."""

from types import MappingProxyType
from typing import Any, Final

from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.processes import ProcessUse
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.usage import GpuUsage, GpuUse
from paddle_otel.sampling.snapshot import Snapshot

SECOND: Final = 1_000_000_000
UUID: Final = "GPU-0"

ENERGY: Final = "paddle.gpu.energy"
METHOD: Final = "paddle.gpu.energy.method"
SAMPLED: Final = "paddle.gpu.sampled_duration"
IDS: Final = "paddle.gpu.ids"

ALONE: Final = ProcessUse(memory=None, utilization=None, alone=True)
NOT_ALONE: Final = ProcessUse(memory=None, utilization=None, alone=False)
UNKNOWN: Final = ProcessUse(memory=None, utilization=None, alone=None)


def gpu(energy: float | None = None, *, ordinal: int | None = 0, uuid: str = UUID, **values: Any) -> GpuReading:
    """Return a reading of a GPU that this process has for itself.

    Args:
        energy: Its counter, J.
        ordinal: Its CUDA ordinal.
        uuid: Its identity.
        values: What else the reading holds.
    """
    identity = GpuIdentity(uuid=uuid, name=None, driver_version=None)
    known: dict[str, Any] = {"energy": energy, "ordinal": ordinal, "process": ALONE}
    return GpuReading(identity, **{**known, **values})


def snapshot(seconds: float, *gpus: GpuReading, took: float = 0.0) -> Snapshot:
    """Return what the sampler publishes.

    Args:
        seconds: When it was taken.
        gpus: What the GPUs said; none at all is a driver that did not answer.
        took: Seconds for which the driver was read.
    """
    return snapshot_at(int(seconds * SECOND), *gpus, took=took)


def snapshot_at(started: int, *gpus: GpuReading, took: float = 0.0) -> Snapshot:
    """Return the same at a time in nanoseconds."""
    duration = int(took * SECOND)
    return Snapshot(
        started=started,
        finished=started + duration,
        wall=started,
        readings=MappingProxyType({KIND.name: gpus} if gpus else {}),
        durations=MappingProxyType({KIND.name: duration}),
    )


class Usage(GpuUsage):
    """The accounts on a clock that the test moves, with samples that it makes up."""

    def __init__(self, longest_pause: float = 3.0) -> None:
        self.now = 0
        super().__init__(longest_pause, self.clock)

    def clock(self) -> int:
        """Return the time, ns."""
        return self.now

    def at(self, seconds: float) -> "Usage":
        """Move the clock."""
        self.now = int(seconds * SECOND)
        return self

    def begin_at(self, seconds: float, device: str = "gpu:0") -> GpuUse:
        """Move the clock, and begin an operation."""
        use = self.at(seconds).begin(device)
        assert use is not None
        return use

    def end_at(self, seconds: float, use: GpuUse) -> dict[str, Any]:
        """Move the clock, and end an operation; return what it is told."""
        self.at(seconds)
        return dict(use.end())

    def sample(self, seconds: float, *gpus: GpuReading, took: float = 0.0) -> None:
        """Move the clock, and publish a snapshot."""
        self.at(seconds).note(snapshot(seconds, *gpus, took=took))
