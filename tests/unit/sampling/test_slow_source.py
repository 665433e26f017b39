"""A device whose driver takes long, but answers."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from fake_nvml.sources import ScriptedSource, eventually, sampler_threads
from paddle_otel.sampling import worker
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.worker import Slot

STALE: float = 0.1
SLOW: float = 0.3
"""Seconds that a read takes: three times what a driver that hangs is given."""


class SlowSource(ScriptedSource):
    """Takes a number of seconds for each read."""

    seconds: float = SLOW

    def __init__(self, name: str = "slow") -> None:
        super().__init__(name)
        self.threads: set[int | None] = set()

    def read(self) -> int:
        """Note the thread, sleep, and return how often it was read."""
        self.threads.update(thread.ident for thread in sampler_threads())
        time.sleep(self.seconds)
        return super().read()


@pytest.fixture
def slow() -> Iterator[SlowSource]:
    """Answers late."""
    slow = SlowSource()
    yield slow
    slow.seconds = 0.0
    slow.answer()


@pytest.fixture
def sampler(slow: SlowSource) -> Iterator[Sampler]:
    """Samples a slow and a fast source."""
    sampler = Sampler(lambda: [slow, ScriptedSource("fast")], stale_after=STALE)
    sampler.start("test", interval=0.02)
    yield sampler
    slow.seconds = 0.0
    slow.answer()
    sampler.stop("test")
    assert eventually(lambda: sampler_threads() == [])


def _names(sampler: Sampler) -> list[str]:
    snapshot = sampler.latest()
    return list(snapshot.readings) if snapshot else []


def test_its_readings_arrive_and_stay(sampler: Sampler, slow: SlowSource) -> None:
    """Its next reads are waited for, by one and the same thread, and no collection in between finds nothing."""
    assert eventually(lambda: _names(sampler) == ["slow", "fast"])
    slow.threads.clear()
    reads = slow.reads
    while slow.reads < reads + 4:
        assert _names(sampler) == ["slow", "fast"]
        time.sleep(0.01)
    assert len(slow.threads) == 1


def test_the_others_do_not_wait_for_a_hang(sampler: Sampler, slow: SlowSource) -> None:
    """Also one that is known to be slow is given up at last."""
    assert eventually(lambda: _names(sampler) == ["slow", "fast"])
    slow.hang()
    assert eventually(lambda: _names(sampler) == ["fast"])
    slow.answer()
    assert eventually(lambda: _names(sampler) == ["slow", "fast"])


def test_patience_is_that_of_the_last_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as long as it took, a failed one too, and bounded: one long read does not excuse a later hang."""
    source = SlowSource()
    slot = Slot(source)
    assert slot.patience == 0.0
    source.seconds = 0.05
    slot.read()
    assert 0.1 <= slot.patience < 1.0
    source.seconds = 0.0
    slot.read()
    assert slot.patience < 0.05
    monkeypatch.setattr(worker, "LONGEST_PATIENCE", 0.02)
    source.seconds = 0.05
    slot.read()
    assert slot.patience == 0.02


def test_a_failed_read_that_took_long_is_waited_for(telemetry_trouble: Any) -> None:
    """A driver that answers with an error does not hang."""
    telemetry_trouble.expected = True
    source = SlowSource()
    source.seconds, source.error = 0.05, OSError()
    slot = Slot(source)
    slot.read()
    assert slot.patience >= 0.1
