"""How hot a GPU may get, how much power it may draw and how fast it can run."""

from collections.abc import Mapping
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.fields import Field
from paddle_otel.hardware.nvml.load import temperature_question
from paddle_otel.hardware.nvml.question import Fact, Question, answers
from paddle_otel.hardware.nvml.state import CLOCKS
from paddle_otel.hardware.nvml.values import celsius, from_milli, hertz

Limit = tuple[str, str]
"""Sensor and kind of limit."""

SHUTDOWN: Final[Limit] = (a.SENSOR_LOCATION_GPU, a.LIMIT_HIGH_CRITICAL)
SLOWDOWN: Final[Limit] = (a.SENSOR_LOCATION_GPU, a.LIMIT_HIGH_DEGRADED)
MEMORY_SLOWDOWN: Final[Limit] = (a.SENSOR_LOCATION_MEMORY, a.LIMIT_HIGH_DEGRADED)

# nvmlTemperatureThresholds_t
_THRESHOLDS: Final[Mapping[Limit, int]] = {SHUTDOWN: 0, SLOWDOWN: 1, MEMORY_SLOWDOWN: 2}
_OFFSETS: Final[Mapping[Limit, int]] = {SHUTDOWN: Field.SHUTDOWN_OFFSET, SLOWDOWN: Field.SLOWDOWN_OFFSET}

_TRIES: Final = 3


class Limits:
    """The limits of one GPU.

    Args:
        binding: NVML.
    """

    def __init__(self, binding: Binding) -> None:
        call = binding.call
        self._power = Question[float](
            lambda handle: from_milli(call("nvmlDeviceGetEnforcedPowerLimit", handle)),
        )
        self._clocks = {domain: _clock_limit(binding, number) for domain, number in CLOCKS.items()}
        self._thresholds = {limit: _threshold(binding, number) for limit, number in _THRESHOLDS.items()}
        self._temperature = temperature_question(binding)
        self._margin = Question[float](lambda handle: celsius(call("nvmlDeviceGetMarginTemperature", handle)))
        self._t_limit: float | None = None

    def power(self, handle: Any, now: float) -> float | None:
        """Return the power at which the driver lowers the clocks, W.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        return self._power.ask(handle, now)

    def clocks(self, handle: Any, now: float) -> Mapping[str, int]:
        """Return the highest clocks in Hz by domain, see :meth:`power`."""
        return answers(self._clocks, handle, now)

    def temperatures(self, handle: Any, now: float, fields: Mapping[int, int | float]) -> Mapping[Limit, float]:
        """Return limits in degrees Celsius by sensor and kind, see :meth:`power`.

        Newer GPUs give offsets to their T.Limit, and how far it is off now (the margin): a limit is at temperature +
        margin - offset. ``nvidia-smi -q -d TEMPERATURE`` shows the same numbers, for instance 28 °C, margin 59,
        slowdown -2: at 89 °C. Older ones give the limits themselves.

        Args:
            handle: The GPU's handle.
            now: Seconds of a monotonic clock.
            fields: The offsets, as far as the GPU has them.
        """
        offsets = {limit: fields[field] for limit, field in _OFFSETS.items() if field in fields}
        t_limit = self._find_t_limit(handle, now) if offsets else None
        if not offsets or self._margin.hopeless:
            return answers(self._thresholds, handle, now)
        limits = answers({limit: one for limit, one in self._thresholds.items() if limit not in offsets}, handle, now)
        if t_limit is None:
            return limits
        computed = {limit: celsius(t_limit - offset) for limit, offset in offsets.items()}
        return {**limits, **{limit: degrees for limit, degrees in computed.items() if degrees is not None}}

    def _find_t_limit(self, handle: Any, now: float) -> float | None:
        """Compute it once, from a margin during whose reading the temperature did not change."""
        for _ in range(_TRIES):
            if self._t_limit is not None or self._margin.hopeless:
                break
            before = self._temperature.ask(handle, now)
            margin = self._margin.ask(handle, now)
            if margin is not None and before is not None and before == self._temperature.ask(handle, now):
                self._t_limit = before + margin
        return self._t_limit


def _clock_limit(binding: Binding, number: int) -> Fact[int]:
    return Fact(lambda handle: hertz(binding.call("nvmlDeviceGetMaxClockInfo", handle, number)))


def _threshold(binding: Binding, number: int) -> Question[float]:
    return Question(lambda handle: _positive(binding.call("nvmlDeviceGetTemperatureThreshold", handle, number)))


def _positive(degrees: int) -> float | None:
    return celsius(degrees) if degrees > 0 else None  # 0 is what GPUs say that have no such limit
