"""Which GPUs are sampled, and which CUDA ordinal each of them has in this process.

NVML lists every GPU of the machine, in the order of their PCI bus ids, and knows nothing of ``CUDA_VISIBLE_DEVICES``.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from paddle_otel.hardware.once_log import OnceLog

VISIBLE: Final = "visible"
ALL: Final = "all"
USED: Final = "used"

_VISIBLE_DEVICES: Final = "CUDA_VISIBLE_DEVICES"
_DEVICE_ORDER: Final = "CUDA_DEVICE_ORDER"
_SELECTED_GPUS: Final = "FLAGS_selected_gpus"
_GPU, _MIG = "gpu-", "mig-"
_SPACE: Final = " \t\n\r\v\f"
_MOST_DIGITS: Final = 6
_MOST_SHOWN: Final = 8
_LONGEST_SHOWN: Final = 48


@dataclass(frozen=True, slots=True)
class Candidate:
    """A GPU that NVML lists, or one of the MIG devices that it is split into.

    Attributes:
        uuid: NVML's UUID.
        name: Product name.
        index: Where NVML lists the GPU; a MIG device has its GPU's.
        bus_id: PCI bus id, in NVML's form.
        parent: Of a MIG device: the GPU's UUID.
        instance: Of a MIG device: its GPU instance and compute instance.
    """

    uuid: str
    name: str | None
    index: int
    bus_id: str | None = None
    parent: str | None = None
    instance: tuple[int | None, int | None] | None = None


def chosen(
    setting: str,
    candidates: Sequence[Candidate],
    environ: Mapping[str, str],
    uses: Callable[[Candidate], bool | None],
    log: OnceLog,
) -> frozenset[str]:
    """Return the devices to sample.

    Args:
        setting: ``visible``, ``all``, ``used``, or indices and UUIDs (their beginnings suffice) separated by commas.
        candidates: All GPUs, and all MIG devices.
        environ: The environment, as CUDA and Paddle see it.
        uses: Tells whether this process computes on a device, ``None`` when that is not known. For ``used`` only; the
            caller asks again as time goes on, because a process begins to use a GPU long after it started.
        log: Where it is said that the choice may not be what was meant.

    Returns:
        UUIDs. With a GPU that is split by MIG come all its MIG devices, a MIG device comes alone.
    """
    word = setting.strip().lower()
    if word == ALL:
        return frozenset(candidate.uuid for candidate in candidates)
    if word == USED:
        return _used(candidates, environ, uses)
    if word in (VISIBLE, ""):
        return _visible(candidates, environ, log)
    return _named(setting, candidates, log)


def visible_devices(candidates: Sequence[Candidate], environ: Mapping[str, str]) -> tuple[Candidate, ...] | None:
    """Return the devices that ``CUDA_VISIBLE_DEVICES`` leaves, in the order of their CUDA ordinals.

    As CUDA reads it: numbers, ``GPU-…``, ``MIG-…`` and ``MIG-GPU-…/…/…``, where the beginning of a UUID is enough if
    it is unique; numbers and UUIDs do not mix; reading ends at the first entry that is none of this or names nothing;
    a device named twice hides all; with a MIG device only the first one is seen. CUDA shows of a GPU that is split by
    MIG only a part, but the GPU stands for all of its parts here.

    Args:
        candidates: All GPUs, and all MIG devices.
        environ: The environment.

    Returns:
        ``None`` when numbers are counted in an order that only CUDA knows: the fastest GPU first, where the GPUs
        differ and ``CUDA_DEVICE_ORDER`` is not ``PCI_BUS_ID``; or when a GPU did not say yet which it is.
    """
    gpus = _gpus(candidates)
    text = environ.get(_VISIBLE_DEVICES)
    if text is None:
        return gpus if _ordered_as_listed(gpus, environ) else None
    entries = [entry.strip(_SPACE) for entry in text.split(",")]
    by_number = _number(entries[0]) is not None
    if by_number and not _complete(gpus):
        return None
    found: list[Candidate] = []
    for entry in entries:
        device = _by_number(entry, gpus) if by_number else _by_uuid(entry, candidates)
        if device is None:
            break
        if device in found:
            return ()
        found.append(device)
    if by_number and found and not _ordered_as_listed(gpus, environ):
        return None
    first_mig = next((device for device in found if device.parent is not None), None)
    return tuple(found) if first_mig is None else (first_mig,)


def ordinals(candidates: Sequence[Candidate], environ: Mapping[str, str]) -> Mapping[str, int]:
    """Return the CUDA ordinals that devices have in this process.

    CUDA itself is asked if the program has initialised it. Before, the environment tells, except where numbers are
    counted in CUDA's own order or a GPU is split by MIG: then there is no answer yet, and it is worth asking again.

    Args:
        candidates: All GPUs, and all MIG devices.
        environ: The environment.

    Returns:
        Ordinal by UUID.
    """
    in_use = cuda_uuids()
    if in_use is not None:
        by_digits = {_digits(candidate.uuid): candidate.uuid for candidate in candidates}
        return {by_digits[digits]: ordinal for ordinal, digits in enumerate(in_use) if digits in by_digits}
    devices = visible_devices(candidates, environ) or ()
    split = {candidate.parent for candidate in candidates}
    if any(device.uuid in split for device in devices):
        return {}
    return {device.uuid: ordinal for ordinal, device in enumerate(devices)}


def cuda_uuids() -> list[str] | None:
    """Return the UUIDs of the devices that CUDA shows to this process, in the order of their ordinals.

    This neither loads nor initialises CUDA, and creates no context: the driver's library is asked only if the program
    has loaded it, and before ``cuInit``, also in the forked child of a process that called it, every function of it
    answers ``CUDA_ERROR_NOT_INITIALIZED`` (CUDA driver API, Initialization). The runtime library would initialise
    itself.

    Returns:
        The 32 hexadecimal digits of each UUID, a MIG device's own; ``None`` while CUDA is not initialised.
    """
    if not hasattr(os, "RTLD_NOLOAD"):
        return None
    try:
        cuda = ctypes.CDLL("libcuda.so.1", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        count_of, device_at, uuid_of = cuda.cuDeviceGetCount, cuda.cuDeviceGet, cuda.cuDeviceGetUuid_v2
    except (OSError, AttributeError):  # not loaded, or a driver from before CUDA 11.4
        return None
    count, device, uuid = ctypes.c_int(), ctypes.c_int(), (ctypes.c_ubyte * 16)()
    if count_of(ctypes.byref(count)):
        return None
    uuids: list[str] = []
    for ordinal in range(count.value):
        if device_at(ctypes.byref(device), ordinal) or uuid_of(uuid, device):
            return None
        uuids.append(bytes(uuid).hex())
    return uuids


def _visible(candidates: Sequence[Candidate], environ: Mapping[str, str], log: OnceLog) -> frozenset[str]:
    devices = visible_devices(candidates, environ)
    if devices is None:
        if _VISIBLE_DEVICES in environ:
            log.info(
                "All GPUs are sampled: CUDA_VISIBLE_DEVICES names GPUs by numbers in CUDA's own order, which cannot be "
                "told from outside. CUDA_DEVICE_ORDER=PCI_BUS_ID, or UUIDs instead of numbers, make it clear."
            )
        devices = _gpus(candidates)
    elif candidates and not devices:
        log.info(
            "No GPU metrics: CUDA_VISIBLE_DEVICES leaves no GPU to this process. Everything else works. "
            "PADDLE_OTEL_GPUS=all samples all GPUs."
        )
    return _with_parts(devices, candidates)


def _used(
    candidates: Sequence[Candidate], environ: Mapping[str, str], uses: Callable[[Candidate], bool | None]
) -> frozenset[str]:
    split = {candidate.parent for candidate in candidates}
    answers = {candidate: uses(candidate) for candidate in candidates if candidate.uuid not in split}
    selected = _selected_by_launcher(candidates, environ)
    return frozenset(
        candidate.uuid
        for candidate, answer in answers.items()
        if answer or (answer is None and candidate.uuid in selected)
    )


def _selected_by_launcher(candidates: Sequence[Candidate], environ: Mapping[str, str]) -> frozenset[str]:
    """Return what ``paddle.distributed.launch`` gives this rank: ordinals among the visible devices."""
    devices = visible_devices(candidates, environ)
    numbers = [_number(entry.strip(_SPACE)) for entry in environ.get(_SELECTED_GPUS, "").split(",")]
    places = [number for number in numbers if number is not None and devices and number < len(devices)]
    if devices is None or len(places) != len(numbers):
        return frozenset()
    return _with_parts([devices[place] for place in places], candidates)


def _named(setting: str, candidates: Sequence[Candidate], log: OnceLog) -> frozenset[str]:
    gpus = _gpus(candidates)
    devices: list[Candidate] = []
    unknown: list[str] = []
    for entry in filter(None, (entry.strip(_SPACE) for entry in setting.split(","))):
        found = _by_number(entry, gpus) if entry.isdecimal() else _by_uuid(entry, candidates)
        if found is None:
            unknown.append(ascii(entry[:_LONGEST_SHOWN]))
        else:
            devices.append(found)
    if unknown:
        log.warning(
            "PADDLE_OTEL_GPUS names what is no GPU here, or more than one: %s. That is left out. The GPUs: %s.",
            _few(unknown),
            _few([f"{one.index} = {one.uuid}" if one.parent is None else one.uuid for one in candidates]) or "none",
        )
    return _with_parts(devices, candidates)


def _few(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_SHOWN
    return ", ".join(texts[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _gpus(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted((one for one in candidates if one.parent is None), key=lambda one: one.index))


def _with_parts(devices: Iterable[Candidate], candidates: Sequence[Candidate]) -> frozenset[str]:
    uuids = {device.uuid for device in devices}
    return frozenset(uuids | {candidate.uuid for candidate in candidates if candidate.parent in uuids})


def _complete(gpus: Sequence[Candidate]) -> bool:
    return all(gpu.index == place for place, gpu in enumerate(gpus))


def _ordered_as_listed(gpus: Sequence[Candidate], environ: Mapping[str, str]) -> bool:
    names = {gpu.name for gpu in gpus}
    alike = len(gpus) <= 1 or (len(names) == 1 and None not in names)
    return _complete(gpus) and (alike or environ.get(_DEVICE_ORDER) == "PCI_BUS_ID")


def _number(entry: str) -> int | None:
    digits = "".join(takewhile("0123456789".__contains__, entry))  # what follows is ignored, as CUDA does
    return int(digits) if digits and len(digits) <= _MOST_DIGITS else None


def _by_number(entry: str, gpus: Sequence[Candidate]) -> Candidate | None:
    number = _number(entry)
    return next((gpu for gpu in gpus if gpu.index == number), None)


def _by_uuid(entry: str, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the one device whose UUID begins so."""
    start = entry.lower()
    if start in (_GPU, _MIG, _MIG + _GPU) or not start.startswith((_GPU, _MIG)):
        return None
    exact = [one for one in candidates if one.uuid.lower() == start]
    found = exact or [one for one in candidates if one.uuid.lower().startswith(start)] or _by_place(start, candidates)
    return found[0] if len(found) == 1 else None


def _by_place(entry: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the MIG devices that ``MIG-GPU-<uuid>/<GPU instance>/<compute instance>`` names."""
    gpu, *place = entry[len(_MIG) :].split("/")
    numbers = tuple(_number(part) for part in place)
    if gpu == _GPU or not gpu.startswith(_GPU) or None in numbers:
        return []
    return [one for one in candidates if one.parent and one.parent.lower().startswith(gpu) and one.instance == numbers]


def _digits(uuid: str) -> str:
    return uuid.partition("-")[2].replace("-", "").lower()
