"""Counters that never go back."""

import random

import pytest

from paddle_otel.hardware.monotonic import BITS_32, MOST_DEVICES, Counters, CountersByDevice, Monotonic


def test_first_value_is_where_it_starts() -> None:
    """What the device counted before is part of it."""
    assert [Monotonic().add(0), Monotonic().add(7)] == [0, 7]


def test_growth_is_added() -> None:
    """As long as it does not go back it shows what the device shows."""
    counter = Monotonic()
    assert [counter.add(raw) for raw in (5, 5, 8, 2**70)] == [5, 5, 8, 2**70]


@pytest.mark.parametrize("bits", [None, BITS_32])
def test_going_back_is_a_restart_at_0(bits: int | None) -> None:
    """What it shows then was counted since."""
    counter = Monotonic(bits)
    assert [counter.add(raw) for raw in (100, 3, 5, 0, 1)] == [100, 103, 105, 105, 106]


def test_wrap_of_32_bits() -> None:
    """From the upper half to the lower one: through the end, more than once if need be."""
    counter = Monotonic(BITS_32)
    raws = (2**32 - 2, 3, 2**31, 1)
    assert [counter.add(raw) for raw in raws] == [2**32 - 2, 2**32 + 3, 2**32 + 2**31, 2 * 2**32 + 1]


def test_same_numbers_are_a_restart_where_the_counter_has_more_bits() -> None:
    """Nothing says that it wraps there."""
    counter = Monotonic()
    assert [counter.add(raw) for raw in (2**32 - 2, 3)] == [2**32 - 2, 2**32 + 1]


@pytest.mark.parametrize("last", [2**31 - 1, 2**32, 2**40])
def test_what_is_no_wrap_is_a_restart(last: int) -> None:
    """The last value was in the lower half, or beyond the range of a counter that wraps."""
    counter = Monotonic(BITS_32)
    counter.add(last)
    assert counter.add(3) == last + 3


@pytest.mark.parametrize("bits", [None, BITS_32])
def test_going_back_a_little_is_no_growth(bits: int | None) -> None:
    """Neither is the way back up; what comes then is."""
    counter = Monotonic(bits)
    raws = (2**32 - 1, 2**32 - 2, 2**32 - 1, 2**31 + 1, 2**31 + 4)
    assert [counter.add(raw) - 2**32 for raw in raws] == [-1, -1, -1, -1, 2]


@pytest.mark.parametrize("wrong", [0, 1, 4_000, 4_999_999_999])
def test_counter_that_goes_back_and_comes_back(wrong: int) -> None:
    """What it had counted before is not counted again; what it counted meanwhile is."""
    counter = Monotonic()
    assert counter.add(5_000_000_000) == 5_000_000_000
    assert counter.add(wrong) <= 5_000_004_000
    assert counter.add(wrong) <= 5_000_004_000
    assert [counter.add(5_000_010_000), counter.add(5_000_010_007)] == [5_000_010_000, 5_000_010_007]
    assert counter.breaks == 2


def test_counter_that_goes_back_twice_before_it_comes_back() -> None:
    """Each step back is remembered."""
    counter = Monotonic()
    shown = [counter.add(raw) for raw in (10**9, 10**6, 10**3, 0, 10**9 + 10**7)]
    assert shown[-1] == 10**9 + 10**7


def test_counter_that_really_began_anew_grows_past_where_it_was() -> None:
    """Step by step, so every step counts."""
    counter = Monotonic()
    for raw in (5_000, *range(0, 10_001, 100)):
        counter.add(raw)
    assert counter.add(10_000) == 15_000
    assert counter.breaks == 1


def test_few_errors_after_a_reset_are_new_ones() -> None:
    """As many as before it, for instance."""
    counter = Monotonic()
    assert [counter.add(raw) for raw in (3, 0, 3)] == [3, 3, 6]


def test_less_than_0_is_no_value() -> None:
    """It changes nothing."""
    counter = Monotonic()
    assert [counter.add(raw) for raw in (5_000_000, -1, 5_000_001)] == [5_000_000, 5_000_000, 5_000_001]
    assert counter.breaks == 0


def test_growth_that_is_too_fast_is_no_growth() -> None:
    """Up to the given pace it is, over the whole time since the value before; and the first value may be anything."""
    counter = Monotonic()

    def add(raw: int, now: float) -> int:
        return counter.add(raw, now=now, fastest=1_000)

    assert [add(9_000_000, 10.0), add(9_001_000, 11.0), add(9_002_001, 12.0)] == [9_000_000, 9_001_000, 9_001_000]
    assert counter.breaks == 1
    assert [add(9_022_001, 32.0), add(2**62, 33.0)] == [9_021_000, 9_021_000]
    assert [add(9_022_500, 34.0), add(9_022_600, 35.0)] == [9_021_000, 9_021_100]


def test_two_values_at_once_are_judged_as_a_second_apart() -> None:
    """The counter may be refreshed less often than it is read."""
    counter = Monotonic()
    counter.add(0, now=5.0, fastest=1_000)
    assert counter.add(1_000, now=5.0, fastest=1_000) == 1_000


def test_never_goes_back_whatever_comes() -> None:
    """Random values, restarts and wraps."""
    for seed in range(200):
        numbers = random.Random(seed)  # noqa: S311 - nothing secret
        counter = Monotonic(numbers.choice([None, BITS_32]))
        shown = [
            counter.add(numbers.choice([0, 1, numbers.getrandbits(32), numbers.getrandbits(64)])) for _ in range(50)
        ]
        assert shown == sorted(shown)


def test_sum_of_growth_of_a_wrapping_counter_is_exact() -> None:
    """What was really counted comes out, as long as less than half a round is between two values."""
    numbers = random.Random(1)  # noqa: S311 - nothing secret
    counter, real = Monotonic(BITS_32), 0
    for _ in range(1000):
        real += numbers.randrange(2**31)
        assert counter.add(real % 2**32) == real


def test_counters_of_a_device_are_apart() -> None:
    """By their names; a name keeps its first width."""
    counters = Counters()
    assert counters.add("a", 2**32 - 1, BITS_32) == 2**32 - 1
    assert counters.add("b", 5) == 5
    assert counters.add("a", 0, BITS_32) == 2**32
    assert counters.add("b", 4) == 9


def test_devices_are_apart_and_remembered() -> None:
    """Each has its counters, the same ones every time."""
    devices = CountersByDevice()
    assert devices.of("x").add("a", 5) == 5
    assert devices.of("y").add("a", 1) == 1
    assert devices.of("x").add("a", 2) == 7


def test_number_of_remembered_devices_is_bounded() -> None:
    """The first one goes first."""
    devices = CountersByDevice()
    first, second = devices.of("0"), devices.of("1")
    for number in range(2, MOST_DEVICES + 1):
        devices.of(str(number))
    assert devices.of("1") is second
    assert devices.of("0") is not first
