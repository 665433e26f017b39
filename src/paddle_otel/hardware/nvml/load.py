"""What a GPU is asked at every reading: its load, memory, power, energy, temperature and what holds it down.

Drivers answer most of it in microseconds. What takes them longer is asked less often (:mod:`.state`, :mod:`.health`),
because a driver answers nobody else meanwhile, the program's own kernels included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddle_otel.hardware.monotonic import Counters
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.fields import Field, FieldBatch
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.processes import ProcessUse
from paddle_otel.hardware.nvml.question import Question
from paddle_otel.hardware.nvml.reading import MOST_POWER, NONE, GpuHealth, GpuReading, GpuState, Traffic
from paddle_otel.hardware.nvml.throttling import ThrottleReasons, ThrottleTime, time_fields
from paddle_otel.hardware.nvml.values import amount, celsius, from_milli, ratio, used_and_total

_TEMPERATURE_GPU: Final = 0
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Besides:
    """What belongs to a reading besides what is asked for it; see :class:`GpuReading`."""

    state: GpuState
    health: GpuHealth
    process: ProcessUse | None
    pipes: Mapping[str, float]
    ordinal: int | None
    mig: bool
    xid_times: Mapping[int, float]


def memory_question(binding: Binding) -> Question[tuple[int | None, int | None]]:
    """Return the question for used and total memory."""
    version_2 = binding.constant("nvmlMemory_v2", 0x02000028)
    return Question(
        lambda handle: used_and_total(binding.call("nvmlDeviceGetMemoryInfo", handle, version_2)),
        lambda handle: used_and_total(binding.call("nvmlDeviceGetMemoryInfo", handle)),
    )


def temperature_question(binding: Binding) -> Question[float]:
    """Return the question for the temperature of the core."""
    return Question(
        lambda handle: celsius(binding.call("nvmlDeviceGetTemperatureV", handle, _TEMPERATURE_GPU)),
        lambda handle: celsius(binding.call("nvmlDeviceGetTemperature", handle, _TEMPERATURE_GPU)),
    )


class Load:
    """What one GPU is asked at every reading.

    Args:
        binding: NVML.
        identity: Which GPU.
        counters: The GPU's counters.
    """

    def __init__(self, binding: Binding, identity: GpuIdentity, counters: Counters) -> None:
        call = binding.call
        self._identity = identity
        self._counters = counters
        self._energy_counter = counters.of(Field.ENERGY)
        throttle_fields = time_fields(identity.driver_version)
        own_fields = (Field.POWER_INSTANT, Field.ENERGY, Field.NVLINK_TRANSMITTED, Field.NVLINK_RECEIVED)
        self._batch = FieldBatch(binding, (*own_fields, *throttle_fields))
        self._fields = Question(self._batch.read)
        self._utilization = Question[Any](lambda handle: call("nvmlDeviceGetUtilizationRates", handle))
        self._memory = memory_question(binding)
        self._temperature = temperature_question(binding)
        self._power = Question[int](lambda handle: call("nvmlDeviceGetPowerUsage", handle))
        self._energy = Question[int](lambda handle: call("nvmlDeviceGetTotalEnergyConsumption", handle))
        self._throttle_time = ThrottleTime(throttle_fields, counters)
        self._throttle_reasons = ThrottleReasons(binding)

    def read(self, handle: Any, now: float, besides: Besides) -> GpuReading:
        """Return a whole reading.

        Args:
            handle: The GPU's handle.
            now: Seconds of a monotonic clock.
            besides: What is not asked here.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        values = self._fields.ask(handle, now) or NONE
        power = values.get(Field.POWER_INSTANT)
        if not self._batch.supports(Field.POWER_INSTANT):
            power = self._power.ask(handle, now)
        energy = values.get(Field.ENERGY)
        if not self._batch.supports(Field.ENERGY):
            energy = self._energy.ask(handle, now)
        rates = self._utilization.ask(handle, now)
        used, total = self._memory.ask(handle, now) or (None, None)
        return GpuReading(
            identity=self._identity,
            utilization=ratio(rates.gpu) if rates is not None else None,
            memory_used=used,
            memory_total=total,
            power=from_milli(power),
            energy=self._joules(energy, now),
            energy_breaks=self._energy_counter.breaks,
            temperature=self._temperature.ask(handle, now),
            memory_controller=ratio(rates.memory) if rates is not None else None,
            nvlink=Traffic(
                self._link_bytes(values, Field.NVLINK_RECEIVED), self._link_bytes(values, Field.NVLINK_TRANSMITTED)
            ),
            throttle_time=self._throttle_time.of(values),
            throttle_active=self._throttle_reasons.ask(handle, now),
            pipes=besides.pipes,
            state=besides.state,
            health=besides.health,
            process=besides.process,
            ordinal=besides.ordinal,
            mig=besides.mig,
            xid_times=besides.xid_times,
        )

    def _joules(self, millijoules: float | None, now: float) -> float | None:
        known = amount(millijoules)
        if known is None:
            return None
        return self._energy_counter.add(known, now=now, fastest=MOST_POWER * 1000) / 1000

    def _link_bytes(self, values: Mapping[int, int | float], field: int) -> int | None:
        kibibytes = amount(values.get(field))
        return self._counters.add(field, kibibytes) * _KIB if kibibytes is not None else None
