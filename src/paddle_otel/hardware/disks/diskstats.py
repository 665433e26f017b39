"""The lines of ``/proc/diskstats`` (Linux: ``Documentation/admin-guide/iostats.rst``).

After numbers and name of the device, a line has 11 columns up to Linux 4.17, 15 from 4.18 on (discards) and 17 from 5.5
on (flushes). Four columns, which only partitions had before 2.6.25, are read, too. Columns that a later kernel adds do
no harm.
"""

from collections.abc import Sequence
from typing import Final

from paddle_otel.hardware.disks.reading import Counters
from paddle_otel.hardware.procfs import whole_lines

SIZE_LIMIT: Final = 1 << 20
"""Bytes of the file that are looked at, enough for 10,000 devices."""
LARGEST: Final = (1 << 53) - 1
"""No counter is larger: as many sectors are 4 EiB, and their bytes still fit into the 64 bits of a data point."""

_BASIC, _FULL = 4, 11
_IN_FLIGHT: Final = 8
_DIGITS: Final = 400

Line = tuple[bytes, bytes, bytes]
"""Major and minor device number, and the columns."""


def lines_by_name(content: bytes) -> dict[bytes, Line]:
    """Return the lines by the device's name, in the file's order.

    A device that is named twice keeps its later line: one that came or went while the file was read shifts the others.
    """
    lines: dict[bytes, Line] = {}
    for line in whole_lines(content):
        parts = line.split(None, 3)
        if len(parts) == 4:  # noqa: PLR2004 - two numbers, a name, the columns
            lines[parts[2]] = (parts[0], parts[1], parts[3])
    return lines


def numbers(columns: bytes) -> tuple[int, ...] | None:
    """Return the columns that are counted as numbers, ten or four of them; ``None`` if they cannot be true."""
    fields = columns.split(None, _FULL)
    if len(fields) >= _FULL:
        del fields[_FULL:], fields[_IN_FLIGHT]  # the number of requests in flight is no counter, and may be negative
    elif len(fields) != _BASIC:
        return None
    digits = b"".join(fields)
    if len(digits) > _DIGITS or not digits.isdigit():
        return None
    values = tuple(map(int, fields))
    return values if max(values) <= LARGEST else None


def counters(values: Sequence[int]) -> Counters:
    """Return the counters that the numbers of :func:`numbers` are."""
    if len(values) == _BASIC:
        reads, sectors_read, writes, sectors_written = values
        return Counters(reads, None, sectors_read, None, writes, None, sectors_written, None, None, None)
    return Counters(*values)
