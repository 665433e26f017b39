"""When smartctl is run, and by whom."""

import sys
import threading
import time
from pathlib import Path

import pytest

from fake_nvml.sources import Clock, eventually
from fake_smartctl.program import FakeSmartctl, fixture, runs
from fake_smartctl.rounds import INTERVAL, ON, after_round, read, smart_threads
from paddle_otel.hardware.smart import KIND
from paddle_otel.hardware.smart.device import find_smartctl
from paddle_otel.hardware.smart.program import Runner
from paddle_otel.hardware.smart.reader import DiskReader
from paddle_otel.hardware.smart.reading import DiskReading, Duty, SmartReadings
from paddle_otel.hardware.smart.round import Round
from paddle_otel.hardware.smart.source import SmartSource
from paddle_otel.settings import Settings

READ = "-j -i -H -A -l ssd -l defects -n standby,3"


def _no(_: str) -> bool:
    return False


def _yes(_: str) -> bool:
    return True


def _names(disks: tuple[DiskReading, ...]) -> list[str | None]:
    return [disk.identity.device for disk in disks]


def test_off_unless_asked_for(smartctl: FakeSmartctl, clock: Clock) -> None:
    """No thread, no process, no reading."""
    source = SmartSource(Settings(), clock)
    assert [source.read() for _ in range(3)] == [None] * 3
    assert smart_threads() == []
    assert smartctl.calls == []
    source.close()


def test_off_on_other_systems(smartctl: FakeSmartctl, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Linux is known to leave sleeping disks alone and to kill what hangs."""
    monkeypatch.setattr(sys, "platform", "darwin")
    source = SmartSource(ON, clock)
    assert source.read() is None
    assert smartctl.calls == []


def test_process_that_does_not_report_runs_nothing(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """It asks every time, by a name that all processes of the host share."""
    asked: list[str] = []

    def holds(name: str) -> bool:
        asked.append(name)
        return False

    assert [read(smart, holds) for _ in range(5)] == [None] * 5
    assert asked == ["smart"] * 5
    assert smartctl.calls == []
    assert smart_threads() == []


def test_first_round_and_the_next(smart: SmartSource, smartctl: FakeSmartctl, clock: Clock) -> None:
    """At once, then every interval; between two rounds nothing runs."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert _names(after_round(smart)) == ["sda"]
    assert smartctl.calls == ["--scan -j", f"{READ} -d sat /dev/sda"]
    clock.now += INTERVAL - 0.1
    for _ in range(10):
        after_round(smart)
    assert len(smartctl.reads) == 1
    clock.now += 0.1
    after_round(smart)
    assert len(smartctl.reads) == 2


def test_nobody_collects_any_more(smart: SmartSource, smartctl: FakeSmartctl, clock: Clock) -> None:
    """No disk is read for nobody; what was read grows old. With the next collection the disks are read again."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert len(after_round(smart)) == 1
    kept = read(smart)
    smart.read()
    assert kept is not None
    for _ in range(6):
        clock.now += INTERVAL
        smart.read()
        assert KIND.reported(kept, _yes) is not None  # an old reading that somebody kept asks for nothing
        assert eventually(lambda: not smart_threads())
    assert len(smartctl.reads) == 2  # one had been asked for
    assert smart.read() == SmartReadings(Duty())
    assert len(after_round(smart)) == 1
    assert len(smartctl.reads) == 3


def test_reading_does_not_wait(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """The sampler's thread has other things to do while smartctl runs, and one round follows the other."""
    smartctl.script("/dev/sda", "sleep 600")
    read(smart)
    before = time.monotonic()
    for _ in range(20):
        read(smart)
    assert time.monotonic() - before < 60  # smartctl sleeps for ten times as long
    assert len(smart_threads()) == 1
    assert eventually(lambda: len(smartctl.reads) == 1)
    assert smart_threads()[0].daemon


def test_no_smartctl(
    smart: SmartSource,
    smartctl: FakeSmartctl,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line; it is found when it is installed later."""
    caplog.set_level("INFO")
    monkeypatch.setattr("paddle_otel.hardware.smart.device._FOLDERS", ())
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    with monkeypatch.context() as without:
        without.setenv("PATH", "/nowhere")
        for _ in range(3):
            assert after_round(smart) == ()
            clock.now += INTERVAL
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert "smartmontools" in record.getMessage()
    assert len(after_round(smart)) == 1


def test_where_smartctl_is_looked_for(smartctl: FakeSmartctl, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the path and where distributions put it; a program of the working directory is not run."""
    monkeypatch.setattr("paddle_otel.hardware.smart.device._FOLDERS", ())
    monkeypatch.chdir(smartctl.folder)
    for path in ("", ".", ".::bin", "/nowhere"):
        assert find_smartctl({"PATH": path}) is None
    assert find_smartctl({}) is None
    assert find_smartctl({"PATH": f".:/nowhere:{smartctl.folder}"}) == str(smartctl.folder / "smartctl")
    monkeypatch.setattr("paddle_otel.hardware.smart.device._FOLDERS", (str(smartctl.folder),))
    assert find_smartctl({}) == str(smartctl.folder / "smartctl")


def test_no_thread_may_be_started(
    smart: SmartSource,
    smartctl: FakeSmartctl,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next interval tries again; until then one line says so."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as refusing:
        refusing.setattr(threading.Thread, "start", refuse)
        read(smart)
        read(smart)
    assert "no further thread" in caplog.text
    clock.now += INTERVAL
    assert len(after_round(smart)) == 1


def test_losing_the_disks_to_another_process(smart: SmartSource, smartctl: FakeSmartctl, clock: Clock) -> None:
    """The values go, and come back with the disks; nobody is asked more often than every interval for it."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert len(after_round(smart)) == 1
    for _ in range(5):
        assert read(smart, _no) is None
        assert smart.read() == SmartReadings(Duty())
        assert len(after_round(smart)) == 1
    assert len(smartctl.reads) == 1
    clock.now += INTERVAL
    assert len(after_round(smart)) == 1
    assert len(smartctl.reads) == 2


def test_losing_the_disks_while_smartctl_runs(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """It is killed; a round that came to no end is begun anew."""
    smartctl.script("/dev/sda", "sleep 600")
    read(smart)
    read(smart)
    assert eventually(lambda: len(smartctl.reads) == 1)
    assert read(smart, _no) is None
    smart.read()
    assert eventually(lambda: not smart_threads())
    assert not any(runs(pid) for pid in smartctl.pids)
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert len(after_round(smart)) == 1


def test_round_that_is_cancelled_half_way(smartctl: FakeSmartctl, clock: Clock, sysfs: Path) -> None:
    """Has no result: the disks that were not asked any more are not gone."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    smartctl.disk("/dev/sdb", fixture("ata_ssd_failing"), status=24)
    runner = Runner({})
    reader = DiskReader(clock, sysfs, 5.0)
    readings = reader.read_all(runner, {})
    assert readings is not None
    assert len(readings) == 2
    smartctl.script("/dev/sdb", "sleep 600")
    round_ = Round(reader, runner, {})
    round_.start()
    assert eventually(lambda: len(smartctl.reads) == 4)
    round_.cancel(10.0)
    assert round_.finished
    assert round_.readings is None
