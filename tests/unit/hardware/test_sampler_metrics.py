"""The sampler watching itself: ``paddle.sampler.*``."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_nvml.sources import ScriptedSource, eventually
from paddle_otel.conventions import sampler as self_metrics
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from recording import Recorder


class Watched:
    """Two sources without metrics of their own; the fast one comes second."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.recorder = recorder
        self.sources = [ScriptedSource("slow"), ScriptedSource("fast")]
        self.slow, self.fast = self.sources
        self.sampler = Sampler(lambda: self.sources, stale_after=0.2)
        kinds: list[DeviceKind[Any]] = [DeviceKind(s.name, lambda _, s=s: s, ()) for s in self.sources]
        self.reporting = HardwareReporting(self.sampler, kinds, Claims(lambda: str(folder)))

    def start(self, interval: float = 0.02) -> None:
        """Report."""
        self.reporting.start(self.recorder.meter_provider, interval)

    def values(self, metric: str) -> dict[str, float]:
        """Collect; return a metric's values by source."""
        return {str(p.attributes["paddle.sampler.source"]): p.value for p in self.recorder.points(metric)}

    def counts(self) -> dict[str, int]:
        """Collect; return how many durations were recorded by source."""
        return {
            str(p.attributes["paddle.sampler.source"]): p.count
            for p in self.recorder.points(self_metrics.DURATION.name)
        }


@pytest.fixture
def watched(recorder: Recorder, tmp_path: Path) -> Iterator[Watched]:
    """Not started."""
    watched = Watched(recorder, tmp_path)
    yield watched
    for source in watched.sources:
        source.answer()
    watched.reporting.stop()


def test_names_units_and_buckets(watched: Watched) -> None:
    """As written down in the contract; each series carries the source and nothing else."""
    watched.start()
    assert eventually(lambda: watched.fast.reads > 2)
    metrics = watched.recorder.metrics()
    assert {name: metric.unit for name, metric in metrics.items()} == {
        "paddle.sampler.duration": "s",
        "paddle.sampler.errors": "{error}",
        "paddle.sampler.last_success": "s",
    }
    for name in metrics:
        points = watched.recorder.points(name)
        assert [dict(point.attributes) for point in points] == [
            {"paddle.sampler.source": "slow"},
            {"paddle.sampler.source": "fast"},
        ]
    assert watched.recorder.points("paddle.sampler.duration")[0].bounds == self_metrics.DURATION.buckets


def test_duration_is_recorded_for_each_read(watched: Watched, telemetry_trouble: Any) -> None:
    """Once per read, in seconds; also of reads that fail."""
    telemetry_trouble.expected = True
    watched.slow.error = ValueError()
    watched.reporting.start(watched.recorder.meter_provider, 3600.0)
    assert eventually(lambda: watched.counts() == {"slow": 1, "fast": 1})
    durations = watched.values("paddle.sampler.duration")
    assert all(isinstance(value, float) and 0.0 < value < 60.0 for value in durations.values())


def test_duration_is_that_of_the_source(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source's own, not that of the whole pass."""
    monkeypatch.setattr(watched.slow, "read", lambda: time.sleep(1.0) or 1)
    watched.start(3600.0)
    assert eventually(lambda: watched.counts() == {"slow": 1, "fast": 1})
    durations = watched.values("paddle.sampler.duration")
    assert durations["slow"] >= 1.0
    assert durations["fast"] < durations["slow"]


def test_errors_count_each_failure(watched: Watched, telemetry_trouble: Any) -> None:
    """From 0 on, as whole numbers; they stay when the source recovers, and across a restart."""
    telemetry_trouble.expected = True
    watched.start(3600.0)
    assert eventually(lambda: watched.fast.reads == 1)
    assert watched.values("paddle.sampler.errors") == {"slow": 0, "fast": 0}
    watched.slow.error = OSError()
    for failures in (1, 2, 3):
        watched.reporting.stop()
        watched.start(3600.0)
        assert eventually(lambda reads=failures + 1: watched.fast.reads == reads)
        errors = watched.values("paddle.sampler.errors")
        assert errors == {"slow": failures, "fast": 0}
        assert all(isinstance(value, int) for value in errors.values())
    watched.slow.error = None
    watched.reporting.stop()
    watched.start(3600.0)
    assert eventually(lambda: watched.fast.reads == 5)
    assert watched.values("paddle.sampler.errors") == {"slow": 3, "fast": 0}


def test_last_success_is_absent_before_the_first(watched: Watched, telemetry_trouble: Any) -> None:
    """Never 0, which would be 1970; and it stays where it was when reads fail."""
    telemetry_trouble.expected = True
    watched.slow.error = OSError()
    before = time.time()
    watched.start()
    assert eventually(lambda: watched.fast.reads > 2)
    found = watched.values("paddle.sampler.last_success")
    assert list(found) == ["fast"]
    assert isinstance(found["fast"], float)
    assert before <= found["fast"] <= time.time()
    watched.slow.error = None
    assert eventually(lambda: "slow" in watched.values("paddle.sampler.last_success"))
    watched.slow.error = OSError()
    reads = watched.fast.reads
    assert eventually(lambda: watched.fast.reads > reads + 2)
    stays = watched.values("paddle.sampler.last_success")["slow"]
    reads = watched.fast.reads
    assert eventually(lambda: watched.fast.reads > reads + 2)
    assert watched.values("paddle.sampler.last_success")["slow"] == stays


def test_a_source_without_readings_is_no_success(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a driver: neither an error nor a success."""
    monkeypatch.setattr(watched.slow, "read", lambda: None)
    watched.start()
    assert eventually(lambda: watched.fast.reads > 2)
    assert list(watched.values("paddle.sampler.last_success")) == ["fast"]
    assert watched.values("paddle.sampler.errors") == {"slow": 0, "fast": 0}


def test_they_go_on_while_a_driver_hangs(watched: Watched) -> None:
    """That is what they are for: the last success of the one that hangs gets old, the others go on.

    A read that was not made has no duration: neither 0 nor that of looking whether the source is free.
    """
    watched.start()
    assert eventually(lambda: watched.slow.reads > 2)
    watched.slow.hang()
    assert eventually(lambda: watched.slow.inside)
    old = watched.values("paddle.sampler.last_success")
    counts = watched.counts()
    reads = watched.fast.reads
    assert eventually(lambda: watched.values("paddle.sampler.last_success") and watched.fast.reads > reads + 20)
    new = watched.values("paddle.sampler.last_success")
    assert new["slow"] == old["slow"]
    assert new["fast"] > old["fast"]
    assert watched.values("paddle.sampler.errors") == {"slow": 0, "fast": 0}
    assert watched.counts()["slow"] == counts["slow"]
    assert watched.counts()["fast"] >= counts["fast"] + 20
    watched.slow.answer()
    assert eventually(lambda: watched.values("paddle.sampler.last_success")["slow"] > old["slow"])


def test_they_end_with_the_reporting(watched: Watched) -> None:
    """A histogram cannot be taken back, but gets no more values."""
    watched.start()
    assert eventually(lambda: watched.fast.reads > 2)
    assert watched.counts()
    watched.reporting.stop()
    counts = watched.counts()
    reads = watched.fast.reads
    time.sleep(0.1)
    assert watched.fast.reads == reads
    assert watched.counts() == counts
    assert watched.values("paddle.sampler.errors") == {}
    assert watched.values("paddle.sampler.last_success") == {}


def test_durations_are_kept_while_nobody_collects(watched: Watched) -> None:
    """None is lost, and what waits is bounded."""
    watched.start(0.001)
    assert eventually(lambda: watched.fast.reads > 300, timeout=20)
    watched.reporting.stop()
    assert watched.counts() == {"slow": watched.slow.reads, "fast": watched.fast.reads}
