"""The XID errors of all GPUs since the program started."""

from collections.abc import Iterable, Mapping
from typing import Final

from paddle_otel.hardware.nvml.reading import NONE
from paddle_otel.hardware.nvml.xid import Xid

MOST_CODES: Final = 32
"""Different errors that are remembered of one GPU; the one that is longest ago goes first."""
MOST_WAITING: Final = 64
"""Errors that wait for a GPU's next reading; what comes beyond is remembered, but is no event."""
MOST_GPUS: Final = 256


class XidLog:
    """Remembers when each error was last reported, and hands each of them to one reading."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Xid]] = {}
        self._times: dict[str, Mapping[int, float]] = {}

    def note(self, xids: Iterable[Xid]) -> None:
        """Add errors, oldest first."""
        for xid in xids:
            waiting = self._waiting.setdefault(xid.uuid, [])
            if len(waiting) < MOST_WAITING:
                waiting.append(xid)
            self._remember(xid)

    def take(self, uuid: str) -> tuple[Xid, ...]:
        """Return the errors of a GPU that nobody has taken."""
        return tuple(self._waiting.pop(uuid)) if uuid in self._waiting else ()

    def times(self, uuid: str) -> Mapping[int, float]:
        """Return when each error of a GPU was last reported, Unix time in seconds."""
        return self._times.get(uuid, NONE)

    def _remember(self, xid: Xid) -> None:
        times = {**self.times(xid.uuid), xid.code: xid.timestamp_ns / 1e9}
        if len(times) > MOST_CODES:
            del times[min(times, key=times.__getitem__)]
        self._times[xid.uuid] = times
        if len(self._times) > MOST_GPUS:
            oldest = next(iter(self._times))
            del self._times[oldest]
            self._waiting.pop(oldest, None)
