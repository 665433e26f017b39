"""What happened to devices becomes events: once, by the process that reports the device, at no risk for the program."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry._logs import SeverityNumber

from claimant import Claimant
from event_scene import Scene
from fake_nvml.sources import eventually
from paddle_otel.hardware.event_log import WAITING
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.reporting import SCOPE
from paddle_otel.version import VERSION
from recording import Recorder
from scripted_kinds import Reading, events

XID = "paddle.gpu.xid"


@pytest.fixture
def scene(recorder: Recorder, tmp_path: Path) -> Iterator[Scene]:
    """Not started."""
    with Scene(recorder, tmp_path) as scene:
        yield scene


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Claimant]:
    """Another process in the same folder."""
    with Claimant(tmp_path) as other:
        yield other


def test_an_event_has_everything(scene: Scene) -> None:
    """Name, severity, time, attributes and scope, as the kind says; no body and no span."""
    scene.start()
    scene.happens(XID)
    assert scene.emitted() == [XID]
    (log,) = scene.exporter.get_finished_logs()
    record = log.log_record
    assert record.severity_number is SeverityNumber.ERROR
    assert record.severity_text == "ERROR"
    assert record.timestamp == 1_700_000_000_000_000_001
    assert record.attributes is not None
    assert dict(record.attributes) == {"hw.id": "a", "xid": 79}
    assert record.body is None
    assert not record.trace_id
    assert log.instrumentation_scope is not None
    assert (log.instrumentation_scope.name, log.instrumentation_scope.version) == (SCOPE, VERSION)


def test_several_in_one_reading(scene: Scene) -> None:
    """In their order; collections and further samples repeat none."""
    scene.start()
    scene.happens("first", "second")
    scene.collect()
    scene.happens("third")
    assert scene.emitted() == ["first", "second", "third"]


def test_none_of_a_device_that_another_process_reports(scene: Scene, other: Claimant) -> None:
    """That process emits it."""
    assert other.claims("a")
    scene.start()
    scene.happens(XID, device="a")
    scene.happens("of b", device="b")
    assert scene.emitted() == ["of b"]
    scene.collect()
    assert scene.emitted() == ["of b"]


def test_before_the_first_collection_it_waits(scene: Scene) -> None:
    """Nobody reports the device yet: whoever does first emits it."""
    scene.start(collect=False)
    scene.happens(XID)
    assert scene.emitted() == []
    scene.collect()
    assert scene.emitted() == [XID]
    scene.collect()
    assert scene.emitted() == [XID]


def test_what_waits_is_dropped_when_another_process_takes_the_device(scene: Scene, other: Claimant) -> None:
    """It has seen the event too, and emits it; not even its end brings the event back."""
    scene.start(collect=False)
    scene.happens(XID)
    assert other.claims("a")
    scene.settle()
    other.kill()
    scene.collect()
    assert scene.claims.holds("a")
    assert scene.emitted() == []


def test_in_the_gap_between_two_owners(scene: Scene, other: Claimant) -> None:
    """What happens after the owner's end and before the next collection is emitted by the next owner."""
    assert other.claims("a")
    scene.start()
    scene.happens("seen by the owner")
    scene.settle()
    other.kill()
    scene.happens("in the gap")
    scene.collect()
    assert scene.emitted() == ["in the gap"]


def test_what_waits_is_bounded(scene: Scene) -> None:
    """In a process that never collects the oldest go."""
    scene.start(collect=False)
    for number in range(WAITING + 10):
        scene.happens(f"event {number}")
    scene.collect()
    assert scene.emitted() == [f"event {number}" for number in range(10, WAITING + 10)]


def test_what_waits_is_forgotten_at_the_end(scene: Scene) -> None:
    """And there are no events while nobody wants them."""
    scene.start(collect=False)
    scene.happens(XID)
    scene.settle()
    scene.reporting.stop()
    scene.start()
    assert scene.emitted() == []


def test_of_one_reading_each_device_goes_its_way(scene: Scene, other: Claimant) -> None:
    """One is ours, one another process's, one nobody's."""
    assert other.claims("theirs")
    scene.start()
    scene.devices.once = (
        Reading("theirs", 1.0, ("of theirs",)),
        Reading("a", 1.0, ("of a",)),
        Reading("new", 1.0, ("of new",)),
    )
    assert scene.emitted() == ["of a"]
    scene.devices.now = (Reading("new", 1.0),)
    scene.settle()
    scene.collect()
    assert scene.emitted() == ["of a", "of new"]


def test_a_kind_that_claims_nothing(scene: Scene) -> None:
    """What belongs to the process is emitted by each process, once."""
    scene.make(DeviceKind("scripted", lambda _: scene.devices, (), events=events))
    scene.start(collect=False)
    scene.happens(XID)
    assert scene.emitted() == [XID]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_emits_nothing_of_its_parent(scene: Scene) -> None:
    """What waits in the parent is the parent's, also when the child reports the device."""
    scene.start(collect=False)
    scene.happens(XID)
    scene.settle()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            claimed = eventually(lambda: "hw.energy" in scene.recorder.metrics())
            status = 0 if claimed and scene.emitted() == [] else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
