"""Points in time for spans that are written after the fact."""

import time


def unix_ns(perf_ns: int) -> int:
    """Return the wall-clock time of a reading of ``time.perf_counter_ns``, in nanoseconds since 1970."""
    return time.time_ns() - (time.perf_counter_ns() - perf_ns)
