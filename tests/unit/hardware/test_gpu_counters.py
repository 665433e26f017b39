"""Counters of GPUs that restart or wrap."""

import pytest

from fake_nvml.driver import FakeDriver
from fake_nvml.scenarios import restart_counters
from fake_nvml.sources import Clock
from gpu_readings import read_one
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.source import NvmlSource

UNSIGNED_INT = 1
UNSIGNED_LONG_LONG = 3
NOT_SUPPORTED = 3


def _counters(reading: GpuReading) -> dict[str, float]:
    values = {
        "energy": reading.energy,
        "pcie receive": reading.state.pcie.received,
        "pcie transmit": reading.state.pcie.transmitted,
        "nvlink receive": reading.nvlink.received,
        "nvlink transmit": reading.nvlink.transmitted,
        **reading.throttle_time,
        **reading.health.errors,
    }
    known = {name: value for name, value in values.items() if value is not None}
    assert len(known) == len(values) == 15
    return known


def test_driver_that_is_reloaded(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """Every counter goes on from where it was; the errors of the board's life were never reset."""
    before = _counters(read_one(source))
    fake_nvml.reload()
    restart_counters(fake_nvml, 0)
    assert source.read() is None
    clock.now += 60.0
    assert _counters(read_one(source)) == before
    fake_nvml.add(0, energy=1_500, pcie_tx_bytes=1, pcie_rx_bytes=2, nvlink_tx=3, nvlink_rx=4)
    fake_nvml.add(0, throttled_power=10**10, throttled_hw_thermal=2 * 10**9, pcie_replay=5, ecc_corrected_aggregate=6)
    clock.now += 60.0
    grown = {name: value - before[name] for name, value in _counters(read_one(source)).items() if value != before[name]}
    assert grown == {
        "energy": 1.5,
        "pcie transmit": 1,
        "pcie receive": 2,
        "nvlink transmit": 3 * 1024,
        "nvlink receive": 4 * 1024,
        "sw_power_cap": 10.0,
        "hw_thermal": 2.0,
        "pcie_replay": 5,
        "corrected": 6,
    }


@pytest.mark.usefixtures("fake_nvml")
def test_types_of_counters(source: NvmlSource) -> None:
    """Bytes and errors are whole numbers, joules and seconds are not."""
    counters = _counters(read_one(source))
    whole = {name for name, value in counters.items() if isinstance(value, int)}
    assert whole == {
        *("pcie receive", "pcie transmit", "nvlink receive", "nvlink transmit"),
        *("corrected", "uncorrected", "pcie_replay"),
    }


def test_replay_counter_wraps(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """It has 32 bits."""
    fake_nvml.set(0, pcie_replay=2**32 - 3)
    assert read_one(source).health.errors["pcie_replay"] == 2**32 - 3
    fake_nvml.add(0, bits=32, pcie_replay=5)
    clock.now += 30.0
    assert read_one(source).health.errors["pcie_replay"] == 2**32 + 2


@pytest.mark.parametrize("value_type", [UNSIGNED_INT, UNSIGNED_LONG_LONG])
def test_pcie_counter_of_32_bits_is_not_used(fake_nvml: FakeDriver, source: NvmlSource, value_type: int) -> None:
    """It would wrap several times between two readings."""
    fake_nvml.set_field(0, 197, 1234, value_type)
    expected = 1234 if value_type == UNSIGNED_LONG_LONG else None
    assert read_one(source).state.pcie.transmitted == expected
    assert read_one(source).state.pcie.received == 60_000_000_000


def test_energy_by_its_own_call_is_the_same_counter(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """A driver that answers the field no longer answers the call, and nothing is counted twice."""
    fake_nvml.set(0, energy=10_000)
    assert read_one(source).energy == 10.0
    fake_nvml.inject("field:83", NOT_SUPPORTED)
    fake_nvml.add(0, energy=500)
    clock.now += 1.0
    assert read_one(source).energy == 10.5


def test_counter_that_is_unknown_for_a_while(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """It is absent, then it is where it would be had it never been."""
    assert read_one(source).energy == 1000.0
    fake_nvml.inject("field:83", 999)
    clock.now += 1.0
    assert read_one(source).energy is None
    fake_nvml.heal()
    fake_nvml.add(0, energy=2_000)
    clock.now += 1.0
    assert read_one(source).energy == 1002.0


def test_pcie_counter_that_wraps(fake_nvml: FakeDriver, source: NvmlSource, clock: Clock) -> None:
    """The header says that it can: at 32 bits, where it stays below."""
    fake_nvml.set(0, pcie_tx_bytes=2**32 - 10, pcie_rx_bytes=2**40)
    assert read_one(source).state.pcie.transmitted == 2**32 - 10
    fake_nvml.set(0, pcie_tx_bytes=5, pcie_rx_bytes=7)
    clock.now += 10.0
    pcie = read_one(source).state.pcie
    assert (pcie.transmitted, pcie.received) == (2**32 + 5, 2**40 + 7)
