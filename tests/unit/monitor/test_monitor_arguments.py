"""What a monitor accepts, and the words in which it refuses the rest."""

import functools
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from paddle_otel.monitor import GPUMonitor, activity


@pytest.mark.parametrize("interval", [0, -1, 0.05, math.nan, math.inf, True, "1", None])
def test_an_interval_that_cannot_be(interval: Any) -> None:
    """A driver has no newer values than every tenth of a second."""
    with pytest.raises(ValueError, match=r"interval=.*: expected seconds between two samples, at least 0\.1"):
        GPUMonitor(0, interval)


@pytest.mark.parametrize("device_id", [-1, "", "cpu", "gpu:", "gpu:x", "GPU-", "0,1", [0, "no"], "-1", "0.5"])
def test_a_device_that_cannot_be(device_id: Any) -> None:
    """The message says what is expected."""
    with pytest.raises(ValueError, match=r"device_id=.*: expected a number from 0, 'gpu:0', or a UUID"):
        GPUMonitor(device_id)


@pytest.mark.parametrize("device_id", [True, 1.0, [None], [0, [1]], [b"0"]])
def test_a_device_of_another_type(device_id: Any) -> None:
    """The message says what is expected; a list is asked for each of its devices."""
    with pytest.raises(TypeError, match="a device is a number"):
        GPUMonitor(device_id)


def test_no_device_at_all() -> None:
    """An empty list is a mistake; all is None."""
    with pytest.raises(ValueError, match="device_id is empty"):
        GPUMonitor([])


@pytest.mark.parametrize("history", [0, -5, 1.5, True, "10", None])
def test_a_history_that_cannot_be(history: Any) -> None:
    """At least one sample is kept."""
    with pytest.raises(ValueError, match=r"history=.*: expected how many samples are kept"):
        GPUMonitor(0, history=history)


def test_a_file_without_a_format(tmp_path: Path) -> None:
    """Nothing is made, at once."""
    with pytest.raises(ValueError, match=r"gpu\.txt'.*\.csv or \.jsonl"):
        GPUMonitor(0, log_to=tmp_path / "gpu.txt")
    with pytest.raises(ValueError, match=r"\.csv or \.jsonl"):
        GPUMonitor(0).save(str(tmp_path / "gpu"))
    for size, backups in ((10, 3), (4096, -1)):
        with pytest.raises(ValueError, match="log_max_bytes must be at least 4096, log_backups at least 0"):
            GPUMonitor(0, log_to=tmp_path / "gpu.csv", log_max_bytes=size, log_backups=backups)
    assert list(tmp_path.iterdir()) == []


def test_an_activity_above_what_does_not_run_when_it_is_called() -> None:
    """Its time would be that of making an object."""

    async def later() -> None: ...

    def piece_by_piece() -> Iterator[int]:
        yield 1

    async def both() -> AsyncIterator[int]:
        yield 1

    functions = (later, piece_by_piece, both)
    for function in (*functions, *map(functools.partial, functions)):
        with pytest.raises(TypeError, match=r"activity\('x'\) above .*: calling it does not run it yet"):
            activity("x")(function)


def test_an_activity_above_a_function() -> None:
    """The function stays what it is: its name, its arguments, its result, its errors."""

    @activity("x")
    def double(number: int, *, fail: bool = False) -> int:
        """Return twice as much."""
        if fail:
            raise LookupError
        return 2 * number

    assert double(21) == 42
    assert (double.__name__, double.__doc__) == ("double", "Return twice as much.")
    with pytest.raises(LookupError):
        double(1, fail=True)


@pytest.mark.parametrize("kind", ["", "  ", "idle", None, 7])
def test_an_activity_without_a_name(kind: Any) -> None:
    """Idle is what is left, so nobody can say it."""
    with pytest.raises(ValueError, match="expected a name such as 'forward'"):
        activity(kind)
