"""From NVML's numbers to the units of the readings; a number that cannot be true becomes ``None``."""

from typing import Any, Final

# NVML_VALUE_NOT_AVAILABLE
_NOT_AVAILABLE_32: Final = 0xFFFFFFFF
_NOT_AVAILABLE_64: Final = 0xFFFFFFFFFFFFFFFF
_COLDEST, _HOTTEST = -100, 300  # Cel; outside it is an error value that an unsigned or packed field let through
_SLOWEST_STATE: Final = 15  # 32 is NVML_PSTATE_UNKNOWN
_FASTEST_FAN: Final = 200  # percent of what it was designed for; NVML says that 100 can be exceeded
_HIGHEST_CLOCK: Final = 100_000  # MHz


def ratio(percent: int) -> float | None:
    """Return a percentage as a share from 0 to 1."""
    return percent / 100 if 0 <= percent <= 100 else None  # noqa: PLR2004 - a percentage


def fan_speed(percent: int) -> float | None:
    """Return a fan's speed as a share of its maximum, which it can exceed."""
    return percent / 100 if 0 <= percent <= _FASTEST_FAN else None


def amount(number: float | None) -> int | None:
    """Return a whole number of bytes, errors or anything else that is counted."""
    return int(number) if number is not None and _known(number) else None


def hertz(megahertz: int) -> int | None:
    """Return a clock in Hz."""
    return megahertz * 1_000_000 if 0 <= megahertz < _HIGHEST_CLOCK else None


def performance_state(number: int) -> int | None:
    """Return a performance state, 0 to 15."""
    return number if 0 <= number <= _SLOWEST_STATE else None


def used_and_total(memory: Any) -> tuple[int | None, int | None]:
    """Return both of a memory structure, bytes; a device without memory of its own has neither."""
    total = amount(memory.total)
    return (amount(memory.used), total) if total else (None, None)


def from_milli(number: float | None) -> float | None:
    """Return thousandths (mW) as the unit itself."""
    return number / 1000 if number is not None and _known(number) else None


def celsius(degrees: float) -> float | None:
    """Return a temperature."""
    return float(degrees) if _COLDEST < degrees < _HOTTEST else None


def _known(number: float) -> bool:
    # Neither infinity nor what is not a number passes the comparison.
    return 0 <= number < _NOT_AVAILABLE_64 and number != _NOT_AVAILABLE_32
