"""Points in time for spans that are written after the fact."""

import time
from typing import Final

_ATTEMPTS: Final = 4
_LONGEST_READING_NS: Final = 20_000


def unix_ns(perf_ns: int) -> int:
    """Return the wall-clock time of a reading of ``time.perf_counter_ns``, in nanoseconds since 1970.

    Ask once for each span, and tell its other end by the difference of two readings: the wall clock may be set between
    two questions.
    """
    before = wall = after = 0
    for _ in range(_ATTEMPTS):
        before, wall, after = time.perf_counter_ns(), time.time_ns(), time.perf_counter_ns()
        if after - before <= _LONGEST_READING_NS:
            break  # otherwise another thread ran in between, and the two clocks do not belong together
    return wall - ((before + after) // 2 - perf_ns)
