"""What a GPU is asked every ten seconds: engines, clocks, PCIe and the temperature of its memory.

Drivers were seen to take 0.3 ms for the PCIe counters and 1.2 ms for the temperature of the memory.
"""

from collections.abc import Mapping
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.monotonic import BITS_32, Counters
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.fields import Field, FieldBatch
from paddle_otel.hardware.nvml.question import Question, answers
from paddle_otel.hardware.nvml.reading import NONE, GpuState, Traffic
from paddle_otel.hardware.nvml.values import amount, celsius, hertz, performance_state, ratio

PERIOD: Final = 10.0
"""Seconds."""
CLOCKS: Final = {a.CLOCK_GRAPHICS: 0, a.CLOCK_SM: 1, a.CLOCK_MEMORY: 2, a.CLOCK_VIDEO: 3}
"""``nvmlClockType_t`` by domain."""
_ENGINES: Final = {
    a.GPU_TASK_ENCODER: "nvmlDeviceGetEncoderUtilization",
    a.GPU_TASK_DECODER: "nvmlDeviceGetDecoderUtilization",
    a.GPU_TASK_JPEG: "nvmlDeviceGetJpgUtilization",
    a.GPU_TASK_OPTICAL_FLOW: "nvmlDeviceGetOfaUtilization",
}


class State:
    """What one GPU is asked every ten seconds.

    Args:
        binding: NVML.
        counters: The GPU's counters.
    """

    def __init__(self, binding: Binding, counters: Counters) -> None:
        call = binding.call
        self._counters = counters
        self._engines = {task: _engine_question(binding, function) for task, function in _ENGINES.items()}
        self._clocks = {domain: _clock_question(binding, number) for domain, number in CLOCKS.items()}
        self._performance_state = Question[int](
            lambda handle: performance_state(call("nvmlDeviceGetPerformanceState", handle))
        )
        self._pcie_generation = Question[int](
            lambda handle: amount(call("nvmlDeviceGetCurrPcieLinkGeneration", handle))
        )
        self._pcie_width = Question[int](lambda handle: amount(call("nvmlDeviceGetCurrPcieLinkWidth", handle)))
        fields = FieldBatch(binding, (Field.PCIE_TRANSMITTED, Field.PCIE_RECEIVED, Field.MEMORY_TEMPERATURE))
        self._fields = Question(fields.read)

    def ask(self, handle: Any, now: float) -> GpuState:
        """Return everything anew.

        Raises:
            NvmlError: The GPU is lost or the driver is gone.
        """
        values = self._fields.ask(handle, now) or NONE
        memory_temperature = values.get(Field.MEMORY_TEMPERATURE)
        return GpuState(
            engines=answers(self._engines, handle, now),
            clocks=answers(self._clocks, handle, now),
            performance_state=self._performance_state.ask(handle, now),
            pcie_generation=self._pcie_generation.ask(handle, now),
            pcie_width=self._pcie_width.ask(handle, now),
            pcie=Traffic(self._bytes(values, Field.PCIE_RECEIVED), self._bytes(values, Field.PCIE_TRANSMITTED)),
            memory_temperature=celsius(memory_temperature) if memory_temperature is not None else None,
        )

    def _bytes(self, values: Mapping[int, int | float], field: int) -> int | None:
        number = amount(values.get(field))
        return self._counters.add(field, number, BITS_32) if number is not None else None


def _engine_question(binding: Binding, function: str) -> Question[float]:
    return Question(lambda handle: ratio(binding.call(function, handle)[0]))


def _clock_question(binding: Binding, number: int) -> Question[int]:
    return Question(lambda handle: hertz(binding.call("nvmlDeviceGetClockInfo", handle, number)))
