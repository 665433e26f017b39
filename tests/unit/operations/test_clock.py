"""Readings of the steady clock as points in time."""

import time
from collections.abc import Iterator

import pytest

from paddle_otel.operations import clock


class Clocks:
    """A wall clock and a steady clock, in nanoseconds, that a test reads in the order it wrote."""

    def __init__(self, readings: list[int]) -> None:
        self._readings: Iterator[int] = iter(readings)
        self.left = len(readings)

    def perf_counter_ns(self) -> int:
        """Return the next reading."""
        self.left -= 1
        return next(self._readings)

    time_ns = perf_counter_ns


def read(monkeypatch: pytest.MonkeyPatch, readings: list[int]) -> Clocks:
    """Let the module read these, turn by turn."""
    clocks = Clocks(readings)
    monkeypatch.setattr(clock, "time", clocks)
    return clocks


def test_a_reading_of_before() -> None:
    """A reading of 50 ms ago is 50 ms before now."""
    reading, wall = time.perf_counter_ns(), time.time_ns()
    time.sleep(0.05)
    assert clock.unix_ns(reading) == pytest.approx(wall, abs=20_000_000)


def test_from_the_middle_between_two_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock is taken to be read half-way between the readings of the steady one around it."""
    clocks = read(monkeypatch, [1_000, 5_000_000, 2_000])
    assert clock.unix_ns(500) == 5_000_000 - 1_000
    assert clocks.left == 0


def test_clocks_that_were_read_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another thread ran between the clocks, both are read again."""
    read(monkeypatch, [0, 5_000_000, 9_000_000, 9_000_100, 14_000_200, 9_000_300])
    assert clock.unix_ns(9_000_000) == 14_000_000


def test_it_does_not_try_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine where the clocks cannot be read together, the last readings count."""
    clocks = read(monkeypatch, [0, 7, 10**6] * 3 + [0, 10**9, 10**6])
    assert clock.unix_ns(0) == 10**9 - 500_000
    assert clocks.left == 0
