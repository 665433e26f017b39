"""How busy the parts of a GPU were: GPU performance monitoring (GPM), which Hopper and later have.

The driver counts cycles; a share is computed between two samples of the counts, so it covers all the time between two
reads, unlike the utilisation that NVML averages over its last sample period.
"""

import os
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.hardware.nvml.binding import DEVICE_LOST, DRIVER_GONE, UNSUPPORTED, Binding, Code, NvmlError
from paddle_otel.hardware.nvml.question import Backoff

PIPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: a.PIPE_SM,  # NVML_GPM_METRIC_SM_UTIL
        5: a.PIPE_TENSOR,  # NVML_GPM_METRIC_ANY_TENSOR_UTIL
        10: a.PIPE_DRAM,  # NVML_GPM_METRIC_DRAM_BW_UTIL
        11: a.PIPE_FP64,  # NVML_GPM_METRIC_FP64_UTIL
        12: a.PIPE_FP32,  # NVML_GPM_METRIC_FP32_UTIL
        13: a.PIPE_FP16,  # NVML_GPM_METRIC_FP16_UTIL
    }
)
"""The metrics that are asked for, in percent, and the parts of the GPU they belong to."""

SHORTEST_GAP: Final = 0.1
"""Seconds between two samples below which NVML's documentation calls the result meaningless."""
LONGEST_GAP: Final = 600.0
"""Seconds after which a sample is too old to compare with: the machine slept, or nobody read for long."""
_HIGHEST: Final = 101.0  # percent; the counts of one sample are not all taken at the very same moment

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


class _Samples:
    """Two samples of one GPU or GPU instance, written in turns."""

    def __init__(self) -> None:
        self.older: Any = None
        self.newer: Any = None
        self.taken: float | None = None
        self.shares = _NOTHING
        self.backoff = Backoff()
        self.unsupported = False

    def due(self, now: float) -> bool:
        return (
            not self.unsupported and self.backoff.due(now) and (self.taken is None or now - self.taken >= SHORTEST_GAP)
        )

    def forget(self) -> None:
        """Compare with nothing that was read before."""
        self.taken = None
        self.shares = _NOTHING


class Gpm:
    """The pipes of one GPU and of its MIG instances.

    One per GPU. What is not supported is asked once; on a machine where only an administrator may profile
    (``RmProfilingAdminOnly``) that is everything.

    Args:
        binding: NVML.
        clock: Seconds of a monotonic clock, for tests.
    """

    def __init__(self, binding: Binding, clock: Callable[[], float] = time.monotonic) -> None:
        self._binding = binding
        self._clock = clock
        self._supported: bool | None = None
        self._query_backoff = Backoff()
        self._result: Any = None
        self._samples: dict[int | None, _Samples] = {}
        self._pid = os.getpid()

    def read(self, handle: Any) -> Mapping[str, float]:
        """Return the share (0 to 1) of its peak at which each part worked since the last read.

        Args:
            handle: The GPU's handle.

        Returns:
            Shares by name of the part; nothing at the first read and where the device has no GPM; what the last read
            returned when that is less than 0.1 s ago.

        Raises:
            NvmlError: The device is lost or the driver is gone.
        """
        return self._read(handle, None, lambda sample: self._binding.call("nvmlGpmSampleGet", handle, sample))

    def read_instance(self, parent_handle: Any, gpu_instance_id: int) -> Mapping[str, float]:
        """Return the same for a GPU instance of MIG.

        Args:
            parent_handle: Handle of the GPU that is split.
            gpu_instance_id: Which instance.

        Raises:
            NvmlError: The device is lost or the driver is gone.
        """
        return self._read(
            parent_handle,
            gpu_instance_id,
            lambda sample: self._binding.call("nvmlGpmMigSampleGet", parent_handle, gpu_instance_id, sample),
        )

    def close(self) -> None:
        """Free the samples; to be called before NVML is shut down."""
        samples, self._samples = self._samples, {}
        if self._pid == os.getpid():  # else they are a copy of the parent process's
            for one in samples.values():
                self._free(one)

    def _read(self, handle: Any, gpu_instance: int | None, take: Callable[[Any], object]) -> Mapping[str, float]:
        now = self._clock()
        if not self._is_supported(handle, now):
            return _NOTHING
        samples = self._samples.get(gpu_instance)
        if samples is None:
            samples = self._samples[gpu_instance] = _Samples()
        if samples.due(now):
            try:
                self._sample(samples, take, now)
            except NvmlError as error:
                self._failed(samples, gpu_instance, now, error)
            else:
                samples.backoff.succeeded()
        return samples.shares

    def _is_supported(self, handle: Any, now: float) -> bool:
        if self._supported is None and self._query_backoff.due(now):
            try:
                self._supported = self._binding.call("nvmlGpmQueryDeviceSupport", handle).isSupportedDevice == 1
                if self._supported:
                    self._result = self._make_result()
            except NvmlError as error:
                if error.code in DEVICE_LOST or error.code in DRIVER_GONE:
                    raise
                self._supported = False if error.code in UNSUPPORTED else None
                self._query_backoff.failed(now)
        return self._supported is True

    def _make_result(self) -> Any:
        # 19 kB, so it is made once and used for all samples.
        result = self._binding.call("c_nvmlGpmMetricsGet_t")
        result.version = self._binding.constant("NVML_GPM_METRICS_GET_VERSION", 1)
        result.numMetrics = len(PIPES)
        for entry, metric in zip(result.metrics, PIPES, strict=False):
            entry.metricId = metric
        self._entries = tuple(zip(PIPES.values(), (result.metrics[place] for place in range(len(PIPES))), strict=True))
        return result

    def _sample(self, samples: _Samples, take: Callable[[Any], object], now: float) -> None:
        if samples.older is None:
            samples.older = self._binding.call("nvmlGpmSampleAlloc")
        if samples.newer is None:
            samples.newer = self._binding.call("nvmlGpmSampleAlloc")
        take(samples.older)
        samples.older, samples.newer = samples.newer, samples.older
        before, samples.taken = samples.taken, now
        comparable = before is not None and now - before <= LONGEST_GAP
        samples.shares = self._compare(samples) if comparable else _NOTHING

    def _compare(self, samples: _Samples) -> Mapping[str, float]:
        result = self._result
        result.sample1, result.sample2 = samples.older, samples.newer
        self._binding.call("nvmlGpmMetricsGet", result)
        return MappingProxyType(
            {
                name: min(entry.value / 100, 1.0)
                for name, entry in self._entries
                if entry.nvmlReturn == 0 and 0.0 <= entry.value <= _HIGHEST  # also false for a not-a-number
            }
        )

    def _failed(self, samples: _Samples, gpu_instance: int | None, now: float, error: NvmlError) -> None:
        samples.forget()
        if error.code in DEVICE_LOST or error.code in DRIVER_GONE:
            raise error
        # A GPU instance that is gone is an invalid argument; another one may come under its number.
        gone = gpu_instance is not None and error.code == Code.INVALID_ARGUMENT
        if error.code in UNSUPPORTED and not gone:
            samples.unsupported = True
            self._free(samples)
        else:
            samples.backoff.failed(now)

    def _free(self, samples: _Samples) -> None:
        for sample in (samples.older, samples.newer):
            if sample is not None:
                self._binding.call_or_none("nvmlGpmSampleFree", sample)
        samples.older = samples.newer = None
