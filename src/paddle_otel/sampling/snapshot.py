"""What one pass over all sources saw."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Readings of one moment; never changed after it was made.

    Attributes:
        started: When the pass began, ``time.monotonic_ns()``.
        finished: When it ended, ``time.monotonic_ns()``.
        wall: When it began, ``time.time_ns()``: comparable with span timestamps.
        readings: What each source returned, by the source's name; a source that failed or hangs is absent.
        durations: How long reading each source took, ns, failed reads included.
    """

    started: int
    finished: int
    wall: int
    readings: Mapping[str, object]
    durations: Mapping[str, int]
