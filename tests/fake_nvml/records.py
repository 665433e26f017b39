"""What a test gives to the fake driver as a whole: processes and MIG devices."""

import ctypes
from typing import Final, NamedTuple

NO_INSTANCE: Final = 0xFFFFFFFF
"""NVML's instance id of what is not in a MIG instance."""


class Process(NamedTuple):
    """A process on a device.

    Attributes:
        pid: As the driver sees it.
        memory: Bytes, ``NOT_AVAILABLE`` where the driver does not know.
        gpu_instance: The MIG GPU instance it is in.
        compute_instance: The MIG compute instance it is in.
    """

    pid: int
    memory: int
    gpu_instance: int = NO_INSTANCE
    compute_instance: int = NO_INSTANCE


class ProcessUtilization(NamedTuple):
    """A sample of what a process used, in percent.

    Attributes:
        pid: As the driver sees it.
        time: Microseconds since 1970.
        sm: Of the multiprocessors.
        memory: Of the memory controller.
        encoder: Of the encoder.
        decoder: Of the decoder.
    """

    pid: int
    time: int
    sm: int
    memory: int = 0
    encoder: int = 0
    decoder: int = 0


class Mig(NamedTuple):
    """A MIG device.

    Attributes:
        gpu_instance: Which memory it has; several MIG devices may share one.
        compute_instance: Which part of the GPU instance it is.
        total: Memory of the GPU instance, bytes.
        used: Memory in use, bytes.
        profile: The end of its name.
    """

    gpu_instance: int
    compute_instance: int
    total: int
    used: int
    profile: str = "1g.10gb"


class ProcessRecord(ctypes.Structure):
    """:class:`Process` as the library takes it."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("memory", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class ProcessUtilizationRecord(ctypes.Structure):
    """:class:`ProcessUtilization` as the library takes it."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("time", ctypes.c_ulonglong),
        ("sm", ctypes.c_uint),
        ("memory", ctypes.c_uint),
        ("encoder", ctypes.c_uint),
        ("decoder", ctypes.c_uint),
    )
