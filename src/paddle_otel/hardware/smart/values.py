"""The S.M.A.R.T. values of a disk, read from smartctl's answer; see :mod:`paddle_otel.hardware.smart.value_names`."""

from collections.abc import Callable, Mapping
from typing import Final

from paddle_otel.hardware.smart import value_names as names
from paddle_otel.hardware.smart.json_fields import Fields, count, objects, text, under

NVME_LOG: Final = "nvme_smart_health_information_log"
ATA_ATTRIBUTES: Final = ("ata_smart_attributes", "table")

_LONGEST_NAME: Final = 64
_MOST_ATTRIBUTES: Final = 64
"""ATA has room for 30."""
_Way = Callable[[Fields], int | None]


def smart_values(answer: Fields) -> Mapping[str, int]:
    """Return the values that a disk has, by name.

    Args:
        answer: What smartctl printed about it.
    """
    values = _ata_attributes(answer)
    for name, ways in _WAYS.items():
        known = next((value for way in ways if (value := way(answer)) is not None), None)
        if known is not None:
            values[name] = known
    return values


def raw_value(attribute: Fields) -> int | None:
    """Return the raw value of an ATA attribute: the number that smartctl decoded, else the undivided one."""
    decoded = _decoded(attribute)
    return count(attribute, "raw", "value") if decoded is None else decoded


def _decoded(attribute: Fields) -> int | None:
    """Return the number that smartctl prints first: ``31`` of ``31 (Min/Max 20/45)``, none of ``24/8``."""
    printed = text(attribute, "raw", "string")
    if printed is None:
        return count(attribute, "raw", "value")
    first = printed.split(" ", 1)[0]
    return count({"first": int(first)}, "first") if first.isascii() and first.isdigit() else None


def _ata_attributes(answer: Fields) -> dict[str, int]:
    values: dict[str, int] = {}
    for attribute in objects(answer, *ATA_ATTRIBUTES)[:_MOST_ATTRIBUTES]:
        name, number, value = text(attribute, "name"), count(attribute, "id"), raw_value(attribute)
        if name is None or number is None or value is None:
            continue
        name = name[:_LONGEST_NAME]
        # Attributes that the drive database does not know are all called alike.
        if name in values or name.startswith("Unknown_"):
            name = f"{name}_{number}"
        values[name] = value
    return values


def _ata(number: int, word: str) -> _Way:
    """Read an ATA attribute by its number, if its name agrees: vendors use numbers for other things, too."""

    def value(answer: Fields) -> int | None:
        for attribute in objects(answer, *ATA_ATTRIBUTES):
            if count(attribute, "id") == number and word in (text(attribute, "name") or "").lower():
                return _decoded(attribute)
        return None

    return value


def _at(*path: str) -> _Way:
    return lambda answer: count(answer, *path)


def _scsi_uncorrected(answer: Fields) -> int | None:
    log = under(answer, "scsi_error_counter_log")
    known = [count(log, kind, "total_uncorrected_errors") for kind in ("read", "write", "verify")]
    counts = [value for value in known if value is not None]
    return sum(counts) if counts else None


def _ata_endurance(answer: Fields) -> int | None:
    for page in objects(answer, "ata_device_statistics", "pages"):
        for statistic in objects(page, "table"):
            if text(statistic, "name") == "Percentage Used Endurance Indicator":
                return count(statistic, "value")
    return None


_WAYS: Final[Mapping[str, tuple[_Way, ...]]] = {
    names.REALLOCATED: (_ata(5, "realloc"), _ata(5, "retired"), _at("scsi_grown_defect_list")),
    names.PENDING: (
        _ata(197, "pending"),
        _at("ata_pending_defects_log", "count"),
        _at("scsi_pending_defects", "count"),
    ),
    names.UNCORRECTABLE: (_ata(198, "uncorrect"),),
    names.MEDIA_ERRORS: (_at(NVME_LOG, "media_errors"), _scsi_uncorrected, _ata(187, "uncorrect")),
    names.PERCENTAGE_USED: (
        _at(NVME_LOG, "percentage_used"),
        _at("scsi_percentage_used_endurance_indicator"),
        _ata_endurance,
        _at("endurance_used", "current_percent"),
    ),
    names.AVAILABLE_SPARE: (_at(NVME_LOG, "available_spare"),),
    names.AVAILABLE_SPARE_THRESHOLD: (_at(NVME_LOG, "available_spare_threshold"),),
    names.CRITICAL_WARNING: (_at(NVME_LOG, "critical_warning"),),
    names.UNSAFE_SHUTDOWNS: (_at(NVME_LOG, "unsafe_shutdowns"),),
    names.POWER_ON_HOURS: (_at("power_on_time", "hours"), _at(NVME_LOG, "power_on_hours")),
    names.POWER_CYCLES: (_at("power_cycle_count"), _at(NVME_LOG, "power_cycles")),
}
