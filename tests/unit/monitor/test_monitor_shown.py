"""Statistics as people see them, and as data."""

import dataclasses
import json
from typing import Any

import pytest

from fake_nvml.samples import SECOND, gpu, snapshot_at
from paddle_otel.activity import DECODE, ActivityRecord
from paddle_otel.monitor import GPUMonitor, GPUStatistics
from paddle_otel.monitor.devices import Devices
from paddle_otel.monitor.recording import Recording

GIB = 2**30

TEXT = """\
GPU monitor stopped: 2.0 s, 2 samples, 250.0 J

gpu:0  GPU-0: 250.0 J in 1.0 s
             samples   mean    min    max    p50    p90    p95    p99  unit
utilization        2   75.0   50.0  100.0   50.0  100.0  100.0  100.0     %
memory used        2   15.0   10.0   20.0   10.0   20.0   20.0   20.0   GiB
power              2  250.0  200.0  300.0  200.0  300.0  300.0  300.0     W

        seconds  energy J  utilization %  power W  memory used GiB
idle        0.0         -           50.0    200.0             10.0
decode      1.0     250.0          100.0    300.0             20.0"""


@pytest.fixture
def statistics() -> GPUStatistics:
    """Two samples of one GPU, a second of decoding between them."""
    time = 0
    record = ActivityRecord(lambda: time)
    recording = Recording(Devices(None), 1.0, 10, None, record)
    time = SECOND
    readings = (
        gpu(100.0, utilization=0.5, power=200.0, memory_used=10 * GIB),
        gpu(350.0, utilization=1.0, power=300.0, memory_used=20 * GIB),
    )
    recording.note(snapshot_at(recording.started + SECOND, readings[0]))
    record.begin(DECODE)
    time = 2 * SECOND
    recording.note(snapshot_at(recording.started + time, readings[1]))
    return GPUStatistics(
        status="ok",
        message="all values are there",
        running=False,
        started_at=None,
        duration_seconds=2.0,
        interval_seconds=1.0,
        samples=2,
        samples_kept=2,
        energy_joules=250.0,
        activity_seconds=dict(recording.activity_seconds),
        devices=recording.statistics(),
    )


def test_as_text(statistics: GPUStatistics) -> None:
    """A headline, what each GPU said, and what it said while Paddle did what."""
    assert str(statistics) == TEXT


def test_trouble_stands_under_the_headline(statistics: GPUStatistics) -> None:
    """In a word and in words."""
    lost = dataclasses.replace(
        statistics,
        status="lost",
        message="GPU-0: gone",
        devices=tuple(dataclasses.replace(one, lost=True, energy_joules=None) for one in statistics.devices),
    )
    lines = str(lost).splitlines()
    assert lines[1] == "lost: GPU-0: gone"
    assert lines[3] == "gpu:0  GPU-0: energy not known, LOST"


def test_an_estimate_says_so(statistics: GPUStatistics) -> None:
    """Where the energy is not the driver's own count."""
    (device,) = statistics.devices
    estimated = dataclasses.replace(
        statistics, devices=(dataclasses.replace(device, energy_method="power_estimate", device=None, name="H100"),)
    )
    assert "\nH100  GPU-0: 250.0 J (power_estimate) in 1.0 s\n" in str(estimated)


def test_as_html(statistics: GPUStatistics) -> None:
    """The same numbers in tables, and nothing of a name is taken for HTML."""
    (device,) = statistics.devices
    named = {**device.activities, "<img>": device.activities[DECODE]}
    hostile = dataclasses.replace(statistics, devices=(dataclasses.replace(device, name="<script>", activities=named),))
    html = hostile._repr_html_()  # pyright: ignore[reportPrivateUsage] - IPython calls it
    assert html.count("<table>") == html.count("</table>") == 2
    assert "<script>" not in html
    assert "<img>" not in html
    assert "&lt;script&gt;" in html
    assert "<tr><td>decode</td><td>1.0</td><td>250.0</td><td>100.0</td><td>300.0</td><td>20.0</td></tr>" in html


def test_as_plain_data(statistics: GPUStatistics) -> None:
    """Everything that is in the statistics, as JSON has it."""
    data: dict[str, Any] = statistics.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {field.name for field in dataclasses.fields(statistics)}
    (device,) = data["devices"]
    assert device["activities"]["decode"] == {
        "seconds": 1.0,
        "energy_joules": 250.0,
        "quantities": {
            name: {"count": 1, "mean": value, "min": value, "max": value}
            | dict.fromkeys(("p50", "p90", "p95", "p99"), value)
            for name, value in (
                ("utilization_percent", 100.0),
                ("memory_used_bytes", 20.0 * GIB),
                ("power_watts", 300.0),
            )
        },
    }
    assert data["activity_seconds"] == {"idle": 1.0, "decode": 1.0}


def test_before_the_start() -> None:
    """There is something to print too."""
    assert str(GPUMonitor(0).get_statistics()).splitlines()[1] == "not_started: start() was not called yet"
    assert json.dumps(GPUMonitor(0).get_statistics().to_dict())
