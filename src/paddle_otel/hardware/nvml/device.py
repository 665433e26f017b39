"""One GPU."""

from typing import Any, Final

from paddle_otel.hardware.nvml.binding import DRIVER_GONE, Binding, NvmlError
from paddle_otel.hardware.nvml.fields import ENERGY, POWER_INSTANT, FieldBatch
from paddle_otel.hardware.nvml.question import Backoff, Question
from paddle_otel.hardware.nvml.reading import GpuIdentity, GpuReading
from paddle_otel.hardware.nvml.values import celsius, from_milli, ratio, used_and_total
from paddle_otel.hardware.once_log import OnceLog

_TEMPERATURE_GPU: Final = 0


class Device:
    """One GPU while NVML stays initialised; finds the GPU again after it was lost.

    Args:
        binding: NVML, initialised.
        index: Where NVML lists the GPU now.
        driver_version: Version of the driver.
        log: Says once when the GPU is lost and when it is back.
    """

    def __init__(self, binding: Binding, index: int, driver_version: str | None, log: OnceLog) -> None:
        self._binding = binding
        self._log = log
        self._index = index
        self._driver_version = driver_version
        self._handle: Any = None
        self._identity: GpuIdentity | None = None
        self._backoff = Backoff()
        self._lost = False
        self._learn_anew()

    def read(self, now: float) -> GpuReading | None:
        """Return what the GPU says, ``None`` while it says nothing.

        Args:
            now: Seconds of a monotonic clock.

        Raises:
            NvmlError: The driver is gone: NVML must be initialised again.
        """
        if not self._backoff.due(now):
            return None
        try:
            identity = self._identity or self._identify()
            reading = self._ask_everything(identity, now)
        except NvmlError as error:
            if error.code in DRIVER_GONE:
                raise
            self._lose(now, error.reason)
            return None
        if reading.blank:
            self._lose(now, "no value could be read")
            return None
        self._find_again(identity)
        return reading

    def _identify(self) -> GpuIdentity:
        handle = self._binding.call("nvmlDeviceGetHandleByIndex", self._index)
        uuid = str(self._binding.call("nvmlDeviceGetUUID", handle))
        name = self._binding.call_or_none("nvmlDeviceGetName", handle)
        self._handle = handle
        self._identity = GpuIdentity(uuid, name, self._driver_version)
        return self._identity

    def _learn_anew(self) -> None:
        call = self._binding.call
        memory_v2 = self._binding.constant("nvmlMemory_v2", 0x02000028)
        self._utilization = Question[float](lambda handle: ratio(call("nvmlDeviceGetUtilizationRates", handle).gpu))
        self._memory = Question[tuple[int | None, int | None]](
            lambda handle: used_and_total(call("nvmlDeviceGetMemoryInfo", handle, memory_v2)),
            lambda handle: used_and_total(call("nvmlDeviceGetMemoryInfo", handle)),
        )
        self._temperature = Question[float](
            lambda handle: celsius(call("nvmlDeviceGetTemperatureV", handle, _TEMPERATURE_GPU)),
            lambda handle: celsius(call("nvmlDeviceGetTemperature", handle, _TEMPERATURE_GPU)),
        )
        self._batch = FieldBatch(self._binding, (POWER_INSTANT, ENERGY))
        self._fields = Question(self._batch.read)
        self._power = Question[int](lambda handle: call("nvmlDeviceGetPowerUsage", handle))
        self._energy = Question[int](lambda handle: call("nvmlDeviceGetTotalEnergyConsumption", handle))

    def _ask_everything(self, identity: GpuIdentity, now: float) -> GpuReading:
        handle = self._handle
        fields = self._fields.ask(handle, now) or {}

        def field_or(field: int, otherwise: Question[int]) -> int | float | None:
            return fields.get(field) if self._batch.supports(field) else otherwise.ask(handle, now)

        used, total = self._memory.ask(handle, now) or (None, None)
        return GpuReading(
            identity=identity,
            utilization=self._utilization.ask(handle, now),
            memory_used=used,
            memory_total=total,
            power=from_milli(field_or(POWER_INSTANT, self._power)),
            energy=from_milli(field_or(ENERGY, self._energy)),
            temperature=self._temperature.ask(handle, now),
        )

    def _lose(self, now: float, reason: str) -> None:
        self._log.warning(
            "GPU %s gives no values (%s); it is asked again from time to time, all other metrics go on. Its state in "
            "nvidia-smi tells more. This is logged once.",
            self._identity.uuid if self._identity else f"number {self._index}",
            reason,
        )
        # After a reset both the handle and what the GPU supports may be others.
        self._handle = self._identity = None
        self._learn_anew()
        self._backoff.failed(now)
        self._lost = True

    def _find_again(self, identity: GpuIdentity) -> None:
        self._backoff.succeeded()
        if self._lost:
            self._lost = False
            self._log.info("GPU %s gives values again.", identity.uuid)
