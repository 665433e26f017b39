"""The GPUs that answer nothing until they are reset, known by what they are and not by where they are listed."""

from collections.abc import Callable, Collection, Iterator
from typing import Final

from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.xid_log import XidLog

MOST_GPUS: Final = 256


class LostGpus:
    """Remembers which GPUs are lost until they are heard again, also while NVML is initialised anew."""

    def __init__(self) -> None:
        self._lost: dict[str, GpuIdentity] = {}
        self._sampled: set[str] = set()

    def add(self, identity: GpuIdentity) -> None:
        """Note that a GPU is lost."""
        self._lost[identity.uuid] = identity
        if len(self._lost) > MOST_GPUS:
            self.heard(next(iter(self._lost)))

    def heard(self, uuid: str) -> bool:
        """Note that a GPU gives values; return whether it was lost."""
        self._sampled.discard(uuid)
        return self._lost.pop(uuid, None) is not None

    def listed_at(self, index: int) -> GpuIdentity | None:
        """Return which lost GPU was last listed at a place."""
        return next((one for one in self._lost.values() if one.index == index), None)

    def update(self, listed: Callable[[], Collection[str]], covers: Callable[[str], bool]) -> None:
        """Note which of the lost GPUs are sampled. One that is not listed any more stays what it was.

        Args:
            listed: Returns the UUIDs of the GPUs that are listed.
            covers: Whether a listed one is sampled.
        """
        if not self._lost:
            return
        here = self._lost.keys() & set(listed())
        self._sampled = (self._sampled - here) | {uuid for uuid in here if covers(uuid)}

    def readings(self, xids: XidLog) -> Iterator[GpuReading]:
        """Yield the readings of the lost GPUs that are sampled.

        Args:
            xids: The errors that the driver reported.
        """
        for uuid, identity in self._lost.items():
            if uuid in self._sampled:
                yield GpuReading(identity, lost=True, xids=xids.take(uuid), xid_times=xids.times(uuid))
