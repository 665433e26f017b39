"""Files that the kernel writes, under ``/proc`` and ``/sys``: read whole and within bounds, and the numbers in them.

Each read opens the file anew. That costs 2 to 4 us, and in return no descriptor is inherited by a forked child, taken
for another file after a program has closed all its descriptors (as daemons do), or bound to a cgroup that is gone.

Nothing in a file is believed before it was looked at: a number that is not one is ``None``, and so is one at the end of
a text that was cut off.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from paddle_otel.hardware.once_log import OnceLog

LONGEST: Final = 256 * 1024
"""No file is read beyond this many bytes. Only a list of more than a thousand mounts is longer, and its end is not
needed: the mounts of cgroups are made first."""

CPUS: Final = "sys/devices/system/cpu/online"
MEMORY: Final = "proc/meminfo"

_DIGITS: Final = 20
"""Decimal digits of the largest number the kernel writes, 2**64 - 1."""
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class KernelFile:
    """One file that is read again and again.

    Args:
        path: Where it is.
        log: Where it is said, once, that it cannot be read.
        without: What is missing then, for the log line.
        longest: How many bytes of it are wanted at most.
    """

    __slots__ = ("_log", "_longest", "_path", "_without")

    def __init__(self, path: Path, log: OnceLog, without: str, *, longest: int = LONGEST) -> None:
        self._path = str(path)
        self._log = log
        self._without = without
        self._longest = longest

    def read(self) -> bytes | None:
        """Return the content, ``None`` when it cannot be read; never raises ``OSError``."""
        try:
            return _content(self._path, self._longest)
        except OSError as error:
            self._log.info(
                "%s cannot be read (%s), so these are not reported until it can be: %s. Everything else is.",
                self._path,
                error.strerror or "no reason given",
                self._without,
            )
            return None


def content_or_none(path: str | Path) -> bytes | None:
    """Return what is in a file that may well not exist or not be readable, ``None`` if so."""
    try:
        return _content(path, LONGEST)
    except OSError:
        return None


def whole_number(text: bytes) -> int | None:
    """Return a whole number of at most 64 bits written in decimal digits alone, ``None`` for anything else."""
    if not text.isdigit() or len(text) > _DIGITS:
        return None
    number = int(text)
    return number if number < 1 << 64 else None


def number_in(path: str) -> int | None:
    """Return the only number in a file, ``None`` when there is none (``max``, ``-1``, no such file)."""
    lines = whole_lines(content_or_none(path))
    return whole_number(lines[0].strip()) if len(lines) == 1 else None


def whole_lines(content: bytes | None) -> list[bytes]:
    """Return the lines of a text, without what follows the last line end: it was cut off and is not believed."""
    return content.split(b"\n")[:-1] if content is not None else []


def labelled_numbers(content: bytes | None, labels: Sequence[bytes], unit: bytes = b"") -> tuple[int | None, ...]:
    """Return the numbers that follow labels, each at the beginning of a line of its own.

    Args:
        content: The text; ``None`` has no numbers.
        labels: What is before each number, with the separator: ``b"MemTotal:"``, ``b"pgfault "``.
        unit: What must be after each number, with the blank before it: ``b" kB"``.

    Returns:
        One per label; ``None`` where there is no such line, its value is no number, has another unit, or has no line
        end: what is cut off there may be digits.
    """
    if content is None:
        return (None,) * len(labels)
    lines = b"\n" + content
    numbers: list[int | None] = []
    for label in labels:
        start = lines.find(b"\n" + label)
        end = lines.find(b"\n", start + 1) if start >= 0 else -1
        value = lines[start + 1 + len(label) : end] if end >= 0 else b""
        numbers.append(whole_number(value.removesuffix(unit).strip()) if value.endswith(unit) else None)
    return tuple(numbers)


def in_bytes(kibibytes: int | None) -> int | None:
    """Return what the kernel calls kB, which is 1024 bytes, in bytes."""
    return kibibytes * 1024 if kibibytes is not None else None


def memory_of_machine(root: Path) -> int | None:
    """Return the memory of the machine, bytes.

    Args:
        root: Where ``proc`` is.
    """
    (total,) = labelled_numbers(content_or_none(root / MEMORY), (b"MemTotal:",), b" kB")
    return in_bytes(total)


def cpus_of_machine(root: Path) -> int | None:
    """Return how many CPUs are online.

    Not ``os.cpu_count()``, which users may set to another value (``PYTHON_CPU_COUNT``).

    Args:
        root: Where ``sys`` is.
    """
    lines = whole_lines(content_or_none(root / CPUS))
    if not lines:
        return None
    count = 0
    for part in lines[0].split(b","):
        first, dash, last = part.partition(b"-")
        low, high = whole_number(first), whole_number(last if dash else first)
        if low is None or high is None or high < low:
            return None
        count += high - low + 1
    return count


def status_of(path: str | Path) -> os.stat_result | None:
    """Return what the kernel says about a file or folder, ``None`` if it does not exist or may not be looked at."""
    try:
        return Path(path).stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None


def _content(path: str | Path, longest: int) -> bytes:
    descriptor = os.open(path, _FLAGS)
    try:
        content = os.read(descriptor, longest)
        # Files of many records come a page at a time; the end is known only by an empty read.
        while len(content) < longest and (more := os.read(descriptor, longest - len(content))):
            content += more
        return content
    finally:
        os.close(descriptor)
