"""What rules find is told: as events, once on each host, and to subscribers; at no risk."""

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from claimant import Claimant
from fake_nvml.samples import snapshot
from paddle_otel.diagnosis.diagnosis import SCOPE, Diagnosis
from paddle_otel.diagnosis.finding import Finding
from paddle_otel.hardware.claims import Claims
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.version import VERSION


class ScriptedRule:
    """Finds what a test says."""

    name = "scripted"

    def __init__(self) -> None:
        self.next: list[Finding] = []
        self.ongoing: Collection[str] = ()
        self.seen: list[int] = []
        self.forgotten = 0
        self.act: Callable[[], None] = lambda: None

    def look(self, snapshot: Snapshot) -> list[Finding]:
        """Return what was set."""
        self.seen.append(snapshot.started)
        self.act()
        found, self.next = self.next, []
        return found

    def forget(self) -> None:
        """Count."""
        self.forgotten += 1


def finding(name: str = "found", claim: str | None = "GPU-0") -> Finding:
    """Return a finding."""
    return Finding(name, {"hw.id": "GPU-0", "paddle.memory.used": 5}, 1_700_000_000_000_000_001, claim)


class Scene:
    """A diagnosis with one rule and logs in memory."""

    def __init__(self, folder: Path) -> None:
        self.exporter = InMemoryLogRecordExporter()
        self.logs = LoggerProvider(shutdown_on_exit=False)
        self.logs.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.now = 1000.0
        self.claims = Claims(lambda: str(folder), lambda: self.now)
        self.rule = ScriptedRule()
        self.diagnosis = Diagnosis([self.rule], self.claims)

    def follow(self, *found: Finding) -> None:
        """Let a sample find something."""
        self.now += 1.0
        self.rule.next = list(found)
        self.diagnosis.follow(snapshot(self.now))

    def emitted(self) -> list[str]:
        """Return the names of the events so far."""
        return [str(log.log_record.event_name) for log in self.exporter.get_finished_logs()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Not started."""
    scene = Scene(tmp_path)
    yield scene
    scene.claims.release()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Claimant]:
    """Another process in the same folder."""
    with Claimant(tmp_path) as other:
        yield other


def test_event(scene: Scene) -> None:
    """A warning with the finding's name, time and attributes; no body and no span."""
    scene.diagnosis.start(scene.logs)
    scene.follow(finding())
    (log,) = scene.exporter.get_finished_logs()
    record = log.log_record
    assert (record.event_name, record.severity_number, record.severity_text) == ("found", SeverityNumber.WARN, "WARN")
    assert record.timestamp == 1_700_000_000_000_000_001
    assert dict(record.attributes or {}) == {"hw.id": "GPU-0", "paddle.memory.used": 5}
    assert record.body is None
    assert not record.trace_id
    assert log.instrumentation_scope is not None
    assert (log.instrumentation_scope.name, log.instrumentation_scope.version) == (SCOPE, VERSION)


def test_before_the_first_export_of_metrics(scene: Scene) -> None:
    """A warning does not wait until somebody reports the device's metrics: it is claimed when it is told."""
    scene.diagnosis.start(scene.logs)
    assert not scene.claims.holds("GPU-0")
    scene.follow(finding())
    assert scene.claims.holds("GPU-0")
    assert scene.emitted() == ["found"]


def test_what_another_process_tells(scene: Scene, other: Claimant) -> None:
    """Is not told again; what concerns this process alone is."""
    assert other.claims("GPU-0")
    scene.diagnosis.start(scene.logs)
    scene.follow(finding(), finding("own", claim=None), finding("elsewhere", claim="GPU-1"))
    assert scene.emitted() == ["own", "elsewhere"]


def test_claimed_as_long_as_the_episode_lasts(scene: Scene, other: Claimant) -> None:
    """However long that is; after that it may be another process's."""
    scene.diagnosis.start(scene.logs)
    scene.rule.ongoing = ["GPU-0"]
    scene.follow(finding())
    for _ in range(50):
        scene.now += 60.0
        scene.follow()
        scene.claims.lapse()
        assert not other.claims("GPU-0")
    scene.rule.ongoing = []
    for _ in range(50):
        scene.now += 60.0
        scene.follow()
        scene.claims.lapse()
    assert other.claims("GPU-0")


def test_an_episode_that_another_process_tells_is_not_taken_over(scene: Scene, other: Claimant) -> None:
    """It was told."""
    assert other.claims("GPU-0")
    scene.diagnosis.start(scene.logs)
    scene.rule.ongoing = ["GPU-0"]
    scene.follow(finding())
    other.kill()
    scene.follow()
    assert scene.emitted() == []
    assert not scene.claims.holds("GPU-0")


@pytest.mark.parametrize("provider", [None, NoOpLoggerProvider()])
def test_a_process_that_tells_nobody_keeps_nobody_from_telling(scene: Scene, provider: Any) -> None:
    """Without an SDK nothing is claimed."""
    scene.diagnosis.start(provider)
    scene.follow(finding())
    assert not scene.claims.holds("GPU-0")
    assert scene.rule.seen


def test_subscribers(scene: Scene, other: Claimant) -> None:
    """Are told in every process, with or without events, until they unsubscribe."""
    assert other.claims("GPU-0")
    told: list[Finding] = []
    unsubscribe = scene.diagnosis.subscribe(told.append)
    scene.follow(finding("first"))
    scene.diagnosis.start(scene.logs)
    scene.follow(finding("second"))
    unsubscribe()
    unsubscribe()
    scene.follow(finding("third"))
    assert [one.name for one in told] == ["first", "second"]
    assert scene.emitted() == []


def test_subscriber_that_fails(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Costs nobody else anything; the log says that it is the program's."""
    told: list[str] = []

    def fail(_: Finding) -> None:
        raise RuntimeError

    scene.diagnosis.subscribe(fail)
    scene.diagnosis.subscribe(lambda one: told.append(one.name))
    scene.diagnosis.start(scene.logs)
    scene.follow(finding())
    assert told == ["found"]
    assert scene.emitted() == ["found"]
    (record,) = caplog.records
    assert "Your program's own code (a subscriber of found) raised RuntimeError" in record.getMessage()


def test_rule_that_fails(scene: Scene, telemetry_trouble: Any) -> None:
    """Costs itself."""
    telemetry_trouble.expected = True

    def fail() -> None:
        raise RuntimeError

    broken = ScriptedRule()
    broken.act = fail
    scene.diagnosis.add(broken)
    later = ScriptedRule()
    scene.diagnosis.add(later)
    scene.diagnosis.add(later)
    scene.diagnosis.start(scene.logs)
    later.next = [finding("later", claim=None)]
    scene.follow(finding())
    assert scene.emitted() == ["found", "later"]
    assert len(later.seen) == 1


def test_nothing_is_looked_at_while_nobody_listens(scene: Scene) -> None:
    """Before the start and after the end."""
    scene.follow(finding())
    scene.diagnosis.start(scene.logs)
    scene.follow(finding("second", claim=None))
    scene.diagnosis.stop()
    scene.follow(finding("third"))
    assert scene.emitted() == ["second"]
    assert len(scene.rule.seen) == 1


def test_late_snapshots_are_passed_over(scene: Scene) -> None:
    """Of a thread that was replaced; after a new start time begins anew."""
    scene.diagnosis.start(scene.logs)
    for seconds in (5.0, 4.0, 5.0, 6.0):
        scene.diagnosis.follow(snapshot(seconds))
    assert scene.rule.seen == [5 * 10**9, 6 * 10**9]
    scene.diagnosis.stop()
    scene.diagnosis.start(scene.logs)
    scene.diagnosis.follow(snapshot(1.0))
    assert scene.rule.seen[-1] == 10**9


def test_stop_begins_anew(scene: Scene) -> None:
    """Rules forget."""
    before = scene.rule.forgotten
    scene.diagnosis.stop()
    assert scene.rule.forgotten == before + 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_child(scene: Scene) -> None:
    """It begins anew, and goes on telling."""
    scene.diagnosis.start(scene.logs)
    scene.follow(finding())
    before = scene.rule.forgotten
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert scene.rule.forgotten == before + 1
            scene.follow(finding("child", claim=None))
            status = 0 if scene.emitted() == ["found", "child"] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert scene.emitted() == ["found"]
