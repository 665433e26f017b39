"""What a restart makes anew, and what it keeps."""

from collections.abc import Iterator
from typing import Any

import pytest

from fake_nvml.sources import ScriptedSource, eventually, sampler_threads
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.worker import Slot

STALE: float = 0.2


class Sources:
    """Makes two sources at each start, and remembers all."""

    def __init__(self) -> None:
        self.first: list[ScriptedSource] = []
        self.second: list[ScriptedSource] = []

    def make(self) -> list[ScriptedSource]:
        """Return sources with the settings of now."""
        self.first.append(ScriptedSource("first"))
        self.second.append(ScriptedSource("second"))
        return [self.first[-1], self.second[-1]]


@pytest.fixture
def sources() -> Iterator[Sources]:
    """Of the sampler; they answer at the end."""
    sources = Sources()
    yield sources
    for source in (*sources.first, *sources.second):
        source.answer()


@pytest.fixture
def sampler(sources: Sources) -> Iterator[Sampler]:
    """Not started."""
    sampler = Sampler(sources.make, stale_after=STALE)
    yield sampler
    for source in (*sources.first, *sources.second):
        source.answer()
    sampler.stop("test")
    assert eventually(lambda: sampler_threads() == [])


def test_sources_are_made_anew(sampler: Sampler, sources: Sources) -> None:
    """With the settings of then; the old ones are closed and not read again. A second owner changes nothing."""
    for start in (1, 2, 3):
        sampler.start("test", interval=0.01)
        sampler.start("other", interval=0.01)
        assert len(sources.first) == start
        assert eventually(lambda start=start: len(sources.second) == start and sources.second[-1].reads > 2)
        sampler.stop("other")
        sampler.stop("test")
        assert [source.closes for source in sources.first] == [1] * start
        assert [source.closes for source in sources.second] == [1] * start
    reads = [source.reads for source in sources.first]
    sampler.start("test", interval=0.01)
    assert eventually(lambda: len(sources.first) == 4 and sources.first[-1].reads > 2)
    assert [source.reads for source in sources.first[:3]] == reads


def test_one_in_which_a_thread_hangs_is_kept(sampler: Sampler, sources: Sources) -> None:
    """Nobody enters that driver beside it; the other is closed and made anew, and the kept one gives data at last."""
    sampler.start("test", interval=0.01)
    assert eventually(sampler.latest)
    sources.first[0].hang()
    assert eventually(lambda: sources.first[0].inside)
    sampler.stop("test")  # before anybody else took over
    sampler.start("test", interval=0.01)
    assert eventually(lambda: sources.second[1].reads > 2 and sampler.latest())
    assert sources.first[1].reads == 0
    assert (sources.first[0].closes, sources.second[0].closes) == (0, 1)
    sources.first[0].answer()
    assert eventually(lambda: "first" in getattr(sampler.latest(), "readings", {}))
    assert sources.first[1].reads == 0
    assert sources.second[0].closes == 1
    sampler.stop("test")
    sampler.start("test", interval=0.01)
    assert eventually(lambda: sources.first[2].reads > 2)
    assert sources.second[1].closes == 1


def test_what_was_counted_is_counted_on(sampler: Sampler, sources: Sources, telemetry_trouble: Any) -> None:
    """A counter does not fall, and the last success does not become unknown."""
    telemetry_trouble.expected = True
    sampler.start("test", interval=3600.0)
    assert eventually(lambda: sources.second[0].reads == 1)
    success = sampler.sources[1].last_success
    sources.first[0].error = OSError()
    sampler.start("test", interval=0.01)
    assert eventually(lambda: sources.first[0].reads >= 4)
    sampler.stop("test")
    errors = sampler.sources[0].errors
    assert errors == sources.first[0].reads - 1
    sampler.start("test", interval=3600.0)
    assert eventually(lambda: sources.second[1].reads == 1)
    assert [slot.errors for slot in sampler.sources] == [errors, 0]
    assert success is not None
    assert (sampler.sources[1].last_success or 0) > success
    assert sampler.sources[0].last_success is not None


def test_errors_that_a_source_counts_itself(telemetry_trouble: Any) -> None:
    """Come on top of failed reads, of this source and of those before it; what is no number is left out."""
    telemetry_trouble.expected = True
    source: Any = ScriptedSource()
    slot = Slot(source)
    assert slot.errors == 0
    source.errors = 3
    source.error = OSError()
    slot.read()
    assert slot.errors == 4
    after: Any = ScriptedSource()
    after.errors = 2
    assert Slot(after, slot).errors == 6
    source.errors = "many"
    assert slot.errors == 1


def test_the_last_success_is_known_before_the_first_read() -> None:
    """Of the source before; it is absent only where nothing ever answered."""
    slot = Slot(ScriptedSource())
    assert Slot(ScriptedSource(), slot).last_success is None
    slot.read()
    assert slot.last_success is not None
    assert Slot(ScriptedSource(), slot).last_success == slot.last_success


def test_readings_without_anything_in_them_are_no_success() -> None:
    """A source that answers without knowing anything would look healthy for ever."""

    class Empty(ScriptedSource):
        def read(self) -> Any:
            super().read()
            return ()

    slot = Slot(Empty())
    assert slot.read() == ()
    assert slot.last_success is None
    assert slot.errors == 0
