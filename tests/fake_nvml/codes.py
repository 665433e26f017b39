"""NVML's return codes that tests name."""

from typing import Final

SUCCESS: Final = 0
UNINITIALIZED: Final = 1
INVALID_ARGUMENT: Final = 2
NOT_SUPPORTED: Final = 3
NOT_FOUND: Final = 6
INSUFFICIENT_SIZE: Final = 7
TIMEOUT: Final = 10
FUNCTION_NOT_FOUND: Final = 13
GPU_IS_LOST: Final = 15
INSUFFICIENT_RESOURCES: Final = 23
VERSION_MISMATCH: Final = 25
UNKNOWN: Final = 999
