"""Memory that is about to run out: said before the out-of-memory, once for each episode.

Two things are looked for. Use that rises steadily towards its limit (:mod:`paddle_otel.diagnosis.outlook`), of the
memory in use and, on GPUs, also of that without what Paddle's allocator holds and no tensor uses: Paddle seldom gives
memory back, so a full GPU says little. And requests in flight that do not fit if each runs to its limit of tokens. Use
that is high and stays so is no finding, however high it is.

An episode ends when the use has clearly fallen, or when the requests in flight fit again with room to spare.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import events
from paddle_otel.diagnosis.address_space import AskAddressSpace, address_space
from paddle_otel.diagnosis.finding import Finding
from paddle_otel.diagnosis.memory_track import MemoryTrack
from paddle_otel.diagnosis.memory_use import MemoryUse, memories
from paddle_otel.diagnosis.work import WORK, Work
from paddle_otel.sampling.snapshot import Snapshot

MOST_MEMORIES: Final = 128
"""Memories that are followed; the one that was not seen for longest goes first."""


class MemoryPressure:
    """Follows every memory that the sampler sees.

    Args:
        work: Knows the key-value caches of requests in flight.
        ask_address_space: Returns this process's address space, for tests.
    """

    def __init__(self, work: Work = WORK, ask_address_space: AskAddressSpace = address_space) -> None:
        self._work = work
        self._ask_address_space = ask_address_space
        self._tracks: OrderedDict[str, MemoryTrack] = OrderedDict()

    @property
    def name(self) -> str:
        """``memory pressure``."""
        return "memory pressure"

    @property
    def ongoing(self) -> Collection[str]:
        """The claims of the memories that run out now."""
        return [_claim(identity) for identity, track in self._tracks.items() if track.in_episode]

    def look(self, snapshot: Snapshot) -> Iterable[Finding]:
        """Return the memories that begin to run out."""
        caches = self._work.caches()
        for memory in memories(snapshot, self._ask_address_space):
            cache = caches.get(memory.device) if memory.device is not None else None
            found = self._track(memory).note(snapshot.started / 1e9, memory, cache)
            if found is not None:
                cause, attributes = found
                # What requests of this process will need no other process knows.
                shared = memory.shared and cause == a.CAUSE_TREND
                claim = _claim(memory.identity) if shared else None
                yield Finding(events.MEMORY_PRESSURE, attributes, snapshot.wall, claim)

    def forget(self) -> None:
        """Begin anew."""
        self._tracks = OrderedDict()

    def _track(self, memory: MemoryUse) -> MemoryTrack:
        track = self._tracks.get(memory.identity)
        if track is None:
            track = self._tracks[memory.identity] = MemoryTrack()
            if len(self._tracks) > MOST_MEMORIES:
                self._tracks.popitem(last=False)
        self._tracks.move_to_end(memory.identity)
        return track


def _claim(identity: str) -> str:
    # Not the device's own claim: who exports no metrics does not have that, and a warning cannot wait for an export.
    return f"{events.MEMORY_PRESSURE} {identity}"
