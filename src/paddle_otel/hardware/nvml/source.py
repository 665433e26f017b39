"""All GPUs of the machine, and what happens when their driver goes and comes back."""

import os
import time
from collections.abc import Callable
from typing import Final

from paddle_otel.hardware.nvml.binding import Binding, Code, NvmlError, WrongBindingError
from paddle_otel.hardware.nvml.device import Device
from paddle_otel.hardware.nvml.question import Backoff
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.once_log import OnceLog

NAME: Final = "nvml"

LONGEST_PAUSE: Final = 300.0
"""The longest pause in seconds between two tries to initialise NVML."""
SILENCE: Final = 30.0
"""Seconds without a value from any GPU after which NVML is initialised anew: a reloaded driver may answer so."""


class NvmlSource:
    """Reads every GPU that NVML lists.

    NVML is initialised by the first read and stays so: initialising it at each read costs more than reading, and was
    seen to hang after hours (go-nvml 152). It is initialised again after a fork and after the driver went.

    Args:
        clock: Seconds of a monotonic clock, for tests.
        log: Where the state of driver and devices is said, each line once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, log: OnceLog | None = None) -> None:
        self._clock = clock
        self._log = log or OnceLog()
        self._backoff = Backoff(LONGEST_PAUSE)
        self._binding: Binding | None = None
        self._devices: tuple[Device, ...] | None = None
        self._pid = 0
        self._last_value = 0.0
        self._unusable = False

    @property
    def name(self) -> str:
        """``nvml``."""
        return NAME

    def read(self) -> tuple[GpuReading, ...] | None:
        """Return what the GPUs say; ``None`` without NVML, and a GPU that says nothing is left out."""
        now = self._clock()
        if self._devices is not None and self._pid != os.getpid():
            self._devices = None  # of the parent process: not ours to shut down
        try:
            devices = self._devices if self._devices is not None else self._open(now)
            if devices is None:
                return None
            readings = tuple(reading for device in devices if (reading := device.read(now)) is not None)
        except NvmlError as error:
            self._give_up(now, error)
            return None
        self._reopen_after_silence(now, heard=bool(readings) or not devices)
        return readings

    def close(self) -> None:
        """Shut NVML down, if this process initialised it."""
        self._shut_down()
        self._backoff.succeeded()

    def _open(self, now: float) -> tuple[Device, ...] | None:
        """Initialise NVML, unless it failed a short while ago or can never work.

        Raises:
            NvmlError: It failed now.
        """
        if self._unusable or not self._backoff.due(now):
            return None
        binding = self._binding or self._load()
        if binding is None:
            return None
        self._binding = binding
        binding.call("nvmlInit")
        self._pid, self._devices, self._last_value = os.getpid(), (), now  # from here on there is something to close
        count = int(binding.call("nvmlDeviceGetCount"))
        driver_version = binding.call_or_none("nvmlSystemGetDriverVersion")
        self._devices = tuple(Device(binding, index, driver_version, self._log) for index in range(count))
        return self._devices

    def _load(self) -> Binding | None:
        try:
            return Binding.load()
        except ModuleNotFoundError:
            self._log.info("No GPU metrics: nvidia-ml-py is not installed. Everything else works.")
        except WrongBindingError:
            self._log.warning(
                "No GPU metrics: the module pynvml does not come from nvidia-ml-py, most likely from the abandoned "
                "nvidia-ml-py3. Everything else works. To repair it: pip uninstall -y nvidia-ml-py3 pynvml && "
                "pip install --force-reinstall nvidia-ml-py",
            )
        self._unusable = True
        return None

    def _give_up(self, now: float, error: NvmlError) -> None:
        """Shut NVML down and try again later."""
        self._shut_down()
        self._backoff.failed(now)
        if error.code in (Code.LIBRARY_NOT_FOUND, Code.DRIVER_NOT_LOADED):
            self._log.info(
                "No GPU metrics: no NVIDIA driver is loaded here (%s). Everything else works. In a container, the "
                "NVIDIA runtime and NVIDIA_DRIVER_CAPABILITIES=utility bring it in.",
                error.reason,
            )
        else:
            self._log.warning(
                "No GPU metrics for now: NVML does not work (%s). It is tried again from time to time; everything else "
                "works. nvidia-smi shows whether the driver itself is at fault. This is logged once.",
                str(error),
            )

    def _reopen_after_silence(self, now: float, *, heard: bool) -> None:
        if heard:
            self._last_value = now
            self._backoff.succeeded()
        elif now - self._last_value > SILENCE:
            self._shut_down()
            self._backoff.failed(now)

    def _shut_down(self) -> None:
        if self._devices is not None and self._binding is not None and self._pid == os.getpid():
            self._binding.call_or_none("nvmlShutdown")  # whatever it answers, there is nothing left to do
        self._devices = None
