"""The parts into which MIG (Multi-Instance GPU) splits a GPU."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from paddle_otel.hardware.nvml.binding import DEVICE_LOST, DRIVER_GONE, Binding, NvmlError

MOST_SLOTS: Final = 64
"""More parts than any GPU can be split into (seven now); a larger number is no answer."""


@dataclass(frozen=True, slots=True)
class MigInstance:
    """One MIG device: a compute instance, which has a share of the multiprocessors of a GPU instance.

    Attributes:
        handle: For calls to NVML; valid until the instance is destroyed.
        uuid: ``MIG-…``.
        name: Product and profile, ``NVIDIA H100 80GB HBM3 MIG 1g.10gb`` for instance.
        gpu_instance_id: The GPU instance, a number on its GPU.
        compute_instance_id: The compute instance, a number in its GPU instance.
        first: Whether it is the first that is seen of its GPU instance. Memory belongs to the GPU instance, and each
            of its compute instances reports all of it: only the first may, or it is counted more than once.
    """

    handle: Any
    uuid: str
    name: str | None
    gpu_instance_id: int | None
    compute_instance_id: int | None
    first: bool


def is_enabled(binding: Binding, handle: Any) -> bool | None:
    """Return whether a GPU is split now; ``None`` when it does not say.

    Args:
        binding: NVML.
        handle: The GPU's handle.

    Raises:
        NvmlError: The device is lost or the driver is gone.
    """
    mode = _ask(binding, "nvmlDeviceGetMigMode", handle)
    return None if mode is None else mode[0] == 1


def instances(binding: Binding, parent_handle: Any) -> tuple[MigInstance, ...]:
    """Return the MIG devices of a GPU that this process may see, in the driver's order.

    A container that was given single MIG devices may be refused what concerns the whole GPU; its parts are listed
    all the same.

    Args:
        binding: NVML.
        parent_handle: The GPU's handle.

    Returns:
        Nothing for a GPU that is not split. A part without a UUID is left out.

    Raises:
        NvmlError: The device is lost or the driver is gone.
    """
    if is_enabled(binding, parent_handle) is False:
        return ()
    found = tuple(_found(binding, parent_handle))
    firsts: dict[int, int] = {}
    for one in found:
        if one.gpu_instance_id is not None and one.compute_instance_id is not None:
            lowest = firsts.get(one.gpu_instance_id, one.compute_instance_id)
            firsts[one.gpu_instance_id] = min(lowest, one.compute_instance_id)
    return tuple(replace(one, first=(one.gpu_instance_id, one.compute_instance_id) in firsts.items()) for one in found)


def _found(binding: Binding, parent: Any) -> Iterator[MigInstance]:
    slots = _ask(binding, "nvmlDeviceGetMaxMigDeviceCount", parent)
    for slot in range(slots if slots is not None and slots <= MOST_SLOTS else 0):
        handle = _ask(binding, "nvmlDeviceGetMigDeviceHandleByIndex", parent, slot)  # None: the slot is empty
        uuid = _ask(binding, "nvmlDeviceGetUUID", handle) if handle is not None else None
        if uuid:
            yield MigInstance(
                handle,
                uuid,
                name=_ask(binding, "nvmlDeviceGetName", handle),
                gpu_instance_id=_ask(binding, "nvmlDeviceGetGpuInstanceId", handle),
                compute_instance_id=_ask(binding, "nvmlDeviceGetComputeInstanceId", handle),
                first=False,
            )


def _ask(binding: Binding, function: str, *args: Any) -> Any | None:
    try:
        return binding.call(function, *args)
    except NvmlError as error:
        if error.code in DEVICE_LOST or error.code in DRIVER_GONE:
            raise
        return None
