"""Metrics of the host, the container and the process (system, container and process conventions, semconv v1.44)."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

CPU_TIME: Final = Metric(
    "system.cpu.time", "observable_counter", "s", "Time all CPUs together spent, by mode.", (a.CPU_MODE,)
)
CPU_UTILIZATION: Final = Metric(
    "system.cpu.utilization",
    "observable_gauge",
    "1",
    "Share of the time of all CPUs since the last collection, by mode.",
    (a.CPU_MODE,),
)
CPU_LOGICAL_COUNT: Final = Metric(
    "system.cpu.logical.count", "observable_up_down_counter", "{cpu}", "CPUs of the machine."
)
MEMORY_USAGE: Final = Metric(
    "system.memory.usage",
    "observable_up_down_counter",
    "By",
    "Memory of the machine, by state.",
    (a.SYSTEM_MEMORY_STATE,),
)
MEMORY_LIMIT: Final = Metric("system.memory.limit", "observable_up_down_counter", "By", "Memory of the machine in all.")
MEMORY_UTILIZATION: Final = Metric(
    "system.memory.utilization",
    "observable_gauge",
    "1",
    "Share of the machine's memory, by state.",
    (a.SYSTEM_MEMORY_STATE,),
)
MEMORY_AVAILABLE: Final = Metric(
    "system.memory.linux.available",
    "observable_up_down_counter",
    "By",
    "Memory that programs can have without paging, as the kernel estimates it.",
)
PAGING_USAGE: Final = Metric(
    "system.paging.usage", "observable_up_down_counter", "By", "Swap space, by state.", (a.SYSTEM_PAGING_STATE,)
)
PAGING_UTILIZATION: Final = Metric(
    "system.paging.utilization", "observable_gauge", "1", "Share of the swap space, by state.", (a.SYSTEM_PAGING_STATE,)
)
PAGING_OPERATIONS: Final = Metric(
    "system.paging.operations",
    "observable_counter",
    "{operation}",
    "Pages swapped in and out.",
    (a.SYSTEM_PAGING_DIRECTION,),
)
PAGING_FAULTS: Final = Metric(
    "system.paging.faults",
    "observable_counter",
    "{fault}",
    "Page faults of all processes; major ones waited for a disk.",
    (a.SYSTEM_PAGING_FAULT_TYPE,),
)
PROCESS_CPU_TIME: Final = Metric(
    "process.cpu.time", "observable_counter", "s", "CPU time of this process, by mode.", (a.CPU_MODE,)
)
PROCESS_CPU_UTILIZATION: Final = Metric(
    "process.cpu.utilization",
    "observable_gauge",
    "1",
    "CPU time of this process since the last collection, as a share of the CPUs it may use.",
    (a.CPU_MODE,),
)
PROCESS_MEMORY_USAGE: Final = Metric(
    "process.memory.usage", "observable_up_down_counter", "By", "Physical memory of this process (resident set)."
)
PROCESS_CONTEXT_SWITCHES: Final = Metric(
    "process.context_switches",
    "observable_counter",
    "{context_switch}",
    "Context switches of this process; voluntary ones wait for something, involuntary ones lost the CPU.",
    (a.PROCESS_CONTEXT_SWITCH_TYPE,),
)
PROCESS_PAGING_FAULTS: Final = Metric(
    "process.paging.faults",
    "observable_counter",
    "{fault}",
    "Page faults of this process; major ones waited for a disk.",
    (a.SYSTEM_PAGING_FAULT_TYPE,),
)
CONTAINER_MEMORY_USAGE: Final = Metric(
    "container.memory.usage", "observable_up_down_counter", "By", "Memory of this container, page cache included."
)
CONTAINER_MEMORY_AVAILABLE: Final = Metric(
    "container.memory.available",
    "observable_up_down_counter",
    "By",
    "Memory this container can still have: its limit less what is in use and cannot be dropped.",
)
CONTAINER_MEMORY_LIMIT: Final = Metric(
    "paddle.container.memory.limit",
    "observable_up_down_counter",
    "By",
    "Memory limit of this container, where it is tighter than the machine's memory.",
)
CONTAINER_CPU_TIME: Final = Metric(
    "container.cpu.time", "observable_counter", "s", "CPU time of this container, by mode.", (a.CPU_MODE,)
)
CONTAINER_CPU_LIMIT: Final = Metric(
    "paddle.container.cpu.limit",
    "observable_gauge",
    "{cpu}",
    "CPUs this container may use at once, where that is fewer than the machine has.",
)
CONTAINER_CPU_THROTTLED_TIME: Final = Metric(
    "paddle.container.cpu.throttled_time",
    "observable_counter",
    "s",
    "Time for which this container was stopped because it had used up its CPU limit.",
)
_PRESSURE: Final = (a.PADDLE_PRESSURE_STALL, a.PADDLE_PRESSURE_SCOPE)
PRESSURE_CPU: Final = Metric(
    "paddle.pressure.cpu",
    "observable_gauge",
    "1",
    "Share of the last 10 s in which some or all tasks waited for a CPU.",
    _PRESSURE,
)
PRESSURE_MEMORY: Final = Metric(
    "paddle.pressure.memory",
    "observable_gauge",
    "1",
    "Share of the last 10 s in which some or all tasks waited for memory.",
    _PRESSURE,
)
PRESSURE_IO: Final = Metric(
    "paddle.pressure.io",
    "observable_gauge",
    "1",
    "Share of the last 10 s in which some or all tasks waited for a disk.",
    _PRESSURE,
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
