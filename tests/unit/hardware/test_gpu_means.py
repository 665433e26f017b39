"""Shares over the time between two collections."""

from collections.abc import Mapping

import pytest

from paddle_otel.hardware.kind import Window
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.metrics import METRICS
from paddle_otel.hardware.nvml.reading import GpuReading, GpuState

Gpus = tuple[GpuReading, ...]
FIRST, SECOND = GpuIdentity("GPU-1", "H100", "580.95.05"), GpuIdentity("GPU-2", "H100", "580.95.05")


def _window(*samples: Gpus) -> Window[Gpus]:
    return Window(samples[-1], samples[0], float(len(samples)), lambda: samples)


def _points(name: str, window: Window[Gpus]) -> dict[tuple[str, str | None], float]:
    (observed,) = (one for one in METRICS if one.metric.name == name)
    found: dict[tuple[str, str | None], float] = {}
    for value, labels in observed.points(window):
        extra = [str(text) for key, text in labels.items() if key in ("hw.gpu.task", "paddle.gpu.pipe")]
        key = (str(labels["hw.id"]), extra[0] if extra else None)
        assert key not in found
        found[key] = value
    return found


def _busy(identity: GpuIdentity, share: float | None, engines: Mapping[str, float] | None = None) -> GpuReading:
    return GpuReading(identity, utilization=share, memory_controller=share, state=GpuState(engines=engines or {}))


def test_every_sample_weighs_the_same() -> None:
    """A burst between two collections is not missed."""
    window = _window((_busy(FIRST, 0.0),), (_busy(FIRST, 0.9),), (_busy(FIRST, 0.0),))
    assert _points("hw.gpu.utilization", window) == {("GPU-1", "general"): pytest.approx(0.3)}
    assert _points("paddle.gpu.memory.controller.utilization", window) == {("GPU-1", None): pytest.approx(0.3)}


def test_devices_are_matched_by_their_id() -> None:
    """Wherever they stand in the list, and when one was missing for a while."""
    window = _window(
        (_busy(FIRST, 0.2), _busy(SECOND, 1.0)), (_busy(SECOND, 0.5),), (_busy(SECOND, 0.0), _busy(FIRST, 0.4))
    )
    assert _points("hw.gpu.utilization", window) == {
        ("GPU-1", "general"): pytest.approx(0.3),
        ("GPU-2", "general"): pytest.approx(0.5),
    }


def test_unknown_samples_do_not_count() -> None:
    """They are not 0; a GPU that does not say it now has no point."""
    window = _window((_busy(FIRST, 0.4),), (_busy(FIRST, None),), (_busy(FIRST, 0.6),))
    assert _points("hw.gpu.utilization", window) == {("GPU-1", "general"): pytest.approx(0.5)}
    assert _points("hw.gpu.utilization", _window((_busy(FIRST, 0.4),), (_busy(FIRST, None),))) == {}


def test_first_collection_shows_the_latest_sample() -> None:
    """There is nothing before it."""
    now = (_busy(FIRST, 0.7, {"encoder": 0.1}),)
    assert _points("hw.gpu.utilization", Window(now, None, 0.0, lambda: (now,))) == {
        ("GPU-1", "general"): 0.7,
        ("GPU-1", "encoder"): 0.1,
    }


def test_engines_and_pipes_have_means_of_their_own() -> None:
    """Each over the samples that have it."""
    window = _window(
        (_busy(FIRST, 1.0, {"encoder": 0.2, "jpeg": 0.8}),),
        (_busy(FIRST, 1.0, {"encoder": 0.4}),),
        (_busy(FIRST, 1.0, {"encoder": 0.6, "decoder": 0.1}),),
    )
    assert _points("hw.gpu.utilization", window) == {
        ("GPU-1", "general"): 1.0,
        ("GPU-1", "encoder"): pytest.approx(0.4),
        ("GPU-1", "decoder"): pytest.approx(0.1),
    }
    pipes = _window((GpuReading(FIRST, pipes={"sm": 0.1}),), (GpuReading(FIRST, pipes={"sm": 0.3, "dram": 0.5}),))
    assert _points("paddle.gpu.pipe.utilization", pipes) == {
        ("GPU-1", "sm"): pytest.approx(0.2),
        ("GPU-1", "dram"): pytest.approx(0.5),
    }


def test_gpu_of_another_process_has_no_point() -> None:
    """The samples hold all devices, the window's end only those that this process reports."""
    both = (_busy(FIRST, 0.2), _busy(SECOND, 0.4))
    window = Window(both[:1], both, 1.0, lambda: (both, both))
    assert _points("hw.gpu.utilization", window) == {("GPU-1", "general"): 0.2}
