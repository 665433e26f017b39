"""Which disks smartctl finds, how it is asked about one, and which block device a disk is."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paddle_otel.hardware.smart.json_fields import Fields, objects, text

ASLEEP: Final = 3
"""Exit status that smartctl is told to use for a sleeping disk; of itself it never sets both of these bits."""

_FOLDERS: Final = ("/usr/sbin", "/sbin")
"""Where distributions put smartctl; seldom on the path of a service."""


@dataclass(frozen=True, slots=True)
class Device:
    """A disk as smartctl's scan lists it.

    Attributes:
        name: Its device file; several disks behind one RAID controller share one.
        type: How smartctl is told to talk to it, ``None`` to let it find out.
    """

    name: str
    type: str | None


def find_smartctl(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the absolute path of smartctl, ``None`` without one; a relative folder of ``PATH`` is not looked into."""
    folders = [*environ.get("PATH", "").split(os.pathsep), *_FOLDERS]
    return shutil.which("smartctl", path=os.pathsep.join(filter(os.path.isabs, folders)))


def scan_command(smartctl: str) -> list[str]:
    """Return the command that lists the disks; it opens none of them."""
    return [smartctl, "--scan", "-j"]


def read_command(smartctl: str, device: Device) -> list[str]:
    """Return the command that reads a disk unless it sleeps.

    Besides identity, health and attributes: the two standard logs with the endurance used (ATA and SCSI SSDs) and the
    number of pending sectors, which not every disk has as an attribute. smartctl reads a log only if the disk lists it.
    """
    command = [smartctl, "-j", "-i", "-H", "-A", "-l", "ssd", "-l", "defects", "-n", f"standby,{ASLEEP}"]
    if device.type is not None:
        command += ["-d", device.type]
    return [*command, device.name]


def scanned(answer: Fields, sysfs: Path) -> list[Device]:
    """Return the disks that a scan found.

    Args:
        answer: What the scan printed.
        sysfs: Where sysfs is.
    """
    found: dict[Device, None] = {}
    for entry in objects(answer, "devices"):
        name, kind = text(entry, "name"), text(entry, "type")
        if name is not None and name.startswith("/dev/"):  # and so no option
            found[Device(name, _type(name, kind, sysfs))] = None
    return list(found)


def block_device(name: str, sysfs: Path) -> str | None:
    """Return the kernel's name of the block device, ``None`` if there is none.

    smartctl lists an NVMe disk by its controller (``nvme0``), the kernel counts its I/O by namespace (``nvme0n1``).

    Args:
        name: The device file.
        sysfs: Where sysfs is.
    """
    kernel_name = name.removeprefix("/dev/")
    if "/" in kernel_name:
        return None  # /dev/bus/0: the controller that disks of a RAID are behind
    if not kernel_name.startswith("nvme"):
        return kernel_name
    try:
        namespaces = {_namespace(entry.name) for entry in (sysfs / "class/nvme" / kernel_name).iterdir()} - {None}
    except OSError:
        return kernel_name
    # Several namespaces are several block devices on one disk.
    return namespaces.pop() if len(namespaces) == 1 else kernel_name


def _type(name: str, kind: str | None, sysfs: Path) -> str | None:
    """Return how to talk to a disk.

    The scan calls every ``/dev/sd*`` SCSI. Left to find out, smartctl sends commands that may wake an ATA disk, so the
    kernel is asked instead: disks behind its ATA layer have this vendor.
    """
    if kind not in ("scsi", "ata"):
        return kind
    try:
        vendor = (sysfs / "class/block" / Path(name).name / "device/vendor").read_bytes()
    except OSError:
        return None
    return "sat" if vendor.strip() == b"ATA" else None


def _namespace(entry: str) -> str | None:
    """Return the block device that an entry of a controller's folder stands for: ``nvme0n1``, or ``nvme0c1n1``."""
    controller, _, namespace = entry.removeprefix("nvme").partition("n")
    instance = controller.partition("c")[0]
    if not entry.startswith("nvme") or not instance.isdigit() or not namespace.isdigit():
        return None
    return f"nvme{instance}n{namespace}"
