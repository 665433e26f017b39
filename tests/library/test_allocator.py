"""The allocator's metrics with real Paddle, on CPU: what Paddle itself says, and what tensors do to it."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from fake_nvml.sources import eventually
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor
from paddle_otel.hardware_metrics.allocator import KIND, AllocatorReading
from paddle_otel.settings import Settings
from recording import Recorder

MEBIBYTE = 1024 * 1024
NAMES = {"paddle.memory.allocated", "paddle.memory.reserved", "paddle.memory.peak"}


@pytest.fixture(autouse=True)
def _nothing_else_comes_or_goes() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - by pytest
    """Free the tensors of earlier tests now: no garbage collection does so between two readings."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def host_memory() -> AllocatorReading:
    """Read the allocator; there is no device but the host on these builds."""
    readings = KIND.source(Settings()).read()
    assert readings is not None
    (host,) = readings
    return host


def test_values_are_paddle_s_own(paddle: Any) -> None:
    """Byte for byte."""
    tensor = paddle.zeros([1000], "float32")
    core = paddle.base.core
    assert host_memory() == AllocatorReading(
        "cpu",
        core.host_memory_stat_current_value("Allocated", 0),
        core.host_memory_stat_current_value("Reserved", 0),
        core.host_memory_stat_peak_value("Allocated", 0),
    )
    assert tensor.shape[0] == 1000


def test_a_tensor_comes_and_goes(paddle: Any) -> None:
    """Four mebibytes more while it lives; the peak remembers it."""
    before = host_memory()
    tensor = paddle.zeros([MEBIBYTE], "float32")
    during = host_memory()
    assert during.allocated - before.allocated == 4 * MEBIBYTE
    assert during.peak >= during.allocated
    assert during.reserved >= during.allocated
    del tensor
    after = host_memory()
    assert after.allocated == before.allocated
    assert after.peak == during.peak


def test_more_tensors_than_ever_raise_the_peak(paddle: Any) -> None:
    """By as much as they are larger."""
    before = host_memory()
    room = before.peak - before.allocated
    tensor = paddle.zeros([room // 4 + MEBIBYTE], "float32")
    assert host_memory().peak - before.peak == pytest.approx(4 * MEBIBYTE, abs=8)
    assert tensor.shape[0] == room // 4 + MEBIBYTE


@pytest.fixture
def instrumented(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A recorder to which the hardware metrics go, ten times a second."""
    monkeypatch.setenv("PADDLE_OTEL_SAMPLER_INTERVAL", "0.1")
    instrumentor = HardwareMetricsInstrumentor()
    instrumentor.instrument(meter_provider=recorder.meter_provider)
    yield recorder
    instrumentor.uninstrument()


def test_collected(paddle: Any, instrumented: Recorder) -> None:
    """Three series of whole bytes, one device, in every collection."""
    tensor = paddle.zeros([MEBIBYTE], "float32")
    assert eventually(lambda: set(instrumented.metrics()) >= NAMES)
    assert eventually(
        lambda: instrumented.point("paddle.memory.allocated").value == host_memory().allocated,
    )
    for name in NAMES:
        (point,) = instrumented.points(name)
        assert dict(point.attributes) == {"paddle.device": "cpu"}
        assert type(point.value) is int
        assert point.value >= 4 * MEBIBYTE
        assert instrumented.metrics()[name].unit == "By"
    assert tensor.shape[0] == MEBIBYTE
