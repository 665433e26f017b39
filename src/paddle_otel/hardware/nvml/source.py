"""All GPUs of the machine, and what happens when their driver goes and comes back."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddle_otel.hardware.monotonic import CountersByDevice
from paddle_otel.hardware.nvml.binding import Binding, Code, NvmlError, WrongBindingError
from paddle_otel.hardware.nvml.device import Device
from paddle_otel.hardware.nvml.lost_gpus import LostGpus
from paddle_otel.hardware.nvml.question import Backoff
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.selection import Selection
from paddle_otel.hardware.nvml.visible import Candidate
from paddle_otel.hardware.nvml.xid import XidWatch
from paddle_otel.hardware.nvml.xid_log import XidLog
from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.settings import Settings

NAME: Final = "nvml"

LONGEST_PAUSE: Final = 300.0
"""The longest pause in seconds between two tries to initialise NVML."""
SILENCE: Final = 30.0
"""Seconds without a value from any GPU after which NVML is initialised anew: a reloaded driver may answer so."""


@dataclass(frozen=True, slots=True)
class Opened:
    """NVML, initialised.

    Attributes:
        pid: The process that initialised it.
        binding: NVML.
        watch: Notices errors that the driver reports.
        selection: Which devices are sampled.
        devices: All that are listed.
    """

    pid: int
    binding: Binding
    watch: XidWatch
    selection: Selection
    devices: list[Device]

    @property
    def listed(self) -> Mapping[Candidate, Any]:
        """All GPUs and MIG devices with their handles; of one that is lost there is none."""
        return {one: handle for device in self.devices for one, handle in device.candidates().items()}

    @property
    def expects_values(self) -> bool:
        """Whether any device is chosen, or may be, did it only say which it is."""
        return any(
            device.silent or any(self.selection.covers(one.uuid) for one in device.candidates())
            for device in self.devices
        )

    def close(self) -> None:
        """Shut NVML down, if this process initialised it."""
        if self.pid == os.getpid():
            for device in self.devices:
                device.close()
            self.watch.close()
            self.binding.call_or_none("nvmlShutdown")  # whatever it answers, there is nothing left to do


class NvmlSource:
    """Reads the GPUs that are chosen among those that NVML lists.

    NVML is initialised by the first read and stays so: initialising it at each read costs more than reading, and was
    seen to hang after hours (go-nvml 152). It is initialised again after a fork and after the driver went.

    Args:
        clock: Seconds of a monotonic clock, for tests.
        log: Where the state of driver and devices is said, each line once.
        settings: Which GPUs are chosen.
        environ: The environment, as CUDA sees it.

    Attributes:
        errors: How often nothing could be read for an error of NVML. A machine without a driver is none.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        log: OnceLog | None = None,
        *,
        settings: Settings | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._clock = clock
        self._log = log or OnceLog()
        self._setting = (settings or Settings()).gpus
        self._environ = environ
        self._backoff = Backoff(LONGEST_PAUSE)
        self._binding: Binding | None = None
        self._opened: Opened | None = None
        self._last_value = 0.0
        self._unusable = False
        self.errors: int = 0
        self._lost = LostGpus()
        self._counters = CountersByDevice()
        self._xids = XidLog()

    @property
    def name(self) -> str:
        """``nvml``."""
        return NAME

    def read(self) -> tuple[GpuReading, ...] | None:
        """Return what the GPUs say; one that says nothing is left out.

        ``None`` without NVML, and when there are GPUs to sample but nothing is known of any.
        """
        now = self._clock()
        if self._opened is not None and self._opened.pid != os.getpid():
            self._opened = None  # of the parent process: not ours to shut down
        try:
            opened = self._opened or self._open(now)
            if opened is None:
                return tuple(self._lost.readings(self._xids)) or None
            readings = self._ask(opened, now)
        except NvmlError as error:
            self._give_up(now, error)
            return tuple(self._lost.readings(self._xids)) or None
        heard = bool(readings) or not opened.expects_values
        self.errors += not heard
        self._reopen_after_silence(now, heard=heard)
        readings += tuple(self._lost.readings(self._xids))
        return readings if readings or heard else None

    def close(self) -> None:
        """Shut NVML down, if this process initialised it."""
        self._shut_down()
        self._backoff.succeeded()

    def _ask(self, opened: Opened, now: float) -> tuple[GpuReading, ...]:
        """Return what the GPUs say that are not lost."""
        self._xids.note(opened.watch.poll())
        for device in opened.devices:
            device.identify(now)
        listed = opened.listed
        selection = opened.selection
        selection.update(now, opened.binding, listed)
        readings = tuple(reading for device in opened.devices for reading in device.read(now, selection, self._xids))
        self._lost.update(lambda: {one.uuid for one in listed}, selection.covers)
        return readings

    def _open(self, now: float) -> Opened | None:
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
        watch = XidWatch(binding, self._clock)
        opened = Opened(os.getpid(), binding, watch, Selection(self._setting, self._environ, self._log), [])
        self._opened, self._last_value = opened, now  # from here on there is something to close
        count = int(binding.call("nvmlDeviceGetCount"))
        driver_version = binding.call_or_none("nvmlSystemGetDriverVersion")
        opened.devices.extend(
            Device(
                binding,
                index=index,
                phase=index / count,
                driver_version=driver_version,
                counters=self._counters,
                watch=watch,
                log=self._log,
                lost=self._lost,
            )
            for index in range(count)
        )
        return opened

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
        no_driver = self._opened is None and error.code in (Code.LIBRARY_NOT_FOUND, Code.DRIVER_NOT_LOADED)
        self.errors += not no_driver
        self._shut_down()
        self._backoff.failed(now)
        if error.code in (Code.LIBRARY_NOT_FOUND, Code.DRIVER_NOT_LOADED):
            self._log.info(
                "No GPU metrics: no NVIDIA driver is loaded here (%s). Everything else works. In a container, the "
                "NVIDIA runtime and NVIDIA_DRIVER_CAPABILITIES=compute,utility bring it in.",
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
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()
