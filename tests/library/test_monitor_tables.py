"""Samples of a monitor as pandas and matplotlib have them."""

import time
from pathlib import Path
from typing import Any

import pytest

from fake_nvml.driver import FakeDriver, uuid
from paddle_otel.monitor import GPUMonitor, activity


@pytest.fixture
def measured(fake_nvml: FakeDriver, monkeypatch: pytest.MonkeyPatch, _patient_monitors: None) -> GPUMonitor:
    """Two GPUs, two samples, a forward pass between them."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake_nvml.reset(2)
    with GPUMonitor(interval=60.0, observe=False) as monitor, activity("forward"):
        fake_nvml.set(0, utilization=90)
        time.sleep(0.1)
        monitor.stop()  # before the pass ends, as the machine may be busy
    return monitor


def test_a_row_for_each_sample_of_each_gpu(measured: GPUMonitor) -> None:
    """With the time as a time, and not-a-number where nothing is known."""
    frame = measured.to_dataframe()
    assert list(frame["uuid"]) == [uuid(0)] * 2 + [uuid(1)] * 2
    assert list(frame["utilization_percent"]) == [50.0, 90.0, 51.0, 51.0]
    assert list(frame["sm_clock_hertz"].isna()) == [False, True, False, True]
    assert str(frame["time"].dt.tz) == "UTC"
    assert frame.groupby("device")["power_watts"].mean().to_dict() == {"gpu:0": 350.0, "gpu:1": 350.001}
    assert frame["activity"][1] == "forward"


def test_a_frame_of_nothing_has_its_columns() -> None:
    """Before the start."""
    frame = GPUMonitor(0).to_dataframe()
    assert len(frame) == 0
    assert "power_watts" in frame.columns


def test_a_line_for_each_gpu(measured: GPUMonitor, tmp_path: Path) -> None:
    """In the units in which people read it, and in the background what Paddle did."""
    figure: Any = measured.plot()
    labels = [part.get_ylabel() for part in figure.axes]
    assert labels == ["utilization, %", "memory used, GiB", "power, W"]
    first, second = figure.axes[1].get_lines()
    assert [first.get_label(), second.get_label()] == ["gpu:0", "gpu:1"]
    assert list(first.get_ydata()) == [10.0, 10.0]
    assert list(second.get_ydata()) == [11.0, 11.0]
    (background,) = figure.axes[0].patches
    assert background.get_label() == "forward"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["gpu:0", "gpu:1", "forward"]
    figure.savefig(tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").stat().st_size > 10_000


def test_only_what_is_asked_for_is_drawn(measured: GPUMonitor) -> None:
    """By the names that the statistics have."""
    (part,) = measured.plot("temperature_celsius").axes
    assert part.get_ylabel() == "temperature, °C"
    with pytest.raises(ValueError, match="no such value: speed"):
        measured.plot("speed")


def test_a_figure_of_nothing() -> None:
    """Before the start."""
    assert len(GPUMonitor(0).plot().axes) == 3
