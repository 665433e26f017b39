"""What a GPU is asked every thirty seconds: errors, what the driver wants done to it, fans, links and limits."""

from collections.abc import Mapping
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.monotonic import BITS_32, Counters
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.fields import Field, FieldBatch
from paddle_otel.hardware.nvml.limits import Limits
from paddle_otel.hardware.nvml.question import Fact, Question, answers
from paddle_otel.hardware.nvml.reading import NONE, GpuHealth
from paddle_otel.hardware.nvml.values import amount, fan_speed

PERIOD: Final = 30.0
"""Seconds."""
MOST_FANS: Final = 16
MOST_LINKS: Final = 64
"""More than any GPU has; a larger number is no answer."""

_FIELDS: Final = (
    *(Field.ECC_CORRECTED, Field.ECC_UNCORRECTED, Field.PCIE_REPLAY),
    *(Field.REMAP_PENDING, Field.REMAP_FAILED, Field.RECOVERY_ACTION, Field.NVLINK_COUNT),
    *(Field.SHUTDOWN_OFFSET, Field.SLOWDOWN_OFFSET),
)
_ERRORS: Final = {
    a.ERROR_CORRECTED: Field.ECC_CORRECTED,
    a.ERROR_UNCORRECTED: Field.ECC_UNCORRECTED,
    a.ERROR_PCIE_REPLAY: Field.PCIE_REPLAY,
}
_WIDTHS: Final = {a.ERROR_PCIE_REPLAY: BITS_32}
_CORRECTED, _UNCORRECTED, _AGGREGATE = 0, 1, 1  # nvmlMemoryErrorType_t, nvmlEccCounterType_t


def status(recovery_action: int | None, *, remap_pending: bool | None, remap_failed: bool | None) -> str | None:
    """Return the state of a GPU that answers; a lost one is ``failed`` (see :class:`GpuReading`).

    Args:
        recovery_action: What the driver wants done (``nvmlDeviceGpuRecoveryAction_t``): 0 nothing, else reset the GPU,
            reboot, or drain it.
        remap_pending: Whether rows of the memory are remapped at the next reset.
        remap_failed: Whether remapping failed, which is when NVIDIA replaces the board.

    Returns:
        ``predicted_failure``, ``degraded`` or ``ok``; ``None`` when the GPU tells none of the three.
    """
    if remap_failed:
        return a.STATE_PREDICTED_FAILURE
    if remap_pending or recovery_action:
        return a.STATE_DEGRADED
    learned = (recovery_action, remap_pending, remap_failed)
    return a.STATE_OK if any(one is not None for one in learned) else None


class Health:
    """What one GPU is asked every thirty seconds.

    Args:
        binding: NVML.
        counters: The GPU's counters.
    """

    def __init__(self, binding: Binding, counters: Counters) -> None:
        call = binding.call
        self._binding = binding
        self._counters = counters
        self._batch = FieldBatch(binding, _FIELDS)
        self._fields = Question(self._batch.read)
        # For devices that do not have the field.
        self._errors = {
            a.ERROR_CORRECTED: _ecc_question(binding, _CORRECTED),
            a.ERROR_UNCORRECTED: _ecc_question(binding, _UNCORRECTED),
            a.ERROR_PCIE_REPLAY: Question[int](lambda handle: call("nvmlDeviceGetPcieReplayCounter", handle)),
        }
        self._rows = Question[tuple[int, int, int, int]](lambda handle: call("nvmlDeviceGetRemappedRows", handle))
        self._fan_count = Fact[int](lambda handle: amount(call("nvmlDeviceGetNumFans", handle)))
        self._fans: dict[int, Question[float]] = {}
        self._links: dict[int, Question[bool]] = {}
        self._limits = Limits(binding)

    def ask(self, handle: Any, now: float) -> GpuHealth:
        """Return everything anew.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        fields = self._fields.ask(handle, now) or NONE
        return GpuHealth(
            status=self._status(handle, now, fields),
            errors=self._count_errors(handle, now, fields),
            fans=self._ask_fans(handle, now),
            links=self._ask_links(handle, now, fields),
            power_limit=self._limits.power(handle, now),
            temperature_limits=self._limits.temperatures(handle, now, fields),
            clock_limits=self._limits.clocks(handle, now),
        )

    def _status(self, handle: Any, now: float, fields: Mapping[int, int | float]) -> str | None:
        pending, failed = fields.get(Field.REMAP_PENDING), fields.get(Field.REMAP_FAILED)
        if not (self._batch.supports(Field.REMAP_PENDING) and self._batch.supports(Field.REMAP_FAILED)):
            rows = self._rows.ask(handle, now)
            pending, failed = (rows[2], rows[3]) if rows is not None else (None, None)
        return status(
            amount(fields.get(Field.RECOVERY_ACTION)),
            remap_pending=None if pending is None else bool(pending),
            remap_failed=None if failed is None else bool(failed),
        )

    def _count_errors(self, handle: Any, now: float, fields: Mapping[int, int | float]) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for name, field in _ERRORS.items():
            supported = self._batch.supports(field)
            number = amount(fields.get(field) if supported else self._errors[name].ask(handle, now))
            if number is not None:
                counts[name] = self._counters.add(name, number, _WIDTHS.get(name))
        return counts

    def _ask_fans(self, handle: Any, now: float) -> Mapping[int, float]:
        count = self._fan_count.ask(handle, now) or 0
        for fan in range(len(self._fans), count if count <= MOST_FANS else 0):
            self._fans[fan] = _fan_question(self._binding, fan)
        return answers(self._fans, handle, now)

    def _ask_links(self, handle: Any, now: float, fields: Mapping[int, int | float]) -> Mapping[str, int]:
        count = amount(fields.get(Field.NVLINK_COUNT)) or 0
        for link in range(len(self._links), count if count <= MOST_LINKS else 0):
            self._links[link] = _link_question(self._binding, link)
        states = list(answers(self._links, handle, now).values())
        if not states:
            return NONE
        return {a.LINK_ACTIVE: states.count(True), a.LINK_INACTIVE: states.count(False)}


def _ecc_question(binding: Binding, kind: int) -> Question[int]:
    return Question(lambda handle: binding.call("nvmlDeviceGetTotalEccErrors", handle, kind, _AGGREGATE))


def _fan_question(binding: Binding, fan: int) -> Question[float]:
    return Question(lambda handle: fan_speed(binding.call("nvmlDeviceGetFanSpeed_v2", handle, fan)))


def _link_question(binding: Binding, link: int) -> Question[bool]:
    return Question(lambda handle: bool(binding.call("nvmlDeviceGetNvLinkState", handle, link)))
