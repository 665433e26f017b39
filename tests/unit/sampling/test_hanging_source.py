"""A device whose driver does not answer."""

import logging
import time
from collections.abc import Iterator

import pytest

from fake_nvml.sources import ScriptedSource, eventually, sampler_threads
from paddle_otel.sampling.sampler import Sampler

STALE: float = 0.2


@pytest.fixture
def hanging() -> Iterator[ScriptedSource]:
    """A source that a test lets hang."""
    source = ScriptedSource("hanging")
    yield source
    source.answer()


@pytest.fixture
def healthy() -> ScriptedSource:
    """A source that always answers."""
    return ScriptedSource("healthy")


@pytest.fixture
def sampler(hanging: ScriptedSource, healthy: ScriptedSource) -> Iterator[Sampler]:
    """Samples both, the hanging one first."""
    sampler = Sampler(lambda: [hanging, healthy], stale_after=STALE)
    sampler.start("test", interval=0.01)
    assert eventually(sampler.latest)
    yield sampler
    hanging.answer()
    sampler.stop("test")
    assert eventually(lambda: sampler_threads() == [])


def _names(sampler: Sampler) -> list[str]:
    snapshot = sampler.latest()
    return list(snapshot.readings) if snapshot else []


def test_asking_hardly_waits(sampler: Sampler, hanging: ScriptedSource) -> None:
    """A collection goes on whatever the driver does; the one that finds the hang waits for one sample of the others."""
    hanging.hang()
    assert eventually(lambda: hanging.inside)
    waits: list[float] = []
    for _ in range(50):
        before = time.monotonic()
        sampler.latest()
        waits.append(time.monotonic() - before)
        time.sleep(STALE / 20)
    assert sorted(waits)[len(waits) // 2] < 0.1


def test_series_go_stale_and_do_not_freeze(hanging: ScriptedSource) -> None:
    """What was read before the hang is shown for a short while only."""
    sampler = Sampler(lambda: [hanging], stale_after=STALE)
    sampler.start("test", interval=0.01)
    assert eventually(sampler.latest)
    hanging.hang()
    assert eventually(lambda: hanging.inside)
    assert sampler.latest() is not None
    assert eventually(lambda: sampler.latest() is None, timeout=STALE + 1)
    time.sleep(STALE)
    assert "hanging" not in _names(sampler)
    hanging.answer()
    assert eventually(lambda: "hanging" in _names(sampler))
    sampler.stop("test")


def test_other_sources_go_on(sampler: Sampler, hanging: ScriptedSource, healthy: ScriptedSource) -> None:
    """A new thread takes them over; there is one extra thread and no more."""
    hanging.hang()
    assert eventually(lambda: _names(sampler) == ["healthy"])
    reads = healthy.reads
    assert eventually(lambda: healthy.reads > reads + 20)
    assert _names(sampler) == ["healthy"]
    assert len(sampler_threads()) == 2


class _Unhurried(ScriptedSource):
    def read(self) -> int:
        time.sleep(0.02)
        return super().read()


def test_first_question_after_a_hang_has_the_other_sources(hanging: ScriptedSource) -> None:
    """Between two exports a minute apart nobody asks; the export that finds the hang misses only what hangs."""
    sampler = Sampler(lambda: [hanging, _Unhurried("healthy")], stale_after=STALE)
    sampler.start("test", interval=0.01)
    assert eventually(sampler.latest)
    hanging.hang()
    assert eventually(lambda: hanging.inside)
    time.sleep(3 * STALE)
    assert _names(sampler) == ["healthy"]
    hanging.answer()
    sampler.stop("test")


def test_data_comes_back_when_the_driver_answers(sampler: Sampler, hanging: ScriptedSource) -> None:
    """The thread that hung ends, the other one takes the device back."""
    hanging.hang()
    assert eventually(lambda: _names(sampler) == ["healthy"])
    hanging.answer()
    assert eventually(lambda: _names(sampler) == ["hanging", "healthy"])
    assert eventually(lambda: len(sampler_threads()) == 1)


def test_threads_are_bounded_when_everything_hangs(
    sampler: Sampler, hanging: ScriptedSource, healthy: ScriptedSource
) -> None:
    """One per source that does not answer, and one that waits for them."""
    hanging.hang()
    healthy.hang()
    deadline = time.monotonic() + 6 * STALE
    while time.monotonic() < deadline:
        sampler.latest()
        assert len(sampler_threads()) <= 3
        time.sleep(0.01)
    assert sampler.latest() is None or _names(sampler) == []
    healthy.answer()
    assert eventually(lambda: "healthy" in _names(sampler))


def test_hang_is_logged_once(sampler: Sampler, hanging: ScriptedSource, caplog: pytest.LogCaptureFixture) -> None:
    """The line names the source, says what still works and what to look at."""
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        for _ in range(2):
            hanging.hang()
            assert eventually(lambda: _names(sampler) == ["healthy"])
            hanging.answer()
            assert eventually(lambda: "hanging" in _names(sampler))
    assert len(caplog.records) == 1
    assert "hanging has not answered" in caplog.text
    assert "all others go on" in caplog.text


def test_stopping_does_not_wait_for_it(hanging: ScriptedSource, healthy: ScriptedSource) -> None:
    """The device is closed by the thread that hangs in it, as soon as it returns, and by nobody before."""
    sampler = Sampler(lambda: [hanging, healthy], stale_after=STALE)
    sampler.start("test", interval=0.01)
    hanging.hang()
    assert eventually(lambda: hanging.inside)
    before = time.monotonic()
    sampler.stop("test")
    assert time.monotonic() - before < 30  # it hangs until it is answered
    assert hanging.closes == 0
    hanging.answer()
    assert eventually(lambda: hanging.closes == 1)
    assert eventually(lambda: sampler_threads() == [])


def test_stopping_after_another_thread_took_over(hanging: ScriptedSource, healthy: ScriptedSource) -> None:
    """The device is closed then, too, when its driver answers."""
    sampler = Sampler(lambda: [hanging, healthy], stale_after=STALE)
    sampler.start("test", interval=0.01)
    hanging.hang()
    assert eventually(lambda: _names(sampler) == ["healthy"])
    sampler.stop("test")
    assert (hanging.closes, healthy.closes) == (0, 1)
    hanging.answer()
    assert eventually(lambda: hanging.closes == 1)
    assert eventually(lambda: sampler_threads() == [])


def test_restart_while_it_hangs(hanging: ScriptedSource, healthy: ScriptedSource) -> None:
    """Two threads are never inside a source at a time; the data comes when the old call returns."""
    sampler = Sampler(lambda: [hanging, healthy], stale_after=STALE)
    sampler.start("test", interval=0.01)
    hanging.hang()
    assert eventually(lambda: hanging.inside)
    reads = hanging.reads
    sampler.stop("test")
    sampler.start("test", interval=0.01)
    assert eventually(lambda: _names(sampler) == ["healthy"])
    assert hanging.reads == reads
    hanging.answer()
    assert eventually(lambda: "hanging" in _names(sampler))
    sampler.stop("test")
