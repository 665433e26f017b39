"""What a monitor makes of the samples that it is told of, with samples and activities that are made up."""

import json
import math
from typing import Any

import pytest

from fake_nvml.samples import SECOND, gpu, snapshot_at
from observed import raising
from paddle_otel.activity import BACKWARD, DECODE, FORWARD, IDLE, PREFILL, ActivityRecord
from paddle_otel.hardware.nvml.reading import GpuReading, GpuState
from paddle_otel.monitor.devices import Devices
from paddle_otel.monitor.recording import MOST_GPUS, Recording
from paddle_otel.monitor.statistics import DeviceStatistics
from paddle_otel.monitor.summary import Summary, percentiles

MIB = 2**20


class Scene:
    """A recording, and a clock by which samples are taken and Paddle works."""

    def __init__(self, devices: Any = None, interval: float = 1.0, capacity: int = 3600) -> None:
        self.time = 0
        self.activity = ActivityRecord(lambda: self.time)
        self.rows: list[tuple[Any, ...]] = []
        self.recording = Recording(Devices(devices), interval, capacity, self.noted, self.activity)

    def noted(self, *row: Any) -> None:
        """Keep what is handed on."""
        self.rows.append(row)

    def passes(self, seconds: float) -> "Scene":
        """Let time pass."""
        self.time += int(seconds * SECOND)
        return self

    def does(self, kind: str, seconds: float) -> "Scene":
        """Let Paddle do something for some time."""
        self.activity.begin(kind)
        self.passes(seconds)
        self.activity.end(kind)
        return self

    def sample(self, *gpus: GpuReading) -> "Scene":
        """Take a sample now."""
        self.recording.note(snapshot_at(self.recording.started + self.time, *gpus))
        return self

    def answered_nothing(self) -> "Scene":
        """Take a sample to which the driver has no answer."""
        return self.sample()

    @property
    def one(self) -> DeviceStatistics:
        """The statistics of the only GPU."""
        (device,) = self.recording.statistics()
        return device


@pytest.fixture
def scene() -> Scene:
    """All GPUs, a sample a second."""
    return Scene()


def test_count_mean_extremes_and_percentiles(scene: Scene) -> None:
    """Of a hundred samples, exactly; in percent, as people read it."""
    for number in range(1, 101):
        scene.passes(1).sample(gpu(utilization=number / 100))
    summary = scene.one.quantities["utilization_percent"]
    assert summary.mean == pytest.approx(50.5)
    assert (summary.count, summary.min, summary.max) == (100, 1.0, 100.0)
    assert (summary.p50, summary.p90, summary.p95, summary.p99) == (50.0, 90.0, 95.0, 99.0)
    assert (scene.one.samples, scene.one.sampled_seconds) == (100, 99.0)


def test_every_value_has_its_unit(scene: Scene) -> None:
    """And those that the GPU does not tell are not there."""
    state = GpuState(clocks={"sm": 1_980_000_000, "memory": 2_619_000_000}, memory_temperature=61.0)
    reading = gpu(
        *(5.0,),
        utilization=0.5,
        memory_used=20 * MIB,
        memory_total=80 * MIB,
        memory_controller=0.25,
        power=300.5,
        temperature=40.0,
        state=state,
    )
    scene.passes(1).sample(reading)
    assert {name: one.mean for name, one in scene.one.quantities.items()} == {
        "utilization_percent": 50.0,
        "memory_used_bytes": 20 * MIB,
        "memory_used_percent": 25.0,
        "memory_controller_percent": 25.0,
        "power_watts": 300.5,
        "temperature_celsius": 40.0,
        "memory_temperature_celsius": 61.0,
        "sm_clock_hertz": 1.98e9,
        "memory_clock_hertz": 2.619e9,
    }
    assert scene.one.memory_total_bytes == 80 * MIB
    bare = Scene().passes(1).sample(gpu(power=1.0))
    assert list(bare.one.quantities) == ["power_watts"]


def test_what_is_asked_seldom_counts_once_an_answer(scene: Scene) -> None:
    """Ten samples that repeat an answer are one value of the clock and ten of the power."""
    for megahertz in (1000, 2000):
        state = GpuState(clocks={"sm": megahertz * 10**6})
        for _ in range(10):
            scene.passes(1).sample(gpu(power=1.0, state=state))
    found = scene.one.quantities
    assert (found["sm_clock_hertz"].count, found["sm_clock_hertz"].mean) == (2, 1.5e9)
    assert found["power_watts"].count == 20


def test_samples_are_split_by_what_paddle_did(scene: Scene) -> None:
    """A sample belongs to each activity by its part of the time since the sample before."""
    scene.passes(1).sample(gpu(0.0, utilization=0.0))
    scene.does(PREFILL, 1.0).sample(gpu(100.0, utilization=1.0))
    scene.does(PREFILL, 0.25).does(DECODE, 0.75).sample(gpu(140.0, utilization=0.4))
    scene.passes(0.5).does(DECODE, 0.5).sample(gpu(160.0, utilization=0.2))
    one = scene.one
    assert set(one.activities) == {IDLE, PREFILL, DECODE}
    assert {kind: part.seconds for kind, part in one.activities.items()} == {IDLE: 0.5, PREFILL: 1.25, DECODE: 1.25}
    assert {kind: part.energy_joules for kind, part in one.activities.items()} == {
        IDLE: 10.0,
        PREFILL: 100.0 + 10.0,
        DECODE: 30.0 + 10.0,
    }
    prefill = one.activities[PREFILL].quantities["utilization_percent"]
    assert prefill.mean == pytest.approx((100 * 1 + 40 * 0.25) / 1.25)
    assert (prefill.count, prefill.min, prefill.max, prefill.p50) == (2, 40.0, 100.0, 100.0)
    decode = one.activities[DECODE].quantities["utilization_percent"]
    assert decode.mean == pytest.approx((40 * 0.75 + 20 * 0.5) / 1.25)
    assert (decode.p50, decode.p90) == (40.0, 40.0)
    assert one.activities[IDLE].quantities["utilization_percent"].count == 2
    assert scene.recording.activity_seconds == {IDLE: 1.5, PREFILL: 1.25, DECODE: 1.25}


def test_the_parts_add_up_to_the_whole(scene: Scene) -> None:
    """Seconds and energy of all activities together are those of the GPU."""
    energy = 0.0
    for number in range(50):
        scene.does(FORWARD, 0.3).does(BACKWARD, 0.5).passes(0.2 + number % 3 / 10)
        energy += 17.3 * (number % 5)
        scene.sample(gpu(energy, utilization=0.5))
    one = scene.one
    assert one.energy_joules is not None
    assert sum(part.seconds for part in one.activities.values()) == pytest.approx(one.sampled_seconds)
    assert sum(part.energy_joules or 0 for part in one.activities.values()) == pytest.approx(one.energy_joules)
    assert (one.energy_method, one.energy_seconds) == ("counter", pytest.approx(one.sampled_seconds))


def test_energy_without_a_counter_is_estimated_from_power(scene: Scene) -> None:
    """And says so."""
    for watts in (100.0, 300.0, 300.0):
        scene.passes(2).sample(gpu(power=watts))
    assert (scene.one.energy_joules, scene.one.energy_method) == (2 * 200.0 + 2 * 300.0, "power_estimate")


def test_a_counter_that_began_anew_leaves_a_gap(scene: Scene) -> None:
    """Energy that nobody knows is not made up, and the time for which it is known says so."""
    for energy, breaks in ((100.0, 0), (150.0, 0), (155.0, 1), (175.0, 1)):
        scene.passes(1).sample(gpu(energy, energy_breaks=breaks))
    assert (scene.one.energy_joules, scene.one.energy_seconds, scene.one.sampled_seconds) == (70.0, 2.0, 3.0)
    jumped = Scene().passes(1).sample(gpu(0.0)).passes(1).sample(gpu(1e9))
    assert (jumped.one.energy_joules, jumped.one.energy_seconds, jumped.one.energy_method) == (None, 0.0, None)


def test_both_methods_are_mixed(scene: Scene) -> None:
    """A counter that is there for a part of the time only; between the two nothing is known."""
    for reading in (gpu(10.0, power=50.0), gpu(20.0, power=50.0), gpu(power=50.0), gpu(power=50.0)):
        scene.passes(1).sample(reading)
    assert (scene.one.energy_joules, scene.one.energy_method, scene.one.energy_seconds) == (60.0, "mixed", 2.0)


def test_memory_is_bounded(scene: Scene) -> None:
    """Percentiles are those of the last samples, everything else of all."""
    scene = Scene(capacity=10)
    for number in range(100):
        (scene.does(PREFILL, 1) if number < 50 else scene.passes(1)).sample(gpu(utilization=number / 100))
    one = scene.one
    summary = one.quantities["utilization_percent"]
    assert (summary.count, summary.min, summary.max) == (100, 0.0, 99.0)
    assert summary.mean == pytest.approx(49.5)
    assert summary.p50 == pytest.approx(94.0)
    assert scene.recording.kept == 10
    assert [round(row[3][0]) for row in scene.recording.rows()] == list(range(90, 100))
    assert [row[0].elapsed for row in scene.recording.rows()] == [float(n) for n in range(91, 101)]
    prefill = one.activities[PREFILL].quantities["utilization_percent"]
    assert (prefill.count, prefill.max, prefill.p50, prefill.p99) == (50, 49.0, None, None)
    json.dumps(one.quantities["utilization_percent"].p50)


@pytest.mark.parametrize("kept", [1, 2, 3, 7])
def test_a_ring_of_any_size_keeps_its_order(kept: int) -> None:
    """Before it is full, when it is, and after."""
    scene = Scene(capacity=kept)
    for number in range(1, 20):
        scene.passes(1).sample(gpu(power=float(number)))
        rows = [row[3][4] for row in scene.recording.rows()]
        assert rows == [float(one) for one in range(max(1, number - kept + 1), number + 1)]


def test_others_who_sample_faster_are_not_followed(scene: Scene) -> None:
    """One sample per interval, a little early is early enough."""
    for _ in range(100):
        scene.passes(0.1).sample(gpu(power=1.0))
    assert scene.recording.samples == 10
    exact = Scene()
    for _ in range(10):
        exact.passes(0.99).sample(gpu(power=1.0))
    assert exact.recording.samples == 10


def test_the_last_sample_counts_whenever_it_comes(scene: Scene) -> None:
    """And nothing after it."""
    scene.passes(1).sample(gpu(0.0))
    scene.recording.close_with_next()
    scene.passes(0.01).sample(gpu(5.0))
    assert scene.recording.closed.is_set()
    scene.passes(5).sample(gpu(500.0))
    assert (scene.one.samples, scene.one.energy_joules) == (2, 5.0)


def test_what_was_asked_for_stays_as_it_was(scene: Scene) -> None:
    """While it is looked at, samples go on."""
    for watts in (1.0, 2.0, 3.0):
        scene.passes(1).sample(gpu(power=watts))
    rows = scene.recording.rows()
    seen = [next(rows)[3][4]]
    scene.passes(1).sample(gpu(power=4.0))
    assert [*seen, *(row[3][4] for row in rows)] == [1.0, 2.0, 3.0]


def test_what_was_read_before_the_start_is_not_its(scene: Scene) -> None:
    """The sampler of the hardware metrics may have been in the middle of a reading."""
    scene.recording.note(snapshot_at(scene.recording.started - 1, gpu(power=1.0)))
    assert scene.recording.samples == 0


def test_devices_are_known_by_uuid(scene: Scene) -> None:
    """Each has its own statistics, with its number in this process."""
    scene.passes(1).sample(gpu(power=1.0, uuid="GPU-a", ordinal=1), gpu(power=2.0, uuid="GPU-b", ordinal=0))
    first, second = scene.recording.statistics()
    assert (first.uuid, first.device, second.uuid, second.device) == ("GPU-a", "gpu:1", "GPU-b", "gpu:0")
    assert (first.quantities["power_watts"].mean, second.quantities["power_watts"].mean) == (1.0, 2.0)


def test_one_that_is_asked_for_by_number_is_followed_while_it_is_lost() -> None:
    """A lost GPU does not tell its number; values are those before, time in which it was lost is not counted."""
    scene = Scene([0])
    scene.passes(1).sample(gpu(10.0, uuid="GPU-a"), gpu(10.0, uuid="GPU-b", ordinal=1))
    scene.passes(1).sample(gpu(20.0, uuid="GPU-a"), gpu(20.0, uuid="GPU-b", ordinal=1))
    scene.passes(1).sample(gpu(uuid="GPU-a", ordinal=None, lost=True), gpu(30.0, uuid="GPU-b", ordinal=1))
    assert (scene.one.uuid, scene.one.lost, scene.one.samples, scene.one.energy_joules) == ("GPU-a", True, 2, 10.0)
    assert scene.recording.missing == []
    scene.passes(1).sample(gpu(5.0, uuid="GPU-a"))
    scene.passes(1).sample(gpu(9.0, uuid="GPU-a"))
    assert (scene.one.lost, scene.one.energy_joules, scene.one.sampled_seconds) == (False, 14.0, 2.0)


def test_devices_that_are_not_there_are_named() -> None:
    """In the words in which they were asked for; and not any more when they come."""
    scene = Scene([0, 3, "GPU-xyz"])
    scene.passes(1).sample(gpu(power=1.0))
    assert scene.recording.missing == ["gpu:3", "GPU-xyz"]
    scene.passes(1).sample(gpu(power=1.0), gpu(power=1.0, uuid="GPU-c", ordinal=3), gpu(uuid="gpu-xYz99", ordinal=7))
    assert scene.recording.missing == []


def test_devices_without_end_are_bounded(scene: Scene) -> None:
    """MIG may split a GPU anew again and again."""
    for number in range(MOST_GPUS + 50):
        scene.passes(1).sample(gpu(power=1.0, uuid=f"MIG-{number}"))
    assert len(scene.recording.statistics()) == MOST_GPUS


def test_a_driver_that_does_not_answer_costs_its_samples_only(scene: Scene) -> None:
    """What Paddle did is counted all the same; energy goes on with the counter."""
    scene.passes(1).sample(gpu(10.0))
    scene.does(FORWARD, 1).answered_nothing()
    assert not scene.recording.answered_last
    scene.does(BACKWARD, 1).sample(gpu(30.0))
    assert scene.recording.activity_seconds == {IDLE: 1.0, FORWARD: 1.0, BACKWARD: 1.0}
    assert (scene.recording.samples, scene.recording.answers, scene.one.samples) == (3, 2, 2)
    assert scene.one.energy_joules == 20.0
    # All of the gap is shared out by what was done in all of it.
    assert {kind: part.energy_joules for kind, part in scene.one.activities.items() if part.energy_joules} == {
        FORWARD: 10.0,
        BACKWARD: 10.0,
    }


def test_a_gpu_that_is_not_heard_for_a_while_is_split_by_all_that_was_done(scene: Scene) -> None:
    """Also where the other GPU was heard."""
    other: dict[str, Any] = {"uuid": "GPU-b", "ordinal": 1}
    scene.passes(1).sample(gpu(0.0), gpu(0.0, **other))
    scene.does(FORWARD, 1).sample(gpu(7.0, **other))
    scene.does(BACKWARD, 3).sample(gpu(40.0), gpu(9.0, **other))
    first, second = scene.recording.statistics()
    assert {kind: part.energy_joules for kind, part in first.activities.items()} == {
        IDLE: None,
        FORWARD: 10.0,
        BACKWARD: 30.0,
    }
    assert {kind: part.energy_joules for kind, part in second.activities.items()} == {
        IDLE: None,
        FORWARD: 7.0,
        BACKWARD: 2.0,
    }
    assert {kind: part.seconds for kind, part in first.activities.items()} == {IDLE: 0.0, FORWARD: 1.0, BACKWARD: 3.0}


def test_each_sample_is_handed_on(scene: Scene) -> None:
    """With the GPU's name, its device, and its values in the order of the quantities."""
    scene.does(FORWARD, 1).sample(gpu(utilization=0.5))
    ((moment, uuid, device, values),) = scene.rows
    assert (moment.elapsed, moment.shares, uuid, device) == (1.0, ((FORWARD, 1.0),), "GPU-0", "gpu:0")
    assert values[0] == 50.0
    assert all(math.isnan(value) for value in values[1:])


def test_percentiles_with_weights() -> None:
    """Each is a value that was seen; the order in which they came does not matter."""
    assert percentiles([(3.0, 1.0), (1.0, 1.0), (2.0, 2.0)]) == [2.0, 3.0, 3.0, 3.0]
    assert percentiles([(1.0, 0.9), (9.0, 0.1)]) == [1.0, 1.0, 9.0, 9.0]
    assert percentiles([(7.0, 0.001)]) == [7.0] * 4
    assert percentiles([(5.0, 0.1)] * 10, [100]) == [5.0]
    assert percentiles([(float(number), 0.1) for number in range(1, 17)])[0] == 8.0  # whatever sums of 0.1 are
    assert percentiles([]) == [None] * 4


def test_equal_values_have_that_mean(scene: Scene) -> None:
    """Rounding brings no mean below the least value."""
    for _ in range(1000):
        scene.does(FORWARD, 0.7).does(PREFILL, 0.3).sample(gpu(utilization=0.1))
    found: Summary = scene.one.activities[PREFILL].quantities["utilization_percent"]
    assert found.min == found.mean == found.max == found.p99


def test_a_row_that_cannot_be_handed_on_keeps_nobody_waiting() -> None:
    """Whoever waits for the first sample or the last one goes on; the sample counts."""
    scene = Scene()
    error = RuntimeError("the disk is gone")
    recording = Recording(Devices(None), 1.0, 10, raising(error), scene.activity)
    with pytest.raises(RuntimeError) as caught:
        recording.note(snapshot_at(recording.started, gpu(1.0)))
    assert caught.value is error
    assert (recording.first.is_set(), recording.closed.is_set()) == (True, False)
    recording.close_with_next()
    with pytest.raises(RuntimeError):
        recording.note(snapshot_at(recording.started + SECOND, gpu(2.0)))
    assert recording.closed.is_set()
    assert recording.samples == 2


def test_a_sample_that_had_begun_before_the_end_is_not_the_last_one() -> None:
    """What was used after it belongs to the measurement: one more sample is waited for."""
    scene = Scene(interval=60.0)
    recording = scene.recording
    recording.note(snapshot_at(recording.started, gpu(1.0)))
    recording.close_with_next()
    recording.note(snapshot_at(recording.started + 1, gpu(1.0)))
    assert not recording.closed.is_set()
    recording.note(snapshot_at(recording.started + SECOND, gpu(6.0)))
    assert recording.closed.is_set()
    assert (recording.samples, scene.one.energy_joules) == (2, 5.0)
