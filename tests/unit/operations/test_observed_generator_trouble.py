"""An observation that breaks costs nobody a value, and changes no exception."""

from collections.abc import Generator
from typing import Any

import pytest

from conftest import Trouble
from observed import raising
from paddle_otel.decorators.generators import observed_generator


class Watch:
    """Does nothing, where a test does not break it."""

    def enter(self) -> None:
        """Do nothing."""

    def leave(self) -> None:
        """Do nothing."""

    def gave(self, value: Any) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""

    def closed(self) -> None:
        """Do nothing."""

    def failed(self, error: BaseException) -> None:
        """Do nothing."""


def counting() -> Generator[int, None, int]:
    """Give two values, return a third."""
    yield 1
    yield 2
    return 3


@pytest.mark.parametrize("part", ["enter", "leave", "gave", "finished"])
def test_a_broken_observation(telemetry_trouble: Trouble, part: str) -> None:
    """An observation that raises is left out, and the generator gives what it gives."""
    telemetry_trouble.expected = True
    watch = Watch()
    setattr(watch, part, raising(RuntimeError("broken")))
    assert list(observed_generator(counting(), lambda: watch)) == [1, 2]
    assert telemetry_trouble.sites


def test_a_broken_close(telemetry_trouble: Trouble) -> None:
    """So it is where it is closed before its end."""
    telemetry_trouble.expected = True
    watch = Watch()
    setattr(watch, "closed", raising(RuntimeError("broken")))  # noqa: B010 - not assignable for pyright
    generator = observed_generator(counting(), lambda: watch)
    assert next(generator) == 1
    generator.close()
    assert list(generator) == []
    assert len(telemetry_trouble.sites) == 1


def test_a_broken_failure(telemetry_trouble: Trouble) -> None:
    """And where it fails: the program gets its own exception, which came from nowhere else."""
    telemetry_trouble.expected = True
    watch, error = Watch(), KeyError("mine")
    setattr(watch, "failed", raising(RuntimeError("broken")))  # noqa: B010 - not assignable for pyright
    generator = observed_generator(counting(), lambda: watch)
    assert next(generator) == 1
    with pytest.raises(KeyError) as caught:
        generator.throw(error)
    assert caught.value is error
    assert (error.__context__, error.__cause__) == (None, None)
    assert len(telemetry_trouble.sites) == 1


def test_an_observation_that_cannot_be_started(telemetry_trouble: Trouble) -> None:
    """It then goes unobserved."""
    telemetry_trouble.expected = True
    start = raising(RuntimeError("broken"))
    assert list(observed_generator(counting(), start)) == [1, 2]
    assert len(telemetry_trouble.sites) == 1
