"""Why a GPU's clocks are held down, now and for how long.

Idle clocks and clocks that follow a display are not held down: both reasons are left out.
"""

from collections.abc import Mapping
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.monotonic import Counters
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.question import Fact, Question
from paddle_otel.hardware.nvml.reading import NONE
from paddle_otel.hardware.nvml.values import amount

# nvmlClocksEventReasons in nvml.h; the last two as nvidia-smi names them.
_BITS: Final = {
    0x2: a.THROTTLE_APPLICATION_CLOCKS,
    0x4: a.THROTTLE_SW_POWER_CAP,
    0x8: a.THROTTLE_HW_SLOWDOWN,
    0x10: a.THROTTLE_SYNC_BOOST,
    0x20: a.THROTTLE_SW_THERMAL,
    0x40: a.THROTTLE_HW_THERMAL,
    0x80: a.THROTTLE_HW_POWER_BRAKE,
    0x200: a.THROTTLE_BOARD_LIMIT,
    0x400: a.THROTTLE_RELIABILITY,
}
_KNOWN_SINCE_LONG: Final = 0xFE
"""What a driver that does not list its reasons has; a reason it does not know would otherwise look inactive."""

# NVML_FI_DEV_PERF_POLICY_… and NVML_FI_DEV_CLOCKS_EVENT_REASON_…, all in ns. 78 (low utilization) is idleness.
_FIELDS: Final = {
    74: a.THROTTLE_SW_POWER_CAP,
    76: a.THROTTLE_SYNC_BOOST,
    77: a.THROTTLE_BOARD_LIMIT,
    79: a.THROTTLE_RELIABILITY,
}
_THERMAL_FIELD: Final = 75
_LATER_FIELDS: Final = {269: a.THROTTLE_SW_THERMAL, 270: a.THROTTLE_HW_THERMAL, 271: a.THROTTLE_HW_POWER_BRAKE}
_EARLIER_FIELDS: Final = {251: a.THROTTLE_SW_THERMAL, 252: a.THROTTLE_HW_THERMAL, 253: a.THROTTLE_HW_POWER_BRAKE}
"""The same before fields 251 to 273 were given other numbers; power smoothing is behind 269 to 271 there."""
_RENUMBERED: Final = (580, 82)
"""First driver with the later numbers (nvml-wrapper 0.12 draws the line there)."""


def time_fields(driver_version: str | None) -> Mapping[int, str]:
    """Return the fields that count throttle time, with their reasons.

    Args:
        driver_version: Decides what the numbers mean; of an unknown one only those that never changed are used.
    """
    version = _version(driver_version)
    if version is None:
        changed: Mapping[int, str] = {}
    else:
        changed = _LATER_FIELDS if version >= _RENUMBERED else _EARLIER_FIELDS
    return {**_FIELDS, _THERMAL_FIELD: a.THROTTLE_THERMAL, **changed}


def _version(text: str | None) -> tuple[int, int] | None:
    parts = (text or "").split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):  # noqa: PLR2004 - major and minor
        return None
    return int(parts[0]), int(parts[1])


class ThrottleTime:
    """Seconds for which clocks were held down, by reason.

    Args:
        fields: See :func:`time_fields`.
        counters: The device's counters.
    """

    def __init__(self, fields: Mapping[int, str], counters: Counters) -> None:
        self._fields = fields
        self._counters = counters
        self._raw: Mapping[int, int | float] = {}
        self._seconds: Mapping[str, float] = NONE
        self._tells_thermal_reasons_apart = False

    def of(self, values: Mapping[int, int | float]) -> Mapping[str, float]:
        """Return them from field values in ns."""
        raw = {field: values[field] for field in self._fields if field in values}
        if raw != self._raw:  # seldom: most of the time nothing is held down, and the last result stays right
            self._raw = raw
            self._seconds = self._add(raw)
        return self._seconds

    def _add(self, raw: Mapping[int, int | float]) -> Mapping[str, float]:
        known = {
            self._fields[field]: nanoseconds
            for field, value in raw.items()
            if (nanoseconds := amount(value)) is not None
        }
        # By reason, because the same counter has another number after an update of the driver.
        seconds = {reason: self._counters.add(reason, nanoseconds) / 1e9 for reason, nanoseconds in known.items()}
        self._tells_thermal_reasons_apart |= a.THROTTLE_SW_THERMAL in seconds or a.THROTTLE_HW_THERMAL in seconds
        if self._tells_thermal_reasons_apart:
            seconds.pop(a.THROTTLE_THERMAL, None)  # the same time again
        return seconds


class ThrottleReasons:
    """Whether clocks are held down now, by reason.

    Args:
        binding: NVML.
    """

    def __init__(self, binding: Binding) -> None:
        call = binding.call
        self._reasons = Question[int](
            lambda handle: call("nvmlDeviceGetCurrentClocksEventReasons", handle),
            lambda handle: call("nvmlDeviceGetCurrentClocksThrottleReasons", handle),
        )
        self._known = Fact[int](
            lambda handle: call("nvmlDeviceGetSupportedClocksEventReasons", handle),
            lambda handle: call("nvmlDeviceGetSupportedClocksThrottleReasons", handle),
            lambda _: _KNOWN_SINCE_LONG,
        )
        self._mask: int | None = None
        self._active: Mapping[str, int] = NONE

    def ask(self, handle: Any, now: float) -> Mapping[str, int]:
        """Return 1 or 0 by reason, nothing when the device does not say.

        Raises:
            NvmlError: The device is lost or the driver is gone.
        """
        mask = self._reasons.ask(handle, now)
        if mask is None:
            return NONE
        if mask != self._mask:
            known = self._known.ask(handle, now)
            if known is None:
                return NONE
            self._mask = mask
            self._active = {name: int(bool(mask & bit)) for bit, name in _BITS.items() if known & bit}
        return self._active
