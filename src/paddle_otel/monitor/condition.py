"""Whether a monitor has values, and why not where it has none: in a word, and in words."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from paddle_otel.monitor.feed import Feed
from paddle_otel.monitor.recording import Recording
from paddle_otel.monitor.statistics import DeviceStatistics, Status
from paddle_otel.sampling.sampler import stale_after

_NO_DRIVER = (
    "no NVIDIA driver answers here, so there are no values; everything else works. In a container, the NVIDIA runtime "
    "and NVIDIA_DRIVER_CAPABILITIES=compute,utility bring it in"
)


class Condition(NamedTuple):
    """How a measurement is doing.

    Attributes:
        status: In a word.
        message: In words.
    """

    status: Status
    message: str


NOT_STARTED = Condition("not_started", "start() was not called yet")
FORKED = Condition(
    "forked", "this process was forked from one in which the monitor ran; here it is stopped, start() begins anew"
)


def condition(
    recording: Recording, devices: Sequence[DeviceStatistics], feed: Feed, interval: float, *, running: bool
) -> Condition:
    """Return how a measurement is doing.

    Args:
        recording: The measurement.
        devices: What it knows of each GPU.
        feed: Who reads the GPUs.
        interval: Seconds between two samples.
        running: Whether it goes on.
    """
    if running and _hangs(recording, interval):
        return Condition("not_answering", f"the driver has not answered for more than {stale_after(interval):g} s")
    if not recording.samples:
        text = "the first sample is not there yet" if running else "stopped before there was a sample"
        return Condition("waiting", text)
    return _of_devices(recording, devices) if recording.answered_last else _without_answer(recording, feed)


def _of_devices(recording: Recording, devices: Sequence[DeviceStatistics]) -> Condition:
    lost = [device.uuid for device in devices if device.lost]
    if lost:
        return Condition("lost", f"{', '.join(lost)}: answers nothing until it is reset; values are those before")
    if recording.missing:
        return Condition("no_device", _missing(recording.missing, devices))
    if not devices:
        return Condition("no_device", "there is a driver, but no GPU that this process may use (CUDA_VISIBLE_DEVICES)")
    return Condition("ok", "all values are there")


def _hangs(recording: Recording, interval: float) -> bool:
    since = recording.latest_sample or recording.started
    return time.monotonic_ns() - since > stale_after(interval) * 1e9


def _without_answer(recording: Recording, feed: Feed) -> Condition:
    if recording.answers:
        return Condition("no_driver", "the driver answered and does not any more; values are those before")
    if feed.errors:
        return Condition("not_answering", feed.reason or "the driver answers with errors only; nvidia-smi tells more")
    return Condition("no_driver", feed.reason or _NO_DRIVER)


def _missing(missing: Sequence[str], devices: Sequence[DeviceStatistics]) -> str:
    there = ", ".join(f"{device.device or 'number unknown'} = {device.uuid}" for device in devices)
    return (
        f"not here, or not visible to this process: {', '.join(missing)}. Devices are counted as Paddle counts them: "
        "among those that CUDA_VISIBLE_DEVICES leaves"
        + (f". Measured: {there}" if there else "; where GPUs differ, CUDA_DEVICE_ORDER=PCI_BUS_ID makes it clear")
    )
