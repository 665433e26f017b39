"""How busy the parts of a GPU were (GPM)."""

import math
import os
from collections.abc import Iterator

import pytest

from fake_nvml.driver import GIB, FakeDriver
from fake_nvml.sources import Clock
from paddle_otel.hardware.nvml.binding import Binding, NvmlError
from paddle_otel.hardware.nvml.gpm import PIPES, Gpm

SUPPORT, ALLOCATE, FREE = "nvmlGpmQueryDeviceSupport", "nvmlGpmSampleAlloc", "nvmlGpmSampleFree"
SAMPLE, MIG_SAMPLE, COMPARE = "nvmlGpmSampleGet", "nvmlGpmMigSampleGet", "nvmlGpmMetricsGet"
DRIVER = "nvmlDeviceGetCount_v2"  # answers as long as the driver is there

BUSY = {2: 80.0, 5: 40.5, 10: 25.0, 11: 0.0, 12: 12.5, 13: 100.0}
SHARES = {"sm": 0.8, "tensor": 0.405, "dram": 0.25, "fp64": 0.0, "fp32": 0.125, "fp16": 1.0}
SMALL = (10 * GIB, GIB, "1g.10gb")


class _Pipes:
    """Reads the pipes of the first GPU, on a clock that a test moves."""

    def __init__(self, binding: Binding, clock: Clock) -> None:
        self.gpm = Gpm(binding, clock)
        self.handle = binding.call("nvmlDeviceGetHandleByIndex", 0)
        self._clock = clock

    def read(self, gpu_instance: int | None = None, after: float = 1.0) -> dict[str, float]:
        self._clock.now += after
        if gpu_instance is None:
            return dict(self.gpm.read(self.handle))
        return dict(self.gpm.read_instance(self.handle, gpu_instance))


def _pipes(clock: Clock) -> Iterator[_Pipes]:
    binding = Binding.load()
    binding.call("nvmlInit")
    yield _Pipes(binding, clock)
    binding.call_or_none("nvmlShutdown")


@pytest.fixture
def pipes(fake_nvml: FakeDriver, clock: Clock) -> Iterator[_Pipes]:
    """Of a GPU that works."""
    fake_nvml.set_gpm(0, BUSY)
    yield from _pipes(clock)


@pytest.fixture
def old_pipes(old_fake_nvml: FakeDriver, clock: Clock) -> Iterator[_Pipes]:  # noqa: ARG001 - the driver comes first
    """Of a driver that does not know of them."""
    yield from _pipes(clock)


def test_shares_since_the_read_before(pipes: _Pipes) -> None:
    """From 0 to 1 by the names of the conventions; the first read has nothing to compare with."""
    assert pipes.read() == {}
    shares = pipes.read()
    assert shares == pytest.approx(SHARES)
    assert all(type(share) is float for share in shares.values())


def test_every_read_is_compared_with_the_one_before(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """Older first, through both samples in turns; they are allocated once."""
    pipes.read()
    for percent in (10.0, 20.0, 30.0, 40.0):
        fake_nvml.set_gpm(0, {2: percent})
        assert pipes.read()["sm"] == percent / 100
    assert fake_nvml.calls(ALLOCATE) == fake_nvml.gpm_samples == 2
    assert fake_nvml.calls(SUPPORT) == 1
    assert (fake_nvml.calls(SAMPLE), fake_nvml.calls(COMPARE)) == (5, 4)


def test_reads_that_follow_too_closely(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """A share of less than 0.1 s means nothing; what is known stays until then."""
    pipes.read()
    assert pipes.read(after=0.05) == {}
    assert pipes.read(after=0.06)["sm"] == 0.8
    fake_nvml.set_gpm(0, {2: 10.0})
    assert pipes.read(after=0.05)["sm"] == 0.8
    assert fake_nvml.calls(SAMPLE) == 2
    assert pipes.read(after=0.06)["sm"] == 0.1


def test_read_long_after_the_one_before(pipes: _Pipes) -> None:
    """Ten minutes are too long a time to compare over; the next read is compared with this one."""
    pipes.read()
    assert pipes.read(after=601.0) == {}
    assert pipes.read(after=599.0) == pytest.approx(SHARES)


@pytest.mark.parametrize(
    ("percent", "share"),
    [(0.0, 0.0), (100.0, 1.0), (100.4, 1.0), (101.5, None), (-0.1, None), (math.nan, None), (math.inf, None)],
)
def test_number_that_cannot_be_true(fake_nvml: FakeDriver, pipes: _Pipes, percent: float, share: float | None) -> None:
    """A little more than everything is everything, anything else is left out."""
    fake_nvml.set_gpm(0, {5: percent})
    pipes.read()
    shares = pipes.read()
    assert shares.get("tensor") == share
    assert len(shares) == (5 if share is None else 6)


@pytest.mark.parametrize("metric", PIPES)
@pytest.mark.parametrize("code", [3, 999])
def test_metric_that_fails(fake_nvml: FakeDriver, pipes: _Pipes, metric: int, code: int) -> None:
    """It alone is left out, as long as it fails."""
    fake_nvml.inject(f"gpm:{metric}", code, times=1)
    pipes.read()
    expected = {name: share for name, share in SHARES.items() if name != PIPES[metric]}
    assert pipes.read() == pytest.approx(expected)
    assert pipes.read() == pytest.approx(SHARES)


def test_device_without_gpm(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """It says so once and is never asked again."""
    fake_nvml.set(0, gpm_supported=0)
    assert [pipes.read(after=100) for _ in range(5)] == [{}] * 5
    assert (fake_nvml.calls(SUPPORT), fake_nvml.calls(ALLOCATE)) == (1, 0)


def test_old_driver(old_pipes: _Pipes) -> None:
    """It lacks the functions."""
    assert [old_pipes.read(after=100) for _ in range(3)] == [{}] * 3


def test_binding_of_an_older_release(fake_nvml: FakeDriver, pipes: _Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lacks the structure."""
    monkeypatch.delattr("pynvml.c_nvmlGpmMetricsGet_t")
    assert [pipes.read(after=100) for _ in range(3)] == [{}] * 3
    assert fake_nvml.calls(ALLOCATE) == 0


@pytest.mark.parametrize("function", [SUPPORT, ALLOCATE, SAMPLE, COMPARE])
@pytest.mark.parametrize("code", [2, 3, 4, 13, 25, 26])
def test_what_is_not_supported_is_asked_once(fake_nvml: FakeDriver, pipes: _Pipes, function: str, code: int) -> None:
    """Where only an administrator may profile, for instance; nothing stays allocated."""
    fake_nvml.inject(function, code)
    assert [pipes.read(after=100) for _ in range(5)] == [{}] * 5
    assert fake_nvml.calls(function) == 1
    freed = fake_nvml.calls(FREE)
    pipes.gpm.close()
    assert (fake_nvml.gpm_samples, fake_nvml.calls(FREE)) == (0, freed)


@pytest.mark.parametrize("function", [SUPPORT, ALLOCATE, SAMPLE, COMPARE])
@pytest.mark.parametrize("code", [5, 7, 10, 17, 20, 23, 999])
def test_failure_passes(fake_nvml: FakeDriver, pipes: _Pipes, function: str, code: int) -> None:
    """It is tried again after a pause."""
    fake_nvml.inject(function, code, times=1)
    if function == COMPARE:
        pipes.read()
    assert pipes.read() == {}
    calls = fake_nvml.calls(function)
    assert pipes.read(after=0.5) == {}
    assert fake_nvml.calls(function) == calls
    assert pipes.read() == {}
    assert pipes.read() == pytest.approx(SHARES)
    assert fake_nvml.gpm_samples == 2


@pytest.mark.parametrize("function", [SAMPLE, COMPARE])
def test_failure_ends_what_is_compared_over(fake_nvml: FakeDriver, pipes: _Pipes, function: str) -> None:
    """Nothing old is shown, and after the failure reading begins anew."""
    pipes.read()
    assert pipes.read() != {}
    fake_nvml.inject(function, 999, times=1)
    assert [pipes.read(), pipes.read(after=0.5), pipes.read(after=0.6)] == [{}] * 3
    assert pipes.read() == pytest.approx(SHARES)


def test_pause_is_short_again_after_success(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """A failure long ago is forgotten."""
    for _ in range(4):
        fake_nvml.inject(SAMPLE, 999, times=1)
        assert pipes.read() == {}
        assert pipes.read() == {}
        assert pipes.read() == pytest.approx(SHARES)


def test_failure_is_tried_less_and_less(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """At last once a minute, and nothing old is shown meanwhile."""
    pipes.read()
    assert pipes.read() != {}
    fake_nvml.inject(SAMPLE, 999)
    assert [pipes.read() for _ in range(600)] == [{}] * 600
    assert 12 <= fake_nvml.calls(SAMPLE) <= 18


@pytest.mark.parametrize("function", [SUPPORT, ALLOCATE, SAMPLE, COMPARE])
@pytest.mark.parametrize("code", [1, 9, 12, 15, 16, 18, 28])
def test_lost_device_and_driver_that_is_gone(fake_nvml: FakeDriver, pipes: _Pipes, function: str, code: int) -> None:
    """Whoever reads the GPU has to know; after it is back, reading begins anew."""
    fake_nvml.inject(function, code, times=1)
    fake_nvml.inject(DRIVER, code, times=1)
    if function == COMPARE:
        pipes.read()
    with pytest.raises(NvmlError) as raised:
        pipes.read()
    assert raised.value.code == code
    assert pipes.read() == {}
    assert pipes.read() == pytest.approx(SHARES)


def test_close_frees_the_samples(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """Once, also when it fails; reading goes on after it."""
    fake_nvml.mig(0, [])
    for _ in range(2):
        pipes.read()
    pipes.gpm.close()
    pipes.gpm.close()
    assert (fake_nvml.gpm_samples, fake_nvml.calls(FREE)) == (0, 2)
    assert pipes.read() == {}
    assert pipes.read() == pytest.approx(SHARES)
    fake_nvml.inject(FREE, 999)
    pipes.gpm.close()


def test_child_does_not_free_its_parents_samples(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """They are a copy, and NVML is not initialised in the child."""
    pipes.read()
    pid = os.fork()
    if pid == 0:
        pipes.gpm.close()
        os._exit(fake_nvml.calls(FREE))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    pipes.gpm.close()
    assert fake_nvml.calls(FREE) == 2


def test_gpu_instances_of_mig(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """Each has samples of its own; the GPU as a whole cannot tell."""
    fake_nvml.mig(0, [(1, 0, *SMALL), (2, 0, *SMALL)])
    fake_nvml.set_gpm(16, {2: 30.0})
    fake_nvml.set_gpm(17, {2: 60.0})
    assert [pipes.read(), pipes.read(1, after=0), pipes.read(2, after=0)] == [{}, {}, {}]
    assert [pipes.read(), pipes.read(1, after=0)["sm"], pipes.read(2, after=0)["sm"]] == [{}, 0.3, 0.6]
    assert (fake_nvml.calls(SAMPLE), fake_nvml.calls(MIG_SAMPLE)) == (1, 4)
    assert fake_nvml.gpm_samples == 4
    pipes.gpm.close()
    assert fake_nvml.gpm_samples == 0


def test_gpu_instance_that_is_gone(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """The others go on, and another one may come under its number."""
    fake_nvml.mig(0, [(1, 0, *SMALL), (2, 0, *SMALL)])
    assert [pipes.read(1), pipes.read(2)] == [{}, {}]
    assert {} not in [pipes.read(1), pipes.read(2)]
    fake_nvml.mig(0, [None, (2, 0, *SMALL)])
    assert (pipes.read(1), pipes.read(2) != {}) == ({}, True)
    fake_nvml.mig(0, [(1, 0, *SMALL), (2, 0, *SMALL)])
    pipes.read(1, after=2)
    assert pipes.read(1) != {}


def test_gpu_instances_without_permission(fake_nvml: FakeDriver, pipes: _Pipes) -> None:
    """Asked once each."""
    fake_nvml.mig(0, [(1, 0, *SMALL), (2, 0, *SMALL)])
    fake_nvml.inject(MIG_SAMPLE, 4)
    assert [pipes.read(number, after=100) for number in (1, 2) * 3] == [{}] * 6
    assert fake_nvml.calls(MIG_SAMPLE) == 2


def test_shares_cannot_be_changed(pipes: _Pipes) -> None:
    """Readings are shared between threads."""
    pipes.read()
    with pytest.raises(TypeError):
        pipes.gpm.read(pipes.handle)["sm"] = 1.0  # type: ignore[index]
