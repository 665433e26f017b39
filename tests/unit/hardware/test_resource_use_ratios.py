"""Tokens per second of GPU time and energy per token, by hand, and absent where they cannot be told."""

from typing import Any

import pytest

from paddle_otel.hardware.resource_use_ratios import ratios

TIME = "paddle.gpu.time"
ENERGY = "paddle.gpu.energy"
SAMPLED = "paddle.gpu.sampled_duration"
PER_SECOND = "paddle.gpu.tokens_per_second"
PER_TOKEN = "paddle.gpu.energy_per_token"


def test_all_of_the_time_is_known() -> None:
    """Plain ratios, as floats."""
    found = ratios({TIME: 2.0, ENERGY: 50.0, SAMPLED: 4.0, "paddle.gpu.ids": ("GPU-0",)}, 100, 4.0)
    assert found == {PER_SECOND: 50.0, PER_TOKEN: 0.5}
    assert [type(value) for value in found.values()] == [float, float]


def test_part_of_the_time_is_known() -> None:
    """The tokens of that part: three quarters of 100."""
    assert ratios({TIME: 1.5, ENERGY: 37.5, SAMPLED: 3.0}, 100, 4.0) == {PER_SECOND: 50.0, PER_TOKEN: 0.5}


def test_clocks_that_differ_a_little() -> None:
    """More than all of the time is all of it."""
    assert ratios({TIME: 2.0, SAMPLED: 4.1}, 100, 4.0) == {PER_SECOND: 50.0}


@pytest.mark.parametrize(
    ("used", "tokens", "seconds"),
    [
        ({}, 100, 4.0),
        ({TIME: 2.0, ENERGY: 50.0}, 100, 4.0),
        ({SAMPLED: 4.0}, 100, 4.0),
        ({TIME: 2.0, ENERGY: 50.0, SAMPLED: 1.9}, 100, 4.0),  # less than half is known
        ({TIME: 2.0, ENERGY: 50.0, SAMPLED: 4.0}, 0, 4.0),
        ({TIME: 2.0, ENERGY: 50.0, SAMPLED: 4.0}, -1, 4.0),
        ({TIME: 2.0, ENERGY: 50.0, SAMPLED: 4.0}, 100, 0.0),
        ({TIME: 0.0, ENERGY: 0.0, SAMPLED: 4.0}, 100, 4.0),
        ({TIME: "2", SAMPLED: "4"}, 100, 4.0),
    ],
)
def test_not_known(used: Any, tokens: int, seconds: float) -> None:
    """Absent."""
    assert ratios(used, tokens, seconds) == {}


@pytest.mark.parametrize(("known", "key"), [(TIME, PER_SECOND), (ENERGY, PER_TOKEN)])
def test_one_of_both(known: str, key: str) -> None:
    """Each by itself."""
    assert list(ratios({known: 2.0, SAMPLED: 4.0}, 100, 4.0)) == [key]


def test_arguments_are_left_alone() -> None:
    """What was used stays as it was."""
    used: dict[str, Any] = {TIME: 2.0, SAMPLED: 4.0}
    ratios(used, 1, 4.0)
    assert used == {TIME: 2.0, SAMPLED: 4.0}
