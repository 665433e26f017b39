"""Which value of a device each function and each field of the fake driver answers with."""

from types import MappingProxyType
from typing import Any, Final

UNSIGNED_INT: Final = 1
UNSIGNED_LONG_LONG: Final = 3
SIGNED_INT: Final = 5

FUNCTIONS: Final[MappingProxyType[tuple[Any, ...], str]] = MappingProxyType(
    {
        ("nvmlDeviceGetEncoderUtilization",): "encoder_utilization",
        ("nvmlDeviceGetDecoderUtilization",): "decoder_utilization",
        ("nvmlDeviceGetJpgUtilization",): "jpeg_utilization",
        ("nvmlDeviceGetOfaUtilization",): "optical_flow_utilization",
        ("nvmlDeviceGetPowerUsage",): "power",
        ("nvmlDeviceGetEnforcedPowerLimit",): "power_limit",
        ("nvmlDeviceGetTotalEnergyConsumption",): "energy",
        ("nvmlDeviceGetTemperature", 0): "temperature",
        ("nvmlDeviceGetTemperatureV", 0): "temperature",
        ("nvmlDeviceGetTemperatureThreshold", 0): "threshold_shutdown",
        ("nvmlDeviceGetTemperatureThreshold", 1): "threshold_slowdown",
        ("nvmlDeviceGetTemperatureThreshold", 2): "threshold_memory_max",
        ("nvmlDeviceGetTemperatureThreshold", 3): "threshold_gpu_max",
        ("nvmlDeviceGetClockInfo", 0): "clock_graphics",
        ("nvmlDeviceGetClockInfo", 1): "clock_sm",
        ("nvmlDeviceGetClockInfo", 2): "clock_memory",
        ("nvmlDeviceGetClockInfo", 3): "clock_video",
        ("nvmlDeviceGetMaxClockInfo", 0): "max_clock_graphics",
        ("nvmlDeviceGetMaxClockInfo", 1): "max_clock_sm",
        ("nvmlDeviceGetMaxClockInfo", 2): "max_clock_memory",
        ("nvmlDeviceGetMaxClockInfo", 3): "max_clock_video",
        ("nvmlDeviceGetPerformanceState",): "performance_state",
        ("nvmlDeviceGetCurrentClocksEventReasons",): "event_reasons",
        ("nvmlDeviceGetCurrentClocksThrottleReasons",): "event_reasons",
        ("nvmlDeviceGetSupportedClocksEventReasons",): "supported_event_reasons",
        ("nvmlDeviceGetSupportedClocksThrottleReasons",): "supported_event_reasons",
        ("nvmlDeviceGetCurrPcieLinkGeneration",): "pcie_generation",
        ("nvmlDeviceGetCurrPcieLinkWidth",): "pcie_width",
        ("nvmlDeviceGetMaxPcieLinkGeneration",): "pcie_max_generation",
        ("nvmlDeviceGetMaxPcieLinkWidth",): "pcie_max_width",
        ("nvmlDeviceGetPcieReplayCounter",): "pcie_replay",
        ("nvmlDeviceGetNumFans",): "fans",
        ("nvmlDeviceGetFanSpeed_v2", 0): "fan0",
        ("nvmlDeviceGetFanSpeed_v2", 1): "fan1",
        ("nvmlDeviceGetTotalEccErrors", 0, 0): "ecc_corrected_volatile",
        ("nvmlDeviceGetTotalEccErrors", 1, 0): "ecc_uncorrected_volatile",
        ("nvmlDeviceGetTotalEccErrors", 0, 1): "ecc_corrected_aggregate",
        ("nvmlDeviceGetTotalEccErrors", 1, 1): "ecc_uncorrected_aggregate",
        ("nvmlDeviceGetMinorNumber",): "minor_number",
        ("nvmlDeviceGetSupportedEventTypes",): "event_types",
    }
)
"""By the function of ``pynvml`` and its arguments after the handle; those of other shape are not among them."""

FIELDS: Final[MappingProxyType[int, tuple[str, int]]] = MappingProxyType(
    {
        1: ("ecc_mode", UNSIGNED_INT),
        2: ("ecc_pending_mode", UNSIGNED_INT),
        3: ("ecc_corrected_volatile", UNSIGNED_LONG_LONG),
        4: ("ecc_uncorrected_volatile", UNSIGNED_LONG_LONG),
        5: ("ecc_corrected_aggregate", UNSIGNED_LONG_LONG),
        6: ("ecc_uncorrected_aggregate", UNSIGNED_LONG_LONG),
        74: ("throttled_power", UNSIGNED_LONG_LONG),
        75: ("throttled_thermal", UNSIGNED_LONG_LONG),
        76: ("throttled_sync_boost", UNSIGNED_LONG_LONG),
        77: ("throttled_board_limit", UNSIGNED_LONG_LONG),
        78: ("throttled_low_utilization", UNSIGNED_LONG_LONG),
        79: ("throttled_reliability", UNSIGNED_LONG_LONG),
        82: ("memory_temperature", UNSIGNED_INT),
        83: ("energy", UNSIGNED_LONG_LONG),
        91: ("nvlink_count", UNSIGNED_INT),
        94: ("pcie_replay", UNSIGNED_INT),
        142: ("remapped_corrected", UNSIGNED_INT),
        143: ("remapped_uncorrected", UNSIGNED_INT),
        144: ("remap_pending", UNSIGNED_INT),
        145: ("remap_failure", UNSIGNED_INT),
        185: ("power", UNSIGNED_INT),
        186: ("power_instant", UNSIGNED_INT),
        190: ("power_limit", UNSIGNED_INT),
        191: ("energy", UNSIGNED_LONG_LONG),
        193: ("offset_shutdown", SIGNED_INT),
        194: ("offset_slowdown", SIGNED_INT),
        195: ("offset_memory_max", SIGNED_INT),
        196: ("offset_gpu_max", SIGNED_INT),
        197: ("pcie_tx_bytes", UNSIGNED_LONG_LONG),
        198: ("pcie_rx_bytes", UNSIGNED_LONG_LONG),
        230: ("recovery_action", UNSIGNED_INT),
        269: ("throttled_sw_thermal", UNSIGNED_LONG_LONG),
        270: ("throttled_hw_thermal", UNSIGNED_LONG_LONG),
        271: ("throttled_hw_power_brake", UNSIGNED_LONG_LONG),
    }
)
"""By the field: the value and its type. What is told by link is not among them."""
