"""Who a disk is."""

from dataclasses import replace
from itertools import groupby
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.smart.json_fields import Fields, count, objects, text
from paddle_otel.hardware.smart.reading import DiskIdentity, DiskReading

_NVME: Final = "NVMe"


def identity(answer: Fields, block_device: str | None) -> DiskIdentity | None:
    """Return who a disk is, ``None`` if nothing tells it from another one.

    Args:
        answer: What smartctl printed about it.
        block_device: The kernel's name of it.
    """
    model = text(answer, "model_name") or text(answer, "scsi_model_name") or text(answer, "scsi_product")
    serial_number = text(answer, "serial_number")
    identifier = _identifier(answer, model, serial_number) or block_device
    if identifier is None:
        return None
    return DiskIdentity(
        id=identifier,
        device=block_device,
        model=model,
        vendor=text(answer, "scsi_vendor"),
        serial_number=serial_number,
        firmware_version=text(answer, "firmware_version") or text(answer, "scsi_revision"),
        type=_type(answer),
    )


def distinct(readings: list[DiskReading]) -> tuple[DiskReading, ...]:
    """Return each disk once, under an identifier of its own.

    A disk that is reached by two paths has one identifier and one serial number; the first path stands for it. Disks
    with different serial numbers are different, also where a careless vendor gave them one name.
    """
    by_id = sorted(readings, key=lambda reading: reading.identity.id)
    result: list[DiskReading] = []
    for _, group in groupby(by_id, key=lambda reading: reading.identity.id):
        by_serial = {reading.identity.serial_number: reading for reading in reversed(list(group))}
        namesakes = list(by_serial.values())
        result += namesakes if len(namesakes) == 1 else [_with_serial(reading) for reading in namesakes]
    return tuple(result)


def _with_serial(reading: DiskReading) -> DiskReading:
    own = reading.identity
    return replace(reading, identity=replace(own, id=f"{own.id}_{own.serial_number or 'unknown'}"))


def _identifier(answer: Fields, model: str | None, serial_number: str | None) -> str | None:
    """Return the name that stays: the World Wide Name of an ATA or SCSI disk, else model and serial number.

    Of an NVMe disk the serial number comes first: its EUI-64 is a namespace's, and namespaces are made anew.
    """
    by_serial = "_".join(f"{model or ''} {serial_number}".split()) if serial_number is not None else None
    if text(answer, "device", "protocol") == _NVME:
        return by_serial or _eui(answer)
    return _naa(answer) or by_serial


def _naa(answer: Fields) -> str | None:
    naa, oui, own = (count(answer, "wwn", part) for part in ("naa", "oui", "id"))
    if naa and oui and own and naa < 1 << 4 and oui < 1 << 24 and own < 1 << 36:
        return f"naa.{naa:x}{oui:06x}{own:09x}"
    unit = (text(answer, "logical_unit_id") or "").removeprefix("0x").lower()
    return f"naa.{unit}" if unit.strip("0") and set(unit) <= set("0123456789abcdef") else None


def _eui(answer: Fields) -> str | None:
    namespaces = objects(answer, "nvme_namespaces")
    if len(namespaces) != 1:
        return None
    oui, own = (count(namespaces[0], "eui64", part) for part in ("oui", "ext_id"))
    return f"eui.{oui:06x}{own:010x}" if oui and own and oui < 1 << 24 and own < 1 << 40 else None


def _type(answer: Fields) -> str | None:
    if text(answer, "device", "protocol") == _NVME:
        return a.DISK_NVME
    rotation_rate = count(answer, "rotation_rate")
    if rotation_rate is None:
        return None
    return a.DISK_HDD if rotation_rate else a.DISK_SSD
