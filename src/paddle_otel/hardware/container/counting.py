"""What the files of a cgroup count; version 1 and 2 have other names and units for the same."""

import os

from paddle_otel.hardware.cgroups.membership import VERSION_1, Cgroup
from paddle_otel.hardware.procfs import content_or_none, labelled_numbers, number_in

_NANOSECONDS = 10**9
_MICROSECONDS = 10**6


def memory_usage(cgroup: Cgroup) -> int | None:
    """Return the memory that the processes of a group and the groups in it use, page cache included, bytes."""
    return number_in(cgroup.file("memory.usage_in_bytes" if cgroup.version == VERSION_1 else "memory.current"))


def memory_that_cannot_be_dropped(cgroup: Cgroup) -> int | None:
    """Return the memory in use without page cache that was not used lately, bytes: the working set of Kubernetes."""
    usage = memory_usage(cgroup)
    label = b"total_inactive_file " if cgroup.version == VERSION_1 else b"inactive_file "
    (inactive,) = labelled_numbers(content_or_none(cgroup.file("memory.stat")), (label,))
    if usage is None or inactive is None:
        return None
    return max(usage - inactive, 0)  # the kernel counts both at different moments


def cpu_times(cgroup: Cgroup) -> tuple[int | None, int | None]:
    """Return the CPU time in programs' own code and in the kernel, ns."""
    if cgroup.version == VERSION_1:
        content, labels = content_or_none(cgroup.file("cpuacct.stat")), (b"user ", b"system ")
        user, system = labelled_numbers(content, labels)
        unit = _NANOSECONDS // os.sysconf("SC_CLK_TCK")
    else:
        content, labels = content_or_none(cgroup.file("cpu.stat")), (b"user_usec ", b"system_usec ")
        user, system = labelled_numbers(content, labels)
        unit = _NANOSECONDS // _MICROSECONDS
    return _times(user, unit), _times(system, unit)


def cpu_throttled(cgroup: Cgroup) -> int | None:
    """Return for how long the group was stopped because it had used up its CPU limit, ns."""
    content = content_or_none(cgroup.file("cpu.stat"))
    if cgroup.version == VERSION_1:
        (nanoseconds,) = labelled_numbers(content, (b"throttled_time ",))
        return nanoseconds
    (microseconds,) = labelled_numbers(content, (b"throttled_usec ",))
    return _times(microseconds, _NANOSECONDS // _MICROSECONDS)


def _times(number: int | None, factor: int) -> int | None:
    return number * factor if number is not None else None
