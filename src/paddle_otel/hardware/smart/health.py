"""What a disk thinks of its own health; no judgement of ours is added to it."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.smart.json_fields import Fields, count, flag, objects, text
from paddle_otel.hardware.smart.reading import Health
from paddle_otel.hardware.smart.value_names import CRITICAL_WARNING
from paddle_otel.hardware.smart.values import ATA_ATTRIBUTES, NVME_LOG, raw_value

_SPARE_LOW, _UNRELIABLE, _READ_ONLY = 0x01, 0x04, 0x08
"""Bits of NVMe's critical warning; the others are temperature, memory backup and persistent memory region."""
_SCSI_WARNING: Final = 0x0B
"""Additional sense code of a warning, most often of the temperature; 0x5D is a predicted failure."""
_FAILING: Final = 0x08
"""Bit of smartctl's exit status: the disk says that it fails."""


def health(answer: Fields) -> Health | None:
    """Return a disk's own judgement, ``None`` if it gives none.

    - ``failed``: an NVMe disk that takes no more data.
    - ``predicted_failure``: the disk expects to fail: S.M.A.R.T. status, an attribute that foretells failure at its
      threshold, NVMe spare or reliability.
    - ``degraded``: any other warning of an NVMe or SCSI disk, an ATA attribute of wear or use at its threshold.

    Args:
        answer: What smartctl printed about it.
    """
    warning = count(answer, NVME_LOG, "critical_warning")
    if warning is None:
        warning = count(answer, "smart_status", "nvme", "value")
    if warning is not None:
        return _nvme(warning)
    passed = flag(answer, "smart_status", "passed")
    if passed is None and (count(answer, "smartctl", "exit_status") or 0) & _FAILING:
        passed = False
    if passed is False and count(answer, "smart_status", "scsi", "asc") == _SCSI_WARNING:
        return Health(a.STATE_DEGRADED)
    return _ata(answer, passed)


def _nvme(warning: int) -> Health:
    if warning & _READ_ONLY:
        state = a.STATE_FAILED
    elif warning & (_SPARE_LOW | _UNRELIABLE):
        state = a.STATE_PREDICTED_FAILURE
    else:
        state = a.STATE_DEGRADED if warning else a.STATE_OK
    return Health(state, CRITICAL_WARNING, warning)


def _ata(answer: Fields, passed: bool | None) -> Health | None:
    failing = [one for one in objects(answer, *ATA_ATTRIBUTES) if text(one, "when_failed") == "now"]
    foretelling = [one for one in failing if flag(one, "flags", "prefailure")]
    if passed is False or foretelling:
        return _because_of(a.STATE_PREDICTED_FAILURE, foretelling or failing)
    if failing:
        return _because_of(a.STATE_DEGRADED, failing)
    return Health(a.STATE_OK) if passed else None


def _because_of(state: str, attributes: list[Fields]) -> Health:
    if not attributes:
        return Health(state)
    return Health(state, text(attributes[0], "name"), raw_value(attributes[0]))
