"""What happened to devices becomes events: once, by the process that reports the device, at no risk for the program."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from claimant import Claimant
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.event_log import WAITING
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.reporting import SCOPE, HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.version import VERSION
from recording import Recorder
from scripted_kinds import Reading, ScriptedDevices, events, kind_of

XID = "paddle.gpu.xid"


class Processor(LogRecordProcessor):
    """Hands records on after it has done what a test says."""

    def __init__(self, exporter: InMemoryLogRecordExporter) -> None:
        self._next = SimpleLogRecordProcessor(exporter)
        self.act: Callable[[], None] = lambda: None

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Act, and hand the record on."""
        self.act()
        self._next.on_emit(log_record)

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the SDK's interface
        """Do nothing."""
        return True


class Scene:
    """A kind of two devices behind a reporting, with logs in memory."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.recorder = recorder
        self.exporter = InMemoryLogRecordExporter()
        self.processor = Processor(self.exporter)
        self.logs = LoggerProvider(shutdown_on_exit=False)
        self.logs.add_log_record_processor(self.processor)
        self.devices = ScriptedDevices()
        self.claims = Claims(lambda: str(folder))
        self.make(kind_of(self.devices))

    def make(self, kind: DeviceKind[Any]) -> None:
        """Make the reporting of a kind."""
        self.sampler = Sampler(lambda: [self.devices], stale_after=0.5)
        self.reporting = HardwareReporting(self.sampler, [kind], self.claims)

    def start(self, *, collect: bool = True) -> None:
        """Report; claim the devices by a collection."""
        self.reporting.start(self.recorder.meter_provider, 0.01, self.logs)
        if collect:
            self.collect()

    def collect(self) -> None:
        """Collect; the machine may be too busy to have a fresh sample at once."""
        assert eventually(lambda: "hw.energy" in self.recorder.metrics())

    def happens(self, *names: str, device: str = "a", times: int = 1) -> None:
        """Let something happen to a device in one reading, once or several times; return when that was read."""
        quiet = self.devices.now
        for _ in range(times):
            self.devices.once = (Reading(device, 1.0, names),)
            assert eventually(lambda: self.devices.once is None)
        self.devices.now = quiet

    def settle(self) -> None:
        """Wait until further samples were taken."""
        reads = self.devices.reads
        assert eventually(lambda: self.devices.reads > reads + 3)

    def emitted(self) -> list[str]:
        """Return the names of the events that arrived, once no more arrive."""
        self.settle()
        return [str(log.log_record.event_name) for log in self.exporter.get_finished_logs()]


@pytest.fixture
def scene(recorder: Recorder, tmp_path: Path) -> Iterator[Scene]:
    """Not started."""
    scene = Scene(recorder, tmp_path)
    yield scene
    scene.reporting.stop()
    scene.claims.release()


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


def test_a_processor_that_raises(scene: Scene, telemetry_trouble: Any) -> None:
    """Costs the event, and neither the next one nor any metric; it is said once."""
    telemetry_trouble.expected = True
    scene.start()

    def fail() -> None:
        raise ZeroDivisionError

    scene.processor.act = fail
    scene.happens("first", "second", times=2)
    assert scene.emitted() == []
    scene.processor.act = lambda: None
    scene.happens("third")
    assert scene.emitted() == ["third"]
    assert "hw.energy" in scene.recorder.metrics()
    assert set(telemetry_trouble.sites) == {"handing on an event of the hardware: ZeroDivisionError()"}


def test_a_bug_in_the_events_of_a_kind(scene: Scene, telemetry_trouble: Any) -> None:
    """Costs its events and no metric."""
    telemetry_trouble.expected = True

    def broken(_: object) -> Any:
        raise ZeroDivisionError

    kind = kind_of(scene.devices)
    scene.make(DeviceKind(kind.name, kind.source, kind.metrics, kind.reported, broken))
    scene.start()
    scene.settle()
    assert "hw.energy" in scene.recorder.metrics()
    assert set(telemetry_trouble.sites) == {"looking for events of scripted: ZeroDivisionError()"}


def test_a_processor_that_hangs(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Sampling and all metrics go on, by one more thread and not by more; events come back when it returns."""
    scene.start()
    inside, may_return = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        may_return.wait(60)

    scene.processor.act = hang
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        scene.happens("first")
        assert inside.wait(10)
        try:
            assert eventually(lambda: "hw.energy" not in scene.recorder.metrics() or len(sampler_threads()) == 2)
            assert eventually(lambda: "hw.energy" in scene.recorder.metrics())
            scene.devices.now = (Reading("a", 77.0),)
            assert eventually(lambda: [point.value for point in scene.recorder.points("hw.energy")] == [77.0])
            scene.happens("lost", times=20)
            assert len(sampler_threads()) == 2
        finally:
            may_return.set()
    assert eventually(lambda: len(sampler_threads()) == 1)
    scene.happens("second")
    assert scene.emitted() == ["first", "second"]
    (record,) = caplog.records
    assert "A log processor has not returned" in record.message
    assert "all others go on" in record.message


def test_stopping_does_not_wait_for_a_processor_that_hangs(scene: Scene) -> None:
    """Longer than for a driver."""
    scene.start()
    inside, may_return = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        may_return.wait(60)

    scene.processor.act = hang
    scene.happens(XID)
    assert inside.wait(10)
    stopped = threading.Thread(target=scene.reporting.stop)
    stopped.start()
    stopped.join(5)
    assert not stopped.is_alive()
    may_return.set()
    assert eventually(lambda: sampler_threads() == [])


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
