"""What a GPU says about its condition, its limits, fans and links."""

import pytest

from fake_nvml.driver import FakeDriver
from fake_nvml.scenarios import consumer_gpu
from fake_nvml.sources import Clock
from gpu_readings import read, read_one
from paddle_otel.hardware.nvml.health import status
from paddle_otel.hardware.nvml.reading import GpuHealth
from paddle_otel.hardware.nvml.source import NvmlSource

NOT_SUPPORTED = 3
UNKNOWN = 999
SIGNED_INT = 5


@pytest.mark.parametrize(
    ("recovery_action", "pending", "failed", "expected"),
    [
        (0, False, False, "ok"),
        (0, None, None, "ok"),
        (None, False, False, "ok"),
        (None, None, False, "ok"),
        (1, False, False, "degraded"),
        (4, None, None, "degraded"),
        (0, True, False, "degraded"),
        (None, True, None, "degraded"),
        (0, False, True, "predicted_failure"),
        (3, True, True, "predicted_failure"),
        (None, None, None, None),
    ],
)
def test_status(recovery_action: int | None, pending: bool | None, failed: bool | None, expected: str | None) -> None:
    """The worst of what is known; nothing where nothing is."""
    assert status(recovery_action, remap_pending=pending, remap_failed=failed) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "ok"),
        ({"recovery_action": 2}, "degraded"),
        ({"remap_pending": 1}, "degraded"),
        ({"remap_failure": 1}, "predicted_failure"),
    ],
)
@pytest.mark.parametrize("fields", [True, False])
def test_status_of_a_gpu(
    fake_nvml: FakeDriver, source: NvmlSource, values: dict[str, int], expected: str, fields: bool
) -> None:
    """From fields, and from the call for remapped rows on drivers without them."""
    fake_nvml.set(0, **values)
    if not fields:
        fake_nvml.inject("field:144", NOT_SUPPORTED)
        fake_nvml.inject("field:145", NOT_SUPPORTED)
    assert read_one(source).status == expected
    assert (fake_nvml.calls("nvmlDeviceGetRemappedRows") > 0) is not fields


def test_status_that_nothing_is_known_about(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Absent, not "ok"."""
    consumer_gpu(fake_nvml, 0)
    assert read_one(source).status is None


def test_status_follows_the_device(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Within thirty seconds, and back again."""
    fake_nvml.reset(2)
    for action, expected in ((0, "ok"), (1, "degraded"), (0, "ok")):
        fake_nvml.set(1, recovery_action=action)
        assert [reading.status for reading in read(source)] == ["ok", expected]
        clock.now += 30.0


@pytest.mark.parametrize("field", [5, 6, 94])
def test_errors_by_their_calls_where_the_fields_are_missing(
    fake_nvml: FakeDriver, source: NvmlSource, field: int
) -> None:
    """Of the board's life, not since the driver was loaded."""
    fake_nvml.set(0, ecc_corrected_aggregate=31, ecc_uncorrected_aggregate=2, pcie_replay=9)
    fake_nvml.set(0, ecc_corrected_volatile=3, ecc_uncorrected_volatile=1)
    fake_nvml.inject(f"field:{field}", NOT_SUPPORTED)
    assert read_one(source).health.errors == {"corrected": 31, "uncorrected": 2, "pcie_replay": 9}


def test_gpu_without_error_correction(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """It counts no errors of its memory, which is not the same as having none."""
    consumer_gpu(fake_nvml, 0)
    for field in ("field:5", "field:6", "nvmlDeviceGetTotalEccErrors"):
        fake_nvml.inject(field, NOT_SUPPORTED)
    assert set(read_one(source).health.errors) == {"pcie_replay"}


def test_limits_from_offsets_and_margin(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """As nvidia-smi showed them of an H200: 28 degrees, margin 59, slowdown -2, shutdown -8."""
    fake_nvml.set(0, temperature=28, tlimit=28 + 59, offset_slowdown=-2, offset_shutdown=-8)
    limits = read_one(source).health.temperature_limits
    assert limits[("gpu", "high.degraded")] == 89.0
    assert limits[("gpu", "high.critical")] == 95.0
    assert limits[("memory", "high.degraded")] == 105.0
    assert {type(degrees) for degrees in limits.values()} == {float}


def test_limits_do_not_follow_the_temperature(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """They are computed once."""
    first = read_one(source).health.temperature_limits
    fake_nvml.set(0, temperature=80)
    clock.now += 30.0
    assert read_one(source).health.temperature_limits == first
    assert fake_nvml.calls("nvmlDeviceGetMarginTemperature") == 1


@pytest.mark.parametrize("lacking", [("field:193", "field:194"), ("nvmlDeviceGetMarginTemperature",)])
def test_limits_of_gpus_that_say_them(fake_nvml: FakeDriver, source: NvmlSource, lacking: tuple[str, ...]) -> None:
    """Without the offsets or the margin there are thresholds."""
    fake_nvml.set(0, threshold_shutdown=101, threshold_slowdown=98)
    for function in lacking:
        fake_nvml.inject(function, NOT_SUPPORTED)
    assert read_one(source).health.temperature_limits == {
        ("gpu", "high.critical"): 101.0,
        ("gpu", "high.degraded"): 98.0,
        ("memory", "high.degraded"): 105.0,
    }


def test_limit_that_the_gpu_does_not_have(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """0 is no limit."""
    for function in ("field:193", "field:194"):
        fake_nvml.inject(function, NOT_SUPPORTED)
    fake_nvml.set(0, threshold_shutdown=0, threshold_memory_max=0)
    assert set(read_one(source).health.temperature_limits) == {("gpu", "high.degraded")}


def test_margin_that_fails_for_a_while(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """No limit is shown that would be another one later."""
    fake_nvml.inject("nvmlDeviceGetMarginTemperature", UNKNOWN)
    assert set(read_one(source).health.temperature_limits) == {("memory", "high.degraded")}
    fake_nvml.heal()
    clock.now += 60.0
    assert read_one(source).health.temperature_limits[("gpu", "high.degraded")] == 89.0


def test_limits_follow_the_operator(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """The power limit can be set at any time."""
    assert read_one(source).health.power_limit == 700.0
    fake_nvml.set(0, power_limit=450_500)
    clock.now += 30.0
    assert read_one(source).health.power_limit == 450.5


def test_fan_may_run_faster_than_designed(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """NVML says that 100 % can be exceeded; a number beyond sense is none."""
    fake_nvml.set(0, fans=3, fan0=0, fan1=112, fan2=2_000_000)
    assert read_one(source).health.fans == {0: 0.0, 1: 1.12}


def test_gpu_without_fans_or_links(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """A board that a server cools, and that stands alone."""
    fake_nvml.set(0, nvlink_count=0, fans=0)
    health = read_one(source).health
    assert (health.fans, health.links) == ({}, {})


def test_number_of_links_or_fans_that_no_gpu_has(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """It is no answer, and is not asked one by one."""
    fake_nvml.set_field(0, 91, 100_000, 1)
    fake_nvml.set(0, fans=100_000)
    health = read_one(source).health
    assert (health.fans, health.links) == ({}, {})
    assert fake_nvml.calls("nvmlDeviceGetNvLinkState") == fake_nvml.calls("nvmlDeviceGetFanSpeed_v2") == 0


def test_links_that_are_down(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Each link of the GPU is in one of two states."""
    fake_nvml.set(0, nvlink_count=12, nvlink_active=0b1111_0000_1111)
    assert read_one(source).health.links == {"active": 8, "inactive": 4}
    fake_nvml.set(0, nvlink_active=0)
    clock.now += 30.0
    assert read_one(source).health.links == {"active": 0, "inactive": 12}
    fake_nvml.inject("nvmlDeviceGetNvLinkState", NOT_SUPPORTED)
    clock.now += 30.0
    assert read_one(source).health.links == {}


def test_consumer_gpu(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """What only GPUs of data centres have is absent, the rest is there, and what it lacks is asked once."""
    consumer_gpu(fake_nvml, 0)
    first = read_one(source)
    for _ in range(100):
        clock.now += 1.0
        assert read_one(source) == first
    reading = read_one(source)
    assert (reading.pipes, reading.health.links, reading.state.memory_temperature) == ({}, {}, None)
    assert reading.identity.serial_number is None
    assert (reading.utilization, reading.power, reading.health.fans) == (0.5, 350.0, {0: 0.3, 1: 0.5})
    for lacking in ("field:82", "field:91", "field:144", "field:230", "nvmlDeviceGetRemappedRows"):
        assert fake_nvml.calls(lacking) <= 1
    assert fake_nvml.calls("nvmlDeviceGetMigMode") + fake_nvml.calls("nvmlDeviceGetMaxMigDeviceCount") <= 3


def test_health_says_nothing_by_itself() -> None:
    """Nothing is known before it was asked."""
    assert GpuHealth().status is None
