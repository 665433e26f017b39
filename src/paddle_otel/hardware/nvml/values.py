"""From NVML's numbers to the units of the readings; a number that cannot be true becomes ``None``."""

from typing import Any, Final

_NOT_AVAILABLE: Final = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})  # NVML_VALUE_NOT_AVAILABLE in 32 and 64 bits
_COLDEST, _HOTTEST = -100, 300  # Cel; outside it is an error value that an unsigned or packed field let through


def ratio(percent: int) -> float | None:
    """Return a percentage as a share from 0 to 1."""
    return percent / 100 if 0 <= percent <= 100 else None  # noqa: PLR2004 - a percentage


def amount(number: int) -> int | None:
    """Return a number of bytes."""
    return None if number in _NOT_AVAILABLE or number < 0 else number


def used_and_total(memory: Any) -> tuple[int | None, int | None]:
    """Return both of a memory structure, bytes; a device without memory of its own has neither."""
    total = amount(memory.total)
    return (amount(memory.used), total) if total else (None, None)


def from_milli(number: float | None) -> float | None:
    """Return thousandths (mW, mJ) as the unit itself."""
    # A not-a-number fails the comparison, too.
    return number / 1000 if number is not None and number not in _NOT_AVAILABLE and number >= 0 else None


def celsius(degrees: int) -> float | None:
    """Return a temperature."""
    return float(degrees) if _COLDEST < degrees < _HOTTEST else None
