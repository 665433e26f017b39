"""The readings of the parts of a GPU that MIG has split.

A part tells its memory, what this process uses of it, and on Hopper and later how busy it is. Power, energy, clocks,
temperatures and errors are the whole GPU's, and NVML gives no utilisation under MIG.
"""

from typing import Any

from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.gpm import Gpm
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.load import memory_question
from paddle_otel.hardware.nvml.mig import MigInstance
from paddle_otel.hardware.nvml.processes import OwnProcess, ProcessUse
from paddle_otel.hardware.nvml.question import Schedule
from paddle_otel.hardware.nvml.reading import NONE, GpuReading
from paddle_otel.hardware.nvml.state import PERIOD


class Part:
    """One MIG device.

    Args:
        binding: NVML.
        parent: The GPU it is a part of.
        gpm: The GPU's pipes.
        phase: See :class:`Schedule`.
        instance: Which part.
    """

    def __init__(self, binding: Binding, parent: GpuIdentity, gpm: Gpm, phase: float, instance: MigInstance) -> None:
        self.instance = instance
        self._identity = GpuIdentity(
            instance.uuid,
            instance.name,
            parent.driver_version,
            parent=parent.uuid,
            mig_instance_id=instance.gpu_instance_id,
        )
        self._gpm = gpm
        self._memory = memory_question(binding)
        self._own_process = OwnProcess(binding)
        self._schedule = Schedule(PERIOD, phase)
        self._process: ProcessUse | None = None

    def read(self, parent_handle: Any, now: float, ordinal: int | None) -> GpuReading:
        """Return a reading.

        Args:
            parent_handle: The GPU's handle.
            now: Seconds of a monotonic clock.
            ordinal: The part's CUDA ordinal in this process.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        instance = self.instance
        used, total = (self._memory.ask(instance.handle, now) if instance.first else None) or (None, None)
        if self._schedule.due(now):
            self._process = self._own_process.read(instance.handle, now)
        pipes = NONE
        if instance.first and instance.gpu_instance_id is not None:
            pipes = self._gpm.read_instance(parent_handle, instance.gpu_instance_id)
        return GpuReading(
            identity=self._identity,
            memory_used=used,
            memory_total=total,
            pipes=pipes,
            process=self._process,
            ordinal=ordinal,
            mig=True,
        )
