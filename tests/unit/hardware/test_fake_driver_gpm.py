"""The fake driver measures pipes as the real one does (GPM)."""

import ctypes
from typing import Any

from fake_nvml.asking import code
from fake_nvml.codes import INVALID_ARGUMENT, NOT_SUPPORTED, UNKNOWN, VERSION_MISMATCH
from fake_nvml.driver import FakeDriver, instance


def _metrics(nvml: Any, first: Any, second: Any, *ids: int) -> Any:
    get = nvml.c_nvmlGpmMetricsGet_t()
    get.version, get.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, len(ids)
    get.sample1, get.sample2 = first, second
    for position, metric in enumerate(ids):
        get.metrics[position].metricId = metric
    return get


def _read_metrics(nvml: Any, first: Any, second: Any, *ids: int) -> list[tuple[int, float]]:
    get = nvml.nvmlGpmMetricsGet(_metrics(nvml, first, second, *ids))
    return [(get.metrics[position].nvmlReturn, get.metrics[position].value) for position in range(len(ids))]


def test_gpm(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """Two samples make values, those the device had at the second; each metric has a code of its own."""
    assert mig_nvml.nvmlGpmQueryDeviceSupport(whole_gpu).isSupportedDevice == 1
    first, second = mig_nvml.nvmlGpmSampleAlloc(), mig_nvml.nvmlGpmSampleAlloc()
    assert fake_nvml.gpm_samples == 2
    mig_nvml.nvmlGpmSampleGet(whole_gpu, first)
    fake_nvml.set_gpm(1, {2: 12.5, 13: 99.75, 20: 512.0})
    mig_nvml.nvmlGpmSampleGet(whole_gpu, second)
    fake_nvml.set_gpm(1, {2: 77.0})
    fake_nvml.inject("gpm:5", UNKNOWN, device=1, times=1)
    answers = _read_metrics(mig_nvml, first, second, 2, 13, 20, 5, 10, 4, 999)
    assert answers == [(0, 12.5), (0, 99.75), (0, 512.0), (UNKNOWN, 0), (0, 41.75), (NOT_SUPPORTED, 0), (2, 0)]
    mig_nvml.nvmlGpmSampleGet(whole_gpu, first)
    assert _read_metrics(mig_nvml, second, first, 2, 5) == [(0, 77.0), (0, 11.125)]
    assert fake_nvml.calls("gpm:5", device=1) == 2
    for sample in (first, second):
        mig_nvml.nvmlGpmSampleFree(sample)
    assert fake_nvml.gpm_samples == 0


def test_gpm_of_every_metric(mig_nvml: Any, whole_gpu: Any) -> None:
    """What a device of its generation has: shares in percent, traffic in MiB/s."""
    first, second = mig_nvml.nvmlGpmSampleAlloc(), mig_nvml.nvmlGpmSampleAlloc()
    mig_nvml.nvmlGpmSampleGet(whole_gpu, first)
    mig_nvml.nvmlGpmSampleGet(whole_gpu, second)
    ids = (1, 2, 3, 5, 10, 11, 12, 13, 20, 21, 60, 61)
    values = (61.5, 31.5, 21.25, 11.125, 41.75, 2.0, 12.5, 22.5, 1001.5, 2001.5, 3001.5, 4001.5)
    assert _read_metrics(mig_nvml, first, second, *ids) == [(0, value) for value in values]


def test_gpm_samples_that_do_not_fit(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any, whole_gpu: Any) -> None:
    """Never taken, of different devices, in the wrong order, twice the same, freed; another version of the struct."""
    taken, later, empty, elsewhere, freed = (mig_nvml.nvmlGpmSampleAlloc() for _ in range(5))
    for sample in (taken, later, freed):
        mig_nvml.nvmlGpmSampleGet(whole_gpu, sample)
    mig_nvml.nvmlGpmMigSampleGet(mig_gpu, 9, elsewhere)
    mig_nvml.nvmlGpmSampleFree(freed)
    pairs = ((empty, later), (taken, empty), (later, taken), (taken, taken), (taken, elsewhere), (taken, freed))
    for pair in pairs:
        assert code(mig_nvml, "nvmlGpmMetricsGet", _metrics(mig_nvml, *pair, 2)) == INVALID_ARGUMENT
    get = _metrics(mig_nvml, taken, later, 2)
    get.version = 2
    assert code(mig_nvml, "nvmlGpmMetricsGet", get) == VERSION_MISMATCH
    support = mig_nvml.c_nvmlGpmSupport_t()
    assert mig_nvml.nvmlLib.nvmlGpmQueryDeviceSupport(whole_gpu, ctypes.byref(support)) == VERSION_MISMATCH
    assert code(mig_nvml, "nvmlGpmSampleFree", freed) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlGpmSampleGet", whole_gpu, freed) == INVALID_ARGUMENT
    assert fake_nvml.gpm_samples == 4


def test_device_without_gpm(fake_nvml: FakeDriver, mig_nvml: Any, whole_gpu: Any) -> None:
    """It says so, and gives no sample."""
    fake_nvml.set(1, gpm_supported=0)
    assert mig_nvml.nvmlGpmQueryDeviceSupport(whole_gpu).isSupportedDevice == 0
    assert code(mig_nvml, "nvmlGpmSampleGet", whole_gpu, mig_nvml.nvmlGpmSampleAlloc()) == NOT_SUPPORTED


def test_gpm_of_mig_devices(fake_nvml: FakeDriver, mig_nvml: Any, mig_gpu: Any, whole_gpu: Any) -> None:
    """By the GPU and the number of the GPU instance; the GPU as a whole_gpu and a MIG device's handle are refused."""
    mig = mig_nvml.nvmlDeviceGetMigDeviceHandleByIndex(mig_gpu, 3)
    samples = [mig_nvml.nvmlGpmSampleAlloc() for _ in range(4)]
    fake_nvml.set_gpm(instance(0, 0), {2: 1.25})
    fake_nvml.set_gpm(instance(0, 3), {2: 2.5})
    for position, gpu_instance in enumerate((1, 1, 9, 9)):
        mig_nvml.nvmlGpmMigSampleGet(mig_gpu, gpu_instance, samples[position])
    assert _read_metrics(mig_nvml, samples[0], samples[1], 2, 20) == [(0, 1.25), (NOT_SUPPORTED, 0)]
    assert _read_metrics(mig_nvml, samples[2], samples[3], 2, 3) == [(0, 2.5), (0, 29.25)]
    assert code(mig_nvml, "nvmlGpmSampleGet", mig_gpu, samples[0]) == NOT_SUPPORTED
    assert code(mig_nvml, "nvmlGpmMigSampleGet", mig_gpu, 2, samples[0]) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlGpmMigSampleGet", whole_gpu, 1, samples[0]) == INVALID_ARGUMENT
    for function, *args in (("nvmlGpmSampleGet", samples[0]), ("nvmlGpmMigSampleGet", 9, samples[0])):
        assert code(mig_nvml, function, mig, *args) == INVALID_ARGUMENT
    assert code(mig_nvml, "nvmlGpmQueryDeviceSupport", mig) == INVALID_ARGUMENT
