"""GPUMonitor on the fake driver: which GPUs it measures, what it says of them, and how it starts and ends."""

import gc
import json
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import pytest

from fake_nvml.driver import GIB, HANG, FakeDriver, uuid
from fake_nvml.scenarios import GPU_IS_LOST, mig_and_whole
from fake_nvml.sources import eventually, sampler_threads
from forked import in_child
from observed import raising
from paddle_otel.activity import ACTIVITY
from paddle_otel.hardware.reporting import SAMPLER
from paddle_otel.monitor import GPUMonitor, activity
from paddle_otel.monitor.feed import FEEDS
from paddle_otel.monitor.recording import Recording

DRIVER_NOT_LOADED = 9
UNKNOWN = 999


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No thread, and nobody who watches, outlives a test."""
    yield
    gc.collect()
    assert eventually(lambda: not sampler_threads())
    assert not ACTIVITY.is_watched


@pytest.fixture
def driver(fake_nvml: FakeDriver, monkeypatch: pytest.MonkeyPatch, _patient_monitors: None) -> FakeDriver:
    """Eight devices, all of which the process may use."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    fake_nvml.reset(8)
    return fake_nvml


def samples(monitor: GPUMonitor, number: int) -> None:
    """Wait until there are so many more samples."""
    wanted = monitor.get_statistics().samples + number
    assert eventually(lambda: monitor.get_statistics().samples >= wanted)


def pause_now() -> float:
    """Return how often the sampler of the metrics samples, seconds."""
    return float(vars(SAMPLER)["_worker"].interval)


def measured(monitor: GPUMonitor) -> list[str]:
    """Start, take a sample, stop; return the UUIDs."""
    with monitor:
        pass
    return [device.uuid for device in monitor.get_statistics().devices]


def test_one_device_has_exact_values(driver: FakeDriver) -> None:
    """As the driver tells them, in the units that the names say."""
    driver.set(2, utilization=37, used=12 * GIB, power_instant=123_456, temperature=66)
    with GPUMonitor(device_id=2, interval=0.1) as monitor:
        samples(monitor, 2)
    statistics = monitor.get_statistics()
    (device,) = statistics.devices
    assert (statistics.status, statistics.running, statistics.interval_seconds) == ("ok", False, 0.1)
    assert (device.uuid, device.device, device.name) == (uuid(2), "gpu:2", "NVIDIA H100 80GB HBM3")
    assert (device.lost, device.memory_total_bytes) == (False, 80 * GIB)
    means = {name: one.mean for name, one in device.quantities.items()}
    assert means == pytest.approx(
        {
            "utilization_percent": 37.0,
            "memory_used_bytes": 12 * GIB,
            "memory_used_percent": 15.0,
            "memory_controller_percent": 20.0,
            "power_watts": 123.456,
            "temperature_celsius": 66.0,
            "memory_temperature_celsius": 62.0,
            "sm_clock_hertz": 1_722e6,
            "memory_clock_hertz": 2_602e6,
        }
    )
    assert device.samples == statistics.samples == statistics.samples_kept >= 3
    assert device.quantities["power_watts"].count == device.samples
    assert device.quantities["sm_clock_hertz"].count == 1


def test_energy_is_that_of_the_counter_from_start_to_stop(driver: FakeDriver) -> None:
    """Also where the measured part is shorter than the interval: the first and the last sample enclose it."""
    with GPUMonitor([0, 1], interval=60.0) as monitor:
        driver.add(0, energy=5_000)
        driver.add(1, energy=7_500)
        time.sleep(0.02)
    statistics = monitor.get_statistics()
    assert [device.energy_joules for device in statistics.devices] == [5.0, 7.5]
    assert {device.energy_method for device in statistics.devices} == {"counter"}
    assert (statistics.energy_joules, statistics.samples) == (12.5, 2)
    assert 0 < statistics.devices[0].energy_seconds <= statistics.duration_seconds


def test_what_the_program_says_it_does_is_told_apart(driver: FakeDriver) -> None:
    """By the program's own names; the energy goes with them."""
    with GPUMonitor(0, interval=60.0, observe=False) as monitor, activity("load data"):
        driver.add(0, energy=10_000)
        time.sleep(0.05)
    found = monitor.get_statistics()
    assert set(found.activity_seconds) == {"idle", "load data"}
    assert 0.05 <= found.activity_seconds["load data"] <= found.duration_seconds
    parts = found.devices[0].activities
    assert sum(part.energy_joules or 0 for part in parts.values()) == pytest.approx(10.0)
    assert (parts["load data"].energy_joules or 0) > (parts["idle"].energy_joules or 0)


@pytest.mark.parametrize(
    ("visible", "device_id", "expected"),
    [
        (None, None, range(8)),
        (None, "all", range(8)),
        (None, 3, [3]),
        (None, "3", [3]),
        (None, "gpu:3", [3]),
        (None, [5, "gpu:1"], [1, 5]),
        (None, (0, 0), [0]),
        (None, uuid(4), [4]),
        (None, uuid(4).upper(), [4]),
        ("6,2", None, [2, 6]),
        ("6,2", 0, [6]),
        ("6,2", [1], [2]),
        (f"{uuid(7)},{uuid(3)}", 1, [3]),
        ("6,2", uuid(5), [5]),
        ("6,2", [0, uuid(5)], [5, 6]),
    ],
)
def test_devices_are_counted_as_paddle_counts_them(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch, visible: str | None, device_id: Any, expected: list[int]
) -> None:
    """Among those that CUDA_VISIBLE_DEVICES leaves; a UUID names any GPU of the machine."""
    assert driver
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monitor = GPUMonitor(device_id)
    assert measured(monitor) == [uuid(index) for index in expected]
    assert monitor.get_statistics().status == "ok"


def test_only_what_is_asked_for_is_read(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """GPUs of others are left in peace."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6")
    measured(GPUMonitor(0))
    measured(GPUMonitor(uuid(5)))
    asked = [index for index in range(8) if driver.calls("nvmlDeviceGetUtilizationRates", device=index)]
    assert asked == [5, 6]


def test_parts_of_a_gpu_are_devices_of_their_own(fake_nvml: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """MIG devices are measured with the GPU that they are parts of; two that share their memory are one."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    mig_and_whole(fake_nvml)
    monitor = GPUMonitor()
    found = measured(monitor)
    assert found[0] == uuid(0)
    assert len([one for one in found if one.startswith("MIG-")]) == 2
    assert json.dumps(monitor.get_statistics().to_dict())


def test_a_device_that_is_not_here(driver: FakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    """Is said, with those that are; nothing is raised or logged, and the others are measured."""
    assert driver
    assert measured(GPUMonitor("GPU-ffff")) == []
    assert not caplog.records
    monitor = GPUMonitor([0, 11, "GPU-ffff"])
    assert measured(monitor) == [uuid(0)]
    statistics = monitor.get_statistics()
    assert statistics.status == "no_device"
    assert "gpu:11, GPU-ffff" in statistics.message
    assert uuid(0) in statistics.message
    assert "no_device" in str(statistics)


def test_no_gpu_is_visible(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver without a GPU for this process is not the same as no driver."""
    assert driver
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monitor = GPUMonitor()
    assert measured(monitor) == []
    assert monitor.get_statistics().status == "no_device"
    assert "CUDA_VISIBLE_DEVICES" in monitor.get_statistics().message


@pytest.mark.parametrize("code", [DRIVER_NOT_LOADED, 12])
def test_no_driver(driver: FakeDriver, caplog: pytest.LogCaptureFixture, code: int) -> None:
    """The statistics say so, everything works, and no line is logged for it."""
    driver.inject("nvmlInitWithFlags", code)
    with GPUMonitor(device_id=0, interval=0.1) as monitor, activity("forward"):
        samples(monitor, 2)
    statistics = monitor.get_statistics()
    assert (statistics.status, statistics.devices, statistics.energy_joules) == ("no_driver", (), None)
    assert statistics.message.startswith("No GPU metrics: no NVIDIA driver is loaded here (")
    assert statistics.activity_seconds["forward"] > 0
    assert not caplog.records


def test_a_driver_that_does_not_work(driver: FakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    """Is another thing than none; somebody should look, so it is logged too."""
    driver.inject("nvmlInitWithFlags", UNKNOWN)
    monitor = GPUMonitor(0)
    assert measured(monitor) == []
    assert monitor.get_statistics().status == "not_answering"
    assert "NVML does not work" in monitor.get_statistics().message
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_another_module_in_the_place_of_the_binding(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statistics say how to repair it."""
    assert driver
    monkeypatch.setitem(sys.modules, "pynvml", types.ModuleType("pynvml"))
    monitor = GPUMonitor("gpu-0000")
    assert measured(monitor) == []
    assert monitor.get_statistics().status == "no_driver"
    assert "pip install --force-reinstall nvidia-ml-py" in monitor.get_statistics().message


def test_the_driver_vanishes_in_the_middle(driver: FakeDriver) -> None:
    """What was measured stays; it is said that it ended, and goes on when the driver is back."""
    with GPUMonitor(0, interval=0.1) as monitor:
        samples(monitor, 2)
        for function in ("nvmlDeviceGetUtilizationRates", "nvmlDeviceGetCount_v2", "nvmlInitWithFlags"):
            driver.inject(function, DRIVER_NOT_LOADED)
        assert eventually(lambda: monitor.get_statistics().status == "no_driver")
        gone = monitor.get_statistics()
        assert "values are those before" in gone.message
        assert gone.devices[0].samples >= 3
        driver.heal()
        assert eventually(lambda: monitor.get_statistics().status == "ok", 30)
        assert eventually(lambda: monitor.get_statistics().devices[0].samples > gone.devices[0].samples)


def test_a_gpu_is_lost_in_the_middle(driver: FakeDriver) -> None:
    """The other one goes on."""
    with GPUMonitor([0, 1], interval=0.1) as monitor:
        samples(monitor, 2)
        driver.set(1, lost=GPU_IS_LOST)
        assert eventually(lambda: monitor.get_statistics().status == "lost")
        before = monitor.get_statistics().devices
        samples(monitor, 3)
    statistics = monitor.get_statistics()
    assert statistics.status == "lost"
    assert uuid(1) in statistics.message
    assert [device.lost for device in statistics.devices] == [False, True]
    assert statistics.devices[1].samples == before[1].samples
    assert statistics.devices[0].samples >= before[0].samples + 3


def test_a_driver_that_hangs(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it but the thread that reads it; the statistics say so."""
    monkeypatch.setattr("paddle_otel.monitor.gpu_monitor.FIRST_SAMPLE_SECONDS", 0.5)
    monitor = GPUMonitor(0, interval=0.1).start()
    samples(monitor, 1)
    driver.inject("nvmlDeviceGetUtilizationRates", HANG)
    assert eventually(lambda: monitor.get_statistics().status == "not_answering", 30)
    assert monitor.get_statistics().devices[0].samples >= 1
    stopping = threading.Thread(target=monitor.stop)
    stopping.start()
    stopping.join(30)
    assert not stopping.is_alive()
    assert not monitor.running
    driver.heal()


def test_start_and_stop_as_often_as_one_likes(driver: FakeDriver) -> None:
    """Twice is as once; what is measured anew has nothing of what was before."""
    monitor = GPUMonitor(0, interval=60.0)
    assert monitor.get_statistics().status == "not_started"
    assert monitor.stop().status == "not_started"
    assert monitor.start() is monitor.start() is monitor
    assert (monitor.running, monitor.get_statistics().running) == (True, True)
    driver.add(0, energy=3_000)
    first = monitor.stop()
    assert first == monitor.stop() == monitor.get_statistics()
    assert (first.energy_joules, first.samples) == (3.0, 2)
    monitor.start()
    second = monitor.stop()
    assert (second.energy_joules, second.samples) == (0.0, 2)
    assert second.started_at is not None
    assert first.started_at is not None
    assert second.started_at > first.started_at
    assert eventually(lambda: driver.references == 0)


def test_statistics_grow_while_it_runs(driver: FakeDriver) -> None:
    """And are plain data that does not change any more."""
    assert driver
    with GPUMonitor(0, interval=0.1) as monitor:
        early = monitor.get_statistics()
        kept = early.to_dict()
        samples(monitor, 2)
        later = monitor.get_statistics()
        assert early.running
        assert early.to_dict() == kept
        assert later.samples > early.samples
        assert later.duration_seconds > early.duration_seconds


def test_an_exception_passes_through_and_ends_it(driver: FakeDriver) -> None:
    """The program's own error is the program's."""
    assert driver
    monitor = GPUMonitor(0)
    error = RuntimeError("mine")
    with pytest.raises(RuntimeError) as caught, monitor:
        raise error
    assert caught.value is error
    assert not monitor.running


def test_several_monitors_share_a_thread(driver: FakeDriver) -> None:
    """Each has its own devices and its own interval; the last one ends it."""
    with GPUMonitor(0, interval=0.1) as fast, GPUMonitor([1, 2], interval=0.5) as slow:
        assert len(sampler_threads()) == 1
        samples(fast, 8)
        assert driver.calls("nvmlInitWithFlags") == 1
    assert [one.uuid for one in fast.get_statistics().devices] == [uuid(0)]
    assert [one.uuid for one in slow.get_statistics().devices] == [uuid(1), uuid(2)]
    assert slow.get_statistics().samples < fast.get_statistics().samples


def test_the_thread_of_the_hardware_metrics_is_shared(driver: FakeDriver) -> None:
    """No GPU is read twice; when the metrics end the monitor goes on, and the other way round."""
    SAMPLER.start("metrics", 0.2)
    try:
        with GPUMonitor(0, interval=0.1) as monitor:
            assert len(sampler_threads()) == 1
            assert driver.calls("nvmlInitWithFlags") == 1
            SAMPLER.stop("metrics")
            samples(monitor, 3)
            SAMPLER.start("metrics", 0.2)
        assert monitor.get_statistics().status == "ok"
        assert SAMPLER.running
        assert eventually(SAMPLER.latest)
    finally:
        SAMPLER.stop("metrics")
    assert not SAMPLER.running


def test_the_first_sample_is_there_where_the_metrics_have_just_sampled(driver: FakeDriver) -> None:
    """A short measurement inside their pause has the energy from its start; they go on as often as before."""
    SAMPLER.start("metrics", 600.0)
    try:
        assert eventually(SAMPLER.latest)
        with GPUMonitor(0, interval=600.0, observe=False) as monitor:
            assert monitor.get_statistics().samples == 1
            assert pause_now() == 600.0
            driver.add(0, energy=5_000)
        found = monitor.get_statistics()
        assert (found.energy_joules, found.samples) == (5.0, 2)
        assert pause_now() == 600.0
    finally:
        SAMPLER.stop("metrics")


def test_nobody_samples_in_a_hurry_while_statistics_are_made(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last sample it is as often as the others need; also where Ctrl-C ends the wait for it."""
    assert driver
    intervals: list[float] = []
    statistics = Recording.statistics

    def noting(recording: Recording) -> Any:
        intervals.append(pause_now())
        return statistics(recording)

    monkeypatch.setattr(Recording, "statistics", noting)
    SAMPLER.start("metrics", 600.0)
    try:
        monitor = GPUMonitor(0, interval=300.0, observe=False).start()
        with monkeypatch.context() as interrupted:
            interrupted.setattr(threading.Event, "wait", raising(KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                monitor.stop()
        assert (monitor.running, pause_now()) == (True, 300.0)
        monitor.stop()
        assert set(intervals) == {300.0, 600.0}
        assert intervals[0] == 300.0
    finally:
        SAMPLER.stop("metrics")


def test_other_gpus_than_those_of_the_metrics(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are read beside them."""
    assert driver
    monkeypatch.setenv("PADDLE_OTEL_GPUS", "1")
    SAMPLER.start("metrics", 0.2)
    try:
        assert measured(GPUMonitor(3)) == [uuid(3)]
    finally:
        SAMPLER.stop("metrics")


def test_a_monitor_that_nobody_has_any_more_ends(driver: FakeDriver) -> None:
    """As in a notebook whose cell is run again."""
    assert driver
    monitor = None
    for _ in range(3):
        monitor = GPUMonitor(0, interval=0.1).start()
        samples(monitor, 1)
    assert len(sampler_threads()) == 1
    del monitor
    gc.collect()
    assert eventually(lambda: not sampler_threads())
    assert eventually(lambda: not ACTIVITY.totals() or not ACTIVITY.is_watched)


def test_a_forked_child_has_a_stopped_monitor(driver: FakeDriver) -> None:
    """It says why, and can be started there; the parent's goes on."""
    assert driver
    with GPUMonitor(0, interval=0.1) as monitor:
        samples(monitor, 1)

        def check() -> bool:
            found = monitor.get_statistics()
            assert (found.status, found.running, found.devices) == ("forked", False, ())
            assert not monitor.running
            assert monitor.stop().status == "forked"
            assert not ACTIVITY.is_watched
            with monitor:
                samples(monitor, 2)
            return monitor.get_statistics().status == "ok"

        assert in_child(check) == 0
        samples(monitor, 2)
    assert monitor.get_statistics().status == "ok"


def test_a_forked_child_waits_for_no_lock_of_its_parent(driver: FakeDriver) -> None:
    """Though a thread of the parent was just starting a monitor."""
    assert driver
    with GPUMonitor(0, interval=0.1) as monitor:
        feeds: dict[str, Any] = vars(FEEDS)
        locks: list[Any] = [feeds["_lock"], *(vars(feed)["_lock"] for feed in feeds["_own"].values())]
        assert len(locks) > 1
        for lock in locks:
            lock.acquire()
        try:
            assert in_child(lambda: measured(GPUMonitor(1)) == [uuid(1)] and monitor.stop().status == "forked") == 0
        finally:
            for lock in locks:
                lock.release()


def test_a_forked_child_while_the_metrics_run(driver: FakeDriver) -> None:
    """The child's metrics are not sampled for a monitor that does not run there."""
    assert driver
    SAMPLER.start("metrics", 5.0)
    try:
        with GPUMonitor(0, interval=0.1) as monitor:
            samples(monitor, 1)

            def check() -> bool:
                assert monitor.get_statistics().status == "forked"
                SAMPLER.stop("metrics")
                return not SAMPLER.running

            assert in_child(check) == 0
    finally:
        SAMPLER.stop("metrics")


def test_many_threads_at_once(driver: FakeDriver) -> None:
    """Start, stop and ask in any order; nothing is raised and nothing is left."""
    assert driver
    monitor = GPUMonitor(0, interval=0.1)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                monitor.start()
                str(monitor.get_statistics())
                monitor.stop()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert not monitor.running


def test_its_representation(driver: FakeDriver) -> None:
    """Says which GPUs and whether it runs."""
    assert driver
    assert repr(GPUMonitor()) == "<GPUMonitor of all GPUs, stopped>"
    with GPUMonitor([0, uuid(1)]) as monitor:
        assert repr(monitor) == f"<GPUMonitor of gpu:0, {uuid(1)}, running>"
