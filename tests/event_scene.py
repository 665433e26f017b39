"""A kind of device with events behind a reporting, with logs in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from fake_nvml.sources import eventually
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import DeviceKind
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.sampling.sampler import Sampler
from recording import Recorder
from scripted_kinds import Reading, ScriptedDevices, kind_of


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
    """A kind of two devices behind a reporting, with logs in memory; not started."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.recorder = recorder
        self.exporter = InMemoryLogRecordExporter()
        self.processor = Processor(self.exporter)
        self.logs = LoggerProvider(shutdown_on_exit=False)
        self.logs.add_log_record_processor(self.processor)
        self.devices = ScriptedDevices()
        self.claims = Claims(lambda: str(folder))
        self.make(kind_of(self.devices))

    def __enter__(self) -> "Scene":  # noqa: PYI034 - Python 3.10 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.reporting.stop()
        self.claims.release()

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
