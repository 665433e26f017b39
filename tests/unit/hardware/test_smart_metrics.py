"""The metrics and events that S.M.A.R.T. values become: names, types, units, values and attributes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Gauge, InMemoryMetricReader, Metric, Sum

from fake_nvml.sources import eventually
from fake_smartctl.program import FakeSmartctl, fixture
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kinds import KINDS
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.hardware.smart import KIND
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings

Points = dict[tuple[tuple[str, Any], ...], Any]

HDD = {
    "hw.id": "naa.5000c500a1b2c3d4",
    "hw.model": "ACME ROTOR4000",
    "hw.serial_number": "R4K00001",
    "hw.firmware_version": "AR01",
}
NVME = {
    "hw.id": "ACME_NVM_1920G_N19200001",
    "hw.model": "ACME NVM 1920G",
    "hw.serial_number": "N19200001",
    "hw.firmware_version": "NV77",
}
SCSI = {
    "hw.id": "naa.5000c500b2c3d4e5",
    "hw.model": "ACME SAS8000",
    "hw.vendor": "ACME",
    "hw.serial_number": "S8K00001",
    "hw.firmware_version": "E005",
}
FAST = Settings(smart=True, smart_interval=0.05)


class Report:
    """What this process reports, to an SDK in memory."""

    def __init__(self, settings: Settings, locks: Path) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.exporter = InMemoryLogRecordExporter()
        self.logs = LoggerProvider(shutdown_on_exit=False)
        self.logs.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        sampler = Sampler(lambda: [KIND.source(settings)])
        self.reporting = HardwareReporting(sampler, [KIND], Claims(lambda: str(locks)))
        self.reporting.start(self.provider, 0.02, self.logs)

    def stop(self) -> None:
        """Report nothing any more."""
        self.reporting.stop()
        self.provider.shutdown()
        self.logs.shutdown()

    def metrics(self) -> dict[str, Metric]:
        """Collect once; return the metrics by name, without those of the sampler itself."""
        data = self.reader.get_metrics_data()
        scopes = [scope for one in data.resource_metrics for scope in one.scope_metrics] if data is not None else []
        return {
            metric.name: metric
            for scope in scopes
            for metric in scope.metrics
            if not metric.name.startswith("paddle.sampler.")
        }

    def points(self, name: str) -> Points:
        """Collect once; return the values of a metric by their attributes."""
        metric = self.metrics().get(name)
        if metric is None:
            return {}
        return {
            tuple(sorted((point.attributes or {}).items())): getattr(point, "value", None)
            for point in metric.data.data_points
        }

    def events(self) -> list[dict[str, Any]]:
        """Return the attributes of the events so far."""
        return [dict(one.log_record.attributes or {}) for one in self.exporter.get_finished_logs()]


@pytest.fixture
def report(tmp_path: Path) -> Iterator[Callable[[], Report]]:
    """Start to report what smartctl finds."""
    started: list[Report] = []

    def start(settings: Settings = FAST) -> Report:
        started.append(Report(settings, tmp_path / "locks"))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def _key(*attributes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({key: value for one in attributes for key, value in one.items()}.items()))


def _seen(report: Report, rounds: int, smartctl: FakeSmartctl) -> bool:
    """Wait until some more rounds are over."""
    before = len(smartctl.calls)

    def over() -> bool:
        report.metrics()
        return smartctl.calls[before:].count("--scan -j") > rounds

    return eventually(over)


def test_it_is_one_of_the_kinds() -> None:
    """That are sampled."""
    assert KIND in KINDS
    assert KIND.name == "smart"


def test_nothing_unless_asked_for(report: Callable[[Settings], Report], smartctl: FakeSmartctl, tmp_path: Path) -> None:
    """No metric, no process, no claim."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    reported = report(Settings())
    assert eventually(lambda: reported.reader.get_metrics_data() is not None)
    assert reported.metrics() == {}
    assert smartctl.calls == []
    assert not (tmp_path / "locks").exists()


def test_metrics_of_three_disks(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """ATA, NVMe and SCSI; what a disk does not have is absent."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    smartctl.disk("/dev/nvme0", fixture("nvme"), kind="nvme")
    smartctl.disk("/dev/sdc", fixture("scsi_hdd"), kind="scsi")
    reported = report()
    assert eventually(lambda: len(reported.points("hw.physical_disk.size")) == 3)
    hdd = {**HDD, "hw.physical_disk.type": "hdd", "system.device": "sda"}
    nvme = {**NVME, "hw.physical_disk.type": "nvme", "system.device": "nvme0"}
    scsi = {**SCSI, "hw.physical_disk.type": "hdd", "system.device": "sdc"}
    assert reported.points("hw.physical_disk.size") == {
        _key(hdd): 4000787030016,
        _key(nvme): 1920383410176,
        _key(scsi): 8001563222016,
    }
    assert reported.points("hw.physical_disk.endurance_utilization") == {
        _key(nvme, {"hw.physical_disk.state": "remaining"}): 0.88
    }
    assert reported.points("hw.temperature") == {
        _key(HDD, {"hw.sensor_location": "disk"}): 31.0,
        _key(NVME, {"hw.sensor_location": "disk"}): 41.0,
        _key(SCSI, {"hw.sensor_location": "disk"}): 35.0,
    }
    assert reported.points("hw.errors") == {
        _key(disk, {"hw.type": "physical_disk", "error.type": "media"}): errors
        for disk, errors in ((HDD, 5), (NVME, 4), (SCSI, 3))
    }
    assert reported.points("hw.status") == {
        _key(disk, {"hw.type": "physical_disk", "hw.state": state}): int(state == "ok")
        for disk in (HDD, NVME, SCSI)
        for state in ("ok", "degraded", "predicted_failure", "failed")
    }
    smart = reported.points("hw.physical_disk.smart")
    for disk, name, value in (
        (hdd, "Reallocated_Sector_Ct", 24),
        (hdd, "reallocated_sectors", 24),
        (hdd, "pending_sectors", 7),
        (hdd, "uncorrectable_sectors", 3),
        (nvme, "percentage_used", 12),
        (nvme, "critical_warning", 0),
        (nvme, "unsafe_shutdowns", 9),
        (scsi, "reallocated_sectors", 11),
        (scsi, "power_on_hours", 51234),
    ):
        assert smart[_key(disk, {"hw.physical_disk.smart_attribute": name})] == value
    assert len(smart) == 17 + 8 + 4


@pytest.mark.parametrize(
    ("name", "unit", "kind", "value"),
    [
        ("hw.physical_disk.smart", "1", Gauge, int),
        ("hw.physical_disk.endurance_utilization", "1", Gauge, float),
        ("hw.physical_disk.size", "By", Sum, int),
        ("hw.status", "1", Sum, int),
        ("hw.errors", "{error}", Sum, int),
        ("hw.temperature", "Cel", Gauge, float),
    ],
)
def test_instruments(
    report: Callable[[], Report], smartctl: FakeSmartctl, name: str, unit: str, kind: type, value: type
) -> None:
    """As the hardware conventions have them, with no attribute that they do not announce."""
    smartctl.disk("/dev/nvme0", fixture("nvme"), kind="nvme")
    reported = report()
    assert eventually(lambda: name in reported.metrics())
    metric = reported.metrics()[name]
    assert metric.unit == unit
    assert isinstance(metric.data, kind)
    if isinstance(metric.data, Sum):
        assert metric.data.is_monotonic is (name == "hw.errors")
    (observed,) = (one for one in KIND.metrics if one.metric.name == name)
    for point in metric.data.data_points:
        assert type(getattr(point, "value", None)) is value
        assert set(point.attributes or {}) <= set(observed.metric.attributes)


@pytest.mark.parametrize(
    ("used", "remaining"), [(0, 1.0), (12, 0.88), (100, 0.0), (104, 0.0), (255, 0.0), (None, None)]
)
def test_remaining_endurance(
    report: Callable[[], Report], smartctl: FakeSmartctl, used: int | None, remaining: float | None
) -> None:
    """A disk may be used beyond what its vendor promised: then nothing remains, and never less."""
    smartctl.disk("/dev/sdc", {**fixture("scsi_hdd"), "scsi_percentage_used_endurance_indicator": used}, kind="scsi")
    reported = report()
    assert eventually(lambda: reported.points("hw.status"))
    values = list(reported.points("hw.physical_disk.endurance_utilization").values())
    assert values == ([] if remaining is None else [remaining])


def test_disk_that_says_little(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """Its other series are absent, not 0."""
    smartctl.disk("/dev/sdc", {"serial_number": "S1", "temperature": {"current": 30}}, kind="scsi")
    reported = report()
    assert eventually(lambda: reported.points("hw.temperature"))
    assert set(reported.metrics()) == {"hw.temperature"}


def test_values_follow_the_disk(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """A later round shows what the disk says then; a disk that is gone is gone."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    reported = report()
    assert eventually(lambda: list(reported.points("hw.temperature").values()) == [31.0])
    smartctl.disk("/dev/sda", {**fixture("ata_hdd"), "temperature": {"current": 52}})
    assert eventually(lambda: list(reported.points("hw.temperature").values()) == [52.0])
    smartctl.remove("/dev/sda")
    assert eventually(lambda: not reported.metrics())


def test_stopping(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """Ends the rounds; the disks are another process's to report then."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    reported = report()
    assert eventually(lambda: reported.points("hw.status"))
    reported.reporting.stop()
    assert reported.metrics() == {}
    calls = len(smartctl.calls)
    other = report()
    assert eventually(lambda: other.points("hw.status"))
    assert len(smartctl.calls) > calls


def _grown(change: dict[int, int]) -> dict[str, Any]:
    answer = fixture("ata_hdd")
    for attribute in answer["ata_smart_attributes"]["table"]:
        if attribute["id"] in change:
            attribute["raw"] = {"value": change[attribute["id"]], "string": str(change[attribute["id"]])}
    return answer


def test_growing_counters_are_events_once(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """One per counter and growth, none when a disk is first seen, none for other values, none for a smaller count."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    reported = report()
    assert eventually(lambda: reported.points("hw.status"))
    assert _seen(reported, 3, smartctl)
    assert reported.events() == []
    smartctl.disk("/dev/sda", _grown({5: 25, 197: 9, 198: 4, 187: 6, 199: 1000, 9: 12346}))
    assert eventually(lambda: len(reported.events()) >= 4)
    assert _seen(reported, 3, smartctl)
    common = {"hw.id": HDD["hw.id"], "system.device": "sda", "hw.state": "ok"}
    assert reported.events() == [
        {**common, "hw.physical_disk.smart_attribute": name, "paddle.disk.smart.value": value}
        for name, value in (
            ("reallocated_sectors", 25),
            ("pending_sectors", 9),
            ("uncorrectable_sectors", 4),
            ("media_errors", 6),
        )
    ]
    smartctl.disk("/dev/sda", _grown({5: 25, 197: 2, 198: 4, 187: 6}))
    assert _seen(reported, 3, smartctl)
    assert len(reported.events()) == 4
    (first, *_) = reported.exporter.get_finished_logs()
    assert first.log_record.event_name == "paddle.disk.health"
    assert first.log_record.severity_number is SeverityNumber.ERROR
    assert first.log_record.timestamp is not None
    assert first.instrumentation_scope is not None
    assert first.instrumentation_scope.name == "paddle_otel.hardware_metrics"


def _nvme(warning: int) -> dict[str, Any]:
    answer = json.loads(json.dumps(fixture("nvme")))
    answer["nvme_smart_health_information_log"]["critical_warning"] = warning
    return answer


def test_states_are_events_once(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """Each change to an alarming state; a disk that is degraded or well again is none."""
    smartctl.disk("/dev/nvme0", _nvme(0), kind="nvme")
    reported = report()
    assert eventually(lambda: reported.points("hw.status"))
    for warning, events in ((2, 0), (1, 1), (5, 1), (8, 2), (0, 2), (4, 3)):
        smartctl.disk("/dev/nvme0", _nvme(warning), kind="nvme")
        assert _seen(reported, 3, smartctl)
        assert len(reported.events()) == events
    common = {
        "hw.id": NVME["hw.id"],
        "system.device": "nvme0",
        "hw.physical_disk.smart_attribute": "critical_warning",
    }
    assert reported.events() == [
        {**common, "hw.state": "predicted_failure", "paddle.disk.smart.value": 1},
        {**common, "hw.state": "failed", "paddle.disk.smart.value": 8},
        {**common, "hw.state": "predicted_failure", "paddle.disk.smart.value": 4},
    ]


def test_failing_disk_at_the_start(report: Callable[[], Report], smartctl: FakeSmartctl) -> None:
    """Is told of at once, because nobody knows since when it fails; when it comes back it is not told of again."""
    smartctl.disk("/dev/sdb", fixture("ata_ssd_failing"), status=24)
    reported = report()
    expected = [
        {
            "hw.id": "naa.500a028fffffffff",
            "system.device": "sdb",
            "hw.state": "predicted_failure",
            "hw.physical_disk.smart_attribute": "Retired_Block_Count",
            "paddle.disk.smart.value": 412,
        }
    ]
    assert eventually(lambda: reported.points("hw.status") and reported.events() == expected)
    smartctl.remove("/dev/sdb")
    assert _seen(reported, 3, smartctl)
    smartctl.disk("/dev/sdb", fixture("ata_ssd_failing"), status=24)
    assert _seen(reported, 3, smartctl)
    assert reported.events() == expected
