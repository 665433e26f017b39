"""What is read off a GPU, in which unit, and what is not asked again."""

import pytest

from fake_nvml.driver import DRIVER_VERSION, GIB, NAME, FakeDriver, uuid
from fake_nvml.sources import Clock
from gpu_readings import read
from paddle_otel.hardware.nvml.binding import Binding
from paddle_otel.hardware.nvml.identity import GpuIdentity
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource

NOT_SUPPORTED = 3
NO_PERMISSION = 4
TIMEOUT = 10
FUNCTION_NOT_FOUND = 13
UNKNOWN = 999

VALUES = ("utilization", "memory_used", "memory_total", "memory_utilization", "power", "energy", "temperature")


def _absent(reading: GpuReading) -> set[str]:
    return {name for name in VALUES if getattr(reading, name) is None}


def test_values_and_units(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Shares from 0 to 1, bytes, watts, joules and degrees; whole numbers for bytes only."""
    fake_nvml.set(
        0, utilization=83, used=20 * GIB, total=80 * GIB, power_instant=412_345, energy=98_765_432_101, temperature=61
    )
    (reading,) = read(source)
    assert {name: getattr(reading, name) for name in VALUES} == {
        "utilization": 0.83,
        "memory_used": 20 * GIB,
        "memory_total": 80 * GIB,
        "memory_utilization": 0.25,
        "power": 412.345,
        "energy": 98_765_432.101,
        "temperature": 61.0,
    }
    whole_numbers = {name for name in VALUES if isinstance(getattr(reading, name), int)}
    assert whole_numbers == {"memory_used", "memory_total"}


def test_identity(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Who the GPU is, with the versions and numbers that tell one board from another."""
    fake_nvml.set_text(0, serial="1320921012345", vbios="96.00.5E.00.01")
    (reading,) = read(source)
    assert reading.identity == GpuIdentity(
        uuid(0), NAME, DRIVER_VERSION, firmware_version="96.00.5E.00.01", serial_number="1320921012345"
    )
    assert (reading.identity.index, reading.identity.bus_id) == (0, "00000000:08:00.0")
    assert (reading.ordinal, reading.mig, reading.lost) == (0, False, False)


def test_zero_is_a_value(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """An idle GPU says 0, which is not the same as saying nothing."""
    fake_nvml.set(0, utilization=0, used=0, power_instant=0, energy=0, temperature=0)
    (reading,) = read(source)
    assert (reading.utilization, reading.memory_used, reading.memory_utilization) == (0.0, 0, 0.0)
    assert (reading.power, reading.energy, reading.temperature) == (0.0, 0.0, 0.0)


def test_every_device_is_read(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """In the driver's order, each under its UUID."""
    fake_nvml.reset(16)
    readings = read(source)
    assert [reading.identity.uuid for reading in readings] == [uuid(index) for index in range(16)]
    assert [reading.utilization for reading in readings] == [(50 + index) / 100 for index in range(16)]


def test_machine_without_a_device(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """A driver that lists no GPU is no trouble."""
    fake_nvml.reset(0)
    assert read(source) == ()
    clock.now += 3600
    assert read(source) == ()
    assert fake_nvml.calls("nvmlInitWithFlags") == 1


def test_driver_is_initialised_once_and_identity_asked_once(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """However often it is read."""
    for _ in range(10):
        read(source)
    once = ("nvmlInitWithFlags", "nvmlDeviceGetCount_v2", "nvmlDeviceGetUUID", "nvmlDeviceGetName")
    assert {name: fake_nvml.calls(name) for name in once} == dict.fromkeys(once, 1)
    assert fake_nvml.references == 1
    source.close()
    source.close()
    assert fake_nvml.references == 0


def test_nothing_is_called_before_the_first_read(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Making and closing a source touches no driver."""
    source.close()
    assert fake_nvml.calls("nvmlInitWithFlags") == fake_nvml.calls("nvmlShutdown") == 0


def test_closed_source_opens_again(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Closing is not the end."""
    read(source)
    source.close()
    assert len(read(source)) == 1
    assert fake_nvml.references == 1


def test_old_driver(old_fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """What newer drivers renamed is asked in the old way; what it has not is asked once and never again."""
    old_fake_nvml.set(0, power=222_000, used=10 * GIB, reserved=GIB, energy=5_000, temperature=55)
    for _ in range(5):
        (reading,) = read(source)
        assert reading.power == 222.0
        assert reading.energy == 5.0
        assert reading.temperature == 55.0
        assert reading.memory_used == 11 * GIB
        assert reading.utilization == 0.5
        assert reading.throttle_time == {
            "sw_power_cap": 1.0,
            "thermal": 2.0,
            "sync_boost": 3.0,
            "board_limit": 4.0,
            "reliability": 6.0,
        }
        assert set(reading.throttle_active) >= {"sw_power_cap", "hw_thermal"}
        assert set(reading.throttle_active.values()) == {0}
    unsupported = ("field:186", "nvmlDeviceGetTemperatureV", "nvmlGpmQueryDeviceSupport")
    assert all(old_fake_nvml.calls(one) <= 1 for one in unsupported)


@pytest.mark.parametrize("code", [NOT_SUPPORTED, NO_PERMISSION, FUNCTION_NOT_FOUND])
@pytest.mark.parametrize(
    ("function", "absent"),
    [
        ("nvmlDeviceGetUtilizationRates", {"utilization"}),
        ("nvmlDeviceGetTotalEnergyConsumption", {"energy"}),
        ("nvmlDeviceGetPowerUsage", {"power"}),
    ],
)
def test_what_a_device_does_not_have_is_absent_and_asked_once(
    fake_nvml: FakeDriver, source: NvmlSource, function: str, absent: set[str], code: int
) -> None:
    """Per device: the other one still says it."""
    fake_nvml.reset(2)
    fake_nvml.inject(function, code, device=1)
    fake_nvml.inject("field:83", NOT_SUPPORTED)
    fake_nvml.inject("field:186", NOT_SUPPORTED)
    for _ in range(5):
        healthy, lacking = read(source)
        assert _absent(healthy) == set()
        assert _absent(lacking) == absent
    assert fake_nvml.calls(function, device=1) == 1
    assert fake_nvml.calls(function, device=0) == 5


def test_memory_without_the_second_version(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """The first version is asked instead, the second not again; without either there is no memory at all."""
    fake_nvml.reset(2)
    fake_nvml.inject("nvmlDeviceGetMemoryInfo_v2", NOT_SUPPORTED)
    fake_nvml.inject("nvmlDeviceGetMemoryInfo", NOT_SUPPORTED, device=1)
    fake_nvml.set(0, used=2 * GIB, reserved=GIB)
    for _ in range(3):
        first, second = read(source)
        assert first.memory_used == 3 * GIB
        assert _absent(second) == {"memory_used", "memory_total", "memory_utilization"}
    assert fake_nvml.calls("nvmlDeviceGetMemoryInfo_v2") == 2
    assert fake_nvml.calls("nvmlDeviceGetMemoryInfo", device=1) == 1


def test_power_now_is_preferred_to_the_mean_of_the_last_second(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """The mean is what is left where the device does not know its power now."""
    fake_nvml.reset(2)
    fake_nvml.inject("field:186", NOT_SUPPORTED, device=1)
    fake_nvml.set(0, power=100_000, power_instant=150_000)
    fake_nvml.set(1, power=100_000, power_instant=150_000)
    assert [reading.power for reading in read(source)] == [150.0, 100.0]
    assert [reading.power for reading in read(source)] == [150.0, 100.0]
    assert fake_nvml.calls("field:186", device=1) == 1
    assert fake_nvml.calls("field:83", device=1) == 2


def test_fields_that_cannot_be_read_at_all(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """Power and energy have calls of their own."""
    fake_nvml.inject("nvmlDeviceGetFieldValues", FUNCTION_NOT_FOUND)
    fake_nvml.set(0, power=77_000, energy=88_000)
    for _ in range(3):
        (reading,) = read(source)
        assert (reading.power, reading.energy) == (77.0, 88.0)
        assert reading.health.errors == {"corrected": 110, "uncorrected": 1, "pcie_replay": 5}
        assert reading.throttle_time == {}
    assert fake_nvml.calls("nvmlDeviceGetFieldValues") == 3  # one call for each group of fields


@pytest.mark.parametrize("code", [TIMEOUT, UNKNOWN])
def test_value_that_fails_once_comes_back(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock, code: int) -> None:
    """It is absent, the other values are not; it is asked again after a pause."""
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", code, times=1)
    (reading,) = read(source)
    assert _absent(reading) == {"utilization"}
    clock.now += 1.0
    (reading,) = read(source)
    assert _absent(reading) == set()


def test_value_that_keeps_failing_is_asked_less_and_less(
    fake_nvml: FakeDriver, source: NvmlSource, clock: Clock
) -> None:
    """After 1, 2, 4 … seconds, at last once a minute."""
    fake_nvml.inject("nvmlDeviceGetUtilizationRates", UNKNOWN)
    for _ in range(600):
        read(source)
        clock.now += 1.0
    assert 10 <= fake_nvml.calls("nvmlDeviceGetUtilizationRates") <= 16


@pytest.mark.parametrize(
    ("values", "absent"),
    [
        ({"utilization": 0xFFFFFFFF}, {"utilization"}),
        ({"utilization": 101}, {"utilization"}),
        ({"used": -1}, {"memory_used", "memory_utilization"}),
        ({"total": -1}, {"memory_used", "memory_total", "memory_utilization"}),
        ({"total": 0, "used": 0}, {"memory_used", "memory_total", "memory_utilization"}),
        ({"power_instant": 0xFFFFFFFF}, {"power"}),
        ({"energy": -1}, {"energy"}),
        ({"temperature": 0x7FFFFFFF}, {"temperature"}),
    ],
)
def test_number_that_cannot_be_true_is_absent(
    fake_nvml: FakeDriver, source: NvmlSource, values: dict[str, int], absent: set[str]
) -> None:
    """NVML's "not available" is a very large number in some places."""
    fake_nvml.set(0, **values)
    (reading,) = read(source)
    assert _absent(reading) == absent


def test_name_and_driver_version_may_be_unknown(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """The device is known by its UUID alone."""
    for function in ("nvmlDeviceGetSerial", "nvmlDeviceGetVbiosVersion", "nvmlDeviceGetPciInfo_v3"):
        fake_nvml.inject(function, NOT_SUPPORTED)
    fake_nvml.inject("nvmlDeviceGetName", NOT_SUPPORTED)
    fake_nvml.inject("nvmlSystemGetDriverVersion", UNKNOWN)
    (reading,) = read(source)
    assert dict(reading.identity.attributes) == {"hw.id": uuid(0), "hw.vendor": "NVIDIA"}


def test_name_that_is_no_text(fake_nvml: FakeDriver, source: NvmlSource) -> None:
    """A damaged name costs the name and nothing else."""
    fake_nvml.set_text(0, name="NVIDIA \udcff")
    (reading,) = read(source)
    assert reading.identity.name is None
    assert _absent(reading) == set()


def test_binding_of_an_older_release(
    fake_nvml: FakeDriver, source: NvmlSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the installed nvidia-ml-py has no function for is asked in the older way."""
    monkeypatch.delattr("pynvml.nvmlDeviceGetTemperatureV", raising=False)  # the oldest release lacks it
    fake_nvml.set(0, temperature=66)
    (reading,) = read(source)
    assert reading.temperature == 66.0


def test_field_array_has_a_spare_entry() -> None:
    """Drivers were seen to write one entry past the end."""
    assert len(Binding.load().field_array(2)) == 3
