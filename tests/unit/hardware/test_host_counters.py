"""Counters that never go back."""

from paddle_otel.hardware.kernel_counters import KernelCounters


def test_as_they_are() -> None:
    """Counters that only grow are given unchanged, from the first value on."""
    counters = KernelCounters()
    assert counters.follow((5, 0)) == (5, 0)
    assert counters.follow((7, 2**63)) == (7, 2**63)


def test_wavering_counter_stands_still() -> None:
    """Until it has passed its highest value; nothing is added that did not happen."""
    counters = KernelCounters()
    values = [counters.follow((raw,))[0] for raw in (100, 98, 99, 100, 101, 99, 103)]
    assert values == [100, 100, 100, 100, 101, 101, 103]


def test_counter_that_begins_anew_goes_on() -> None:
    """From where it was, with what it grows by."""
    counters = KernelCounters()
    values = [counters.follow((raw,))[0] for raw in (100, 10, 15, 14, 30, 2, 3)]
    assert values == [100, 100, 105, 105, 120, 120, 121]


def test_counters_do_not_mix() -> None:
    """Each has its own past."""
    counters = KernelCounters()
    counters.follow((100, 1000))
    assert counters.follow((10, 1001)) == (100, 1001)
    assert counters.follow((11, 1002)) == (101, 1002)


def test_counter_that_is_unknown_for_a_while() -> None:
    """Is unknown then, and still does not go back afterwards."""
    counters = KernelCounters()
    assert counters.follow((100,)) == (100,)
    assert counters.follow((None,)) == (None,)
    assert counters.follow((99,)) == (100,)
    assert counters.follow((101,)) == (101,)


def test_another_thing_that_is_counted() -> None:
    """Its past is not added, whether it is higher or lower; also when it becomes known later."""
    counters = KernelCounters()
    assert counters.follow((100, 7), "a") == (100, 7)
    assert counters.follow((5000, None), "b") == (100, None)
    assert counters.follow((5003, 1), "b") == (103, 7)
    assert counters.follow((5004, 2), "b") == (104, 8)
    assert counters.follow((1, 2), "a") == (104, 8)
    assert counters.follow((2, 3), "a") == (105, 9)
