"""One place in NVML's list of GPUs: which GPU is there, and what happens when it is lost."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddle_otel.hardware.monotonic import CountersByDevice
from paddle_otel.hardware.nvml.binding import DEVICE_LOST, DRIVER_GONE, Binding, NvmlError
from paddle_otel.hardware.nvml.gpu import Gpu
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.lost_gpus import LostGpus
from paddle_otel.hardware.nvml.mig import MigInstance, instances
from paddle_otel.hardware.nvml.question import Backoff, Question, Schedule
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.selection import Selection
from paddle_otel.hardware.nvml.visible import Candidate
from paddle_otel.hardware.nvml.xid import XidWatch
from paddle_otel.hardware.nvml.xid_log import XidLog
from paddle_otel.hardware.once_log import OnceLog

MIG_PERIOD: Final = 30.0
"""Seconds between two looks at how MIG has split a GPU."""


class Device:
    """One GPU while NVML stays initialised; finds the GPU again after it was lost.

    Args:
        binding: NVML, initialised.
        index: Where NVML lists the GPU now.
        phase: See :class:`Schedule`.
        driver_version: Version of the driver.
        counters: Those of all GPUs.
        watch: Notices errors that the driver reports.
        log: Says once when the GPU is lost and when it is back.
        lost: The GPUs that are lost.
    """

    def __init__(  # noqa: PLR0913 - it is made in one place, by name
        self,
        binding: Binding,
        *,
        index: int,
        phase: float,
        driver_version: str | None,
        counters: CountersByDevice,
        watch: XidWatch,
        log: OnceLog,
        lost: LostGpus,
    ) -> None:
        self._binding = binding
        self._index = index
        self._phase = phase
        self._driver_version = driver_version
        self._counters = counters
        self._watch = watch
        self._log = log
        self._handle: Any = None
        self._identity: GpuIdentity | None = None
        self._gpu: Gpu | None = None
        self._candidates: Mapping[Candidate, Any] | None = None
        self._backoff = Backoff()
        self._forget_mig()
        self._lost = lost
        self._last_known = lost.listed_at(index)
        self._fell_silent: str | None = None
        self.silent = False
        """Whether nothing is heard of the GPU here."""

    def identify(self, now: float) -> None:
        """Find out which GPU this is, unless that is known or failed a short while ago.

        Args:
            now: Seconds of a monotonic clock.

        Raises:
            NvmlError: The driver is gone: NVML must be initialised again.
        """
        if not self._backoff.due(now):
            return
        try:
            if self._identity is None:
                self._handle, self._identity = self._who()
                self._last_known = self._identity
                self._candidates = None
            if not self._cannot_be_split and self._mig_schedule.due(now):
                self._look_at_mig(now)
        except NvmlError as error:
            self._lose(now, error)

    def candidates(self) -> Mapping[Candidate, Any]:
        """Return the GPU and its MIG devices with their handles; of a lost one there is no handle."""
        if self._candidates is None:
            self._candidates = self._list_candidates()
        return self._candidates

    def read(self, now: float, selection: Selection, xids: XidLog) -> tuple[GpuReading, ...]:
        """Return what the GPU and its MIG devices say, as far as they are chosen.

        Args:
            now: Seconds of a monotonic clock.
            selection: Which devices are chosen.
            xids: The errors that the driver reported.

        Raises:
            NvmlError: The driver is gone: NVML must be initialised again.
        """
        identity = self._identity
        readings: tuple[GpuReading, ...] = ()
        if identity is not None and self._backoff.due(now):
            whole = selection.covers(identity.uuid)
            wanted = [one for one in self._instances if selection.covers(one.uuid)]
            if not whole and not wanted:
                self.silent = False  # it would speak if it were asked
                return ()
            try:
                readings = self._ask(identity, now, selection, xids, wanted, whole=whole)
            except NvmlError as error:
                self._lose(now, error)
            else:
                self._note(now, identity, heard=any(not reading.blank for reading in readings))
        return readings

    def _who(self) -> tuple[Any, GpuIdentity]:
        call, call_or_none = self._binding.call, self._binding.call_or_none
        handle = call("nvmlDeviceGetHandleByIndex", self._index)
        uuid = str(call("nvmlDeviceGetUUID", handle))
        pci = call_or_none("nvmlDeviceGetPciInfo", handle)
        return handle, GpuIdentity(
            uuid,
            call_or_none("nvmlDeviceGetName", handle),
            self._driver_version,
            firmware_version=call_or_none("nvmlDeviceGetVbiosVersion", handle) or None,
            serial_number=call_or_none("nvmlDeviceGetSerial", handle) or None,
            index=self._index,
            bus_id=pci and pci.busId,
        )

    def _list_candidates(self) -> Mapping[Candidate, Any]:
        identity = self._identity or self._last_known
        if identity is None:
            return {}
        gpu = Candidate(identity.uuid, identity.name, self._index, identity.bus_id)
        parts: dict[Candidate, Any] = {}
        for one in self._instances:
            place = (one.gpu_instance_id, one.compute_instance_id)
            parts[Candidate(one.uuid, one.name, self._index, parent=gpu.uuid, instance=place)] = one.handle
        return {gpu: self._handle, **parts}

    def _forget_mig(self) -> None:
        self._mig_mode = Question[bool](lambda handle: self._binding.call("nvmlDeviceGetMigMode", handle)[0] == 1)
        self._mig_schedule = Schedule(MIG_PERIOD, self._phase)
        self._mig = self._cannot_be_split = False
        self._instances: Sequence[MigInstance] = ()

    def _look_at_mig(self, now: float) -> None:
        mode = self._mig_mode.ask(self._handle, now)
        # A container that has only parts of the GPU may not be told the mode.
        self._instances = () if mode is False else instances(self._binding, self._handle)
        self._candidates = None
        split = mode is True or bool(self._instances)
        self._cannot_be_split = self._mig_mode.hopeless and not split
        if split is not self._mig:
            self._mig = split
            self._learn_anew()  # what the GPU supports depends on it

    def _ask(  # noqa: PLR0913 - see read()
        self,
        identity: GpuIdentity,
        now: float,
        selection: Selection,
        xids: XidLog,
        wanted: Sequence[MigInstance],
        *,
        whole: bool,
    ) -> tuple[GpuReading, ...]:
        gpu = self._gpu
        if gpu is None:
            gpu = self._gpu = Gpu(self._binding, self._handle, identity, self._counters.of(identity.uuid), self._phase)
            self._watch.watch(self._handle, identity.uuid)
        parts = gpu.read_parts(now, wanted, selection)
        if not whole:
            return parts
        reading = gpu.read(now, selection, xids, mig=self._mig)
        return parts if reading.blank and not reading.xids else (reading, *parts)

    def _lose(self, now: float, error: NvmlError) -> None:
        if error.code in DRIVER_GONE:
            raise error
        if error.code in DEVICE_LOST and self._identity is not None:
            self._lost.add(self._identity)
        self._fall_silent(now, error.reason)

    def _fall_silent(self, now: float, reason: str) -> None:
        identity = self._identity
        if identity is not None or not self.silent:  # else it was said under its name
            self._log.warning(
                "GPU %s gives no values (%s); it is asked again from time to time, all other metrics go on. Its state "
                "in nvidia-smi tells more. This is logged once.",
                identity.uuid if identity is not None else f"number {self._index}",
                reason,
            )
        # After a reset both the handle and what the GPU supports may be others.
        self._learn_anew()
        self._forget_mig()
        self._handle = self._identity = self._candidates = None
        self._backoff.failed(now)
        self.silent = True
        if identity is not None:
            self._fell_silent = identity.uuid
            self._watch.unwatch(identity.uuid)

    def _note(self, now: float, identity: GpuIdentity, *, heard: bool) -> None:
        if not heard:
            self._fall_silent(now, "no value could be read")
            return
        self._backoff.succeeded()
        was_silent, self.silent = self.silent and self._fell_silent in (None, identity.uuid), False
        if self._lost.heard(identity.uuid) or was_silent:
            self._log.info("GPU %s gives values again.", identity.uuid)

    def _learn_anew(self) -> None:
        if self._gpu is not None:
            self._gpu.close()
            self._gpu = None

    def close(self) -> None:
        """Give back what NVML keeps for the GPU; before NVML is shut down."""
        self._learn_anew()
