"""Everything one GPU is asked, each thing as often as it is worth."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Final

from paddle_otel.hardware.monotonic import Counters
from paddle_otel.hardware.nvml import health, state
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.gpm import Gpm
from paddle_otel.hardware.nvml.gpus_in_use import IN_USE
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.load import Besides, Load
from paddle_otel.hardware.nvml.mig import MigInstance
from paddle_otel.hardware.nvml.parts import Part
from paddle_otel.hardware.nvml.processes import OwnProcess, ProcessUse, with_alone
from paddle_otel.hardware.nvml.question import Schedule
from paddle_otel.hardware.nvml.reading import GpuHealth, GpuReading, GpuState
from paddle_otel.hardware.nvml.selection import Selection
from paddle_otel.hardware.nvml.xid_log import XidLog

WATCHED: Final = 10.0
"""Seconds for which it is looked at every reading who is on the GPU after an operation was seen there.

The next one most likely begins soon; so it is accounted for from its beginning.
"""


class Gpu:
    """One GPU under one handle; what it does not have is learned once.

    Args:
        binding: NVML, initialised.
        handle: The GPU's handle.
        identity: Which GPU.
        counters: Its counters.
        phase: See :class:`Schedule`.
    """

    def __init__(self, binding: Binding, handle: Any, identity: GpuIdentity, counters: Counters, phase: float) -> None:
        self._binding = binding
        self._handle = handle
        self._identity = identity
        self._phase = phase
        self._load = Load(binding, identity, counters)
        self._ask_state = state.State(binding, counters)
        self._ask_health = health.Health(binding, counters)
        self._own_process = OwnProcess(binding)
        self._now = 0.0
        self._gpm = Gpm(binding, lambda: self._now)
        self._parts: dict[str, Part] = {}
        self._state_schedule = Schedule(state.PERIOD, phase)
        self._health_schedule = Schedule(health.PERIOD, phase)
        self._state = GpuState()
        self._health = GpuHealth()
        self._process: ProcessUse | None = None
        self._watched_until = -math.inf

    def read(self, now: float, selection: Selection, xids: XidLog, *, mig: bool) -> GpuReading:
        """Return a reading of the whole GPU.

        Args:
            now: Seconds of a monotonic clock.
            selection: Knows the GPU's CUDA ordinal.
            xids: The errors that the driver reported.
            mig: Whether MIG has split the GPU.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        self._now = now
        handle, uuid = self._handle, self._identity.uuid
        anew = self._state_schedule.due(now)
        if anew:
            self._state = self._ask_state.ask(handle, now)
        self._look_at_processes(handle, now, selection.ordinal(uuid), anew=anew, mig=mig)
        if self._health_schedule.due(now):
            self._health = self._ask_health.ask(handle, now)
        besides = Besides(
            self._state,
            self._health,
            self._process,
            self._gpm.read(handle),
            selection.ordinal(uuid),
            mig,
            xids.times(uuid),
        )
        reading = self._load.read(handle, now, besides)
        happened = xids.take(uuid)  # last, so that they are not lost with a GPU that is lost now
        return dataclasses.replace(reading, xids=happened) if happened else reading

    def _look_at_processes(self, handle: Any, now: float, ordinal: int | None, *, anew: bool, mig: bool) -> None:
        """Look which processes are on the GPU; between two looks nothing is known of others."""
        if IN_USE.covers(ordinal):
            self._watched_until = now + WATCHED
        if mig:
            self._process = None
        elif anew:
            self._process = self._own_process.read(handle, now)
        else:
            alone = self._own_process.alone(handle, now) if now < self._watched_until else None
            self._process = with_alone(self._process, alone)

    def read_parts(self, now: float, instances: Sequence[MigInstance], selection: Selection) -> tuple[GpuReading, ...]:
        """Return the readings of MIG devices, as far as they say anything.

        Args:
            now: Seconds of a monotonic clock.
            instances: Which of the GPU's MIG devices.
            selection: Knows their CUDA ordinals.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        self._now = now
        known, self._parts = self._parts, {}
        for instance in instances:
            part = known.get(instance.uuid) or Part(self._binding, self._identity, self._gpm, self._phase, instance)
            part.instance = instance  # under another handle perhaps
            self._parts[instance.uuid] = part
        readings = [part.read(self._handle, now, selection.ordinal(uuid)) for uuid, part in self._parts.items()]
        return tuple(one for one in readings if one.pipes or one.process is not None or not one.blank)

    def close(self) -> None:
        """Give back what NVML keeps for the GPU; before NVML is shut down."""
        self._gpm.close()
