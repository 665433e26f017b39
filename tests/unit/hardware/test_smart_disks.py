"""What becomes of disks that sleep, go, hang, refuse or are not what they should be."""

from pathlib import Path

import pytest

from fake_nvml.sources import Clock, eventually
from fake_smartctl.program import FakeSmartctl, fixture, runs
from fake_smartctl.rounds import INTERVAL, ON, after_round
from paddle_otel.hardware.smart.reading import DiskReading
from paddle_otel.hardware.smart.source import SmartSource

READ = "-j -i -H -A -l ssd -l defects -n standby,3"


def _names(disks: tuple[DiskReading, ...]) -> list[str | None]:
    return [disk.identity.device for disk in disks]


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("/dev/sda", "scsi", " -d sat"),  # the scan calls every sd a SCSI disk
        ("/dev/sdc", "scsi", ""),
        ("/dev/sdq", "scsi", ""),
        ("/dev/nvme0", "nvme", " -d nvme"),
        ("/dev/bus/0", "megaraid,7", " -d megaraid,7"),
    ],
)
def test_how_a_disk_is_addressed(
    smart: SmartSource, smartctl: FakeSmartctl, name: str, kind: str, options: str
) -> None:
    """As the scan says, but for SATA disks: finding out would send them commands that may wake them."""
    smartctl.disk(name, fixture("ata_hdd"), kind=kind)
    after_round(smart)
    assert smartctl.reads == [f"{READ}{options} {name}"]


@pytest.mark.parametrize(
    ("name", "entries", "device"),
    [
        ("/dev/sda", [], "sda"),
        ("/dev/nvme0", ["nvme0n1", "power", "hwmon3", "ng0n1"], "nvme0n1"),
        ("/dev/nvme0", ["nvme0n1", "nvme0n2"], "nvme0"),
        ("/dev/nvme0", [], "nvme0"),
        ("/dev/nvme3", ["nvme2c3n1"], "nvme2n1"),
        ("/dev/nvme9", None, "nvme9"),
        ("/dev/bus/0", None, None),
    ],
)
def test_block_device(
    smartctl: FakeSmartctl, clock: Clock, tmp_path: Path, name: str, entries: list[str] | None, device: str | None
) -> None:
    """The name under which the kernel counts the disk's I/O, so that both can be shown side by side."""
    for entry in entries or []:
        (tmp_path / "sys2/class/nvme" / Path(name).name / entry).mkdir(parents=True)
    smartctl.disk(name, fixture("nvme"), kind="nvme")
    source = SmartSource(ON, clock, 5.0, tmp_path / "sys2")
    assert _names(after_round(source)) == [device]
    source.close()


def test_scan_that_lists_nonsense(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """No option and no path outside /dev gets onto a command line."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"), kind="sat")
    listed = '{"name": "%s", "type": "sat"}'
    names = ["--scan", "-s", "/etc/passwd", "/dev/sda", "/dev/sda", "sda", ""]
    devices = ", ".join([*(listed % name for name in names), "3", "null", "{}", '{"name": 7}'])
    smartctl.script("scan", f"""echo '{{"devices": [{devices}]}}'""")
    assert _names(after_round(smart)) == ["sda"]
    assert smartctl.reads == [f"{READ} -d sat /dev/sda"]


@pytest.mark.parametrize("mode", ["json", "status"])
def test_sleeping_disk(smart: SmartSource, smartctl: FakeSmartctl, clock: Clock, mode: str) -> None:
    """Is left asleep; what it said holds for three intervals, but for its temperature."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    (awake,) = after_round(smart)
    assert awake.temperature == 31.0
    smartctl.disk("/dev/sda", fixture("sleeping") if mode == "json" else "{}", status=3)
    clock.now += INTERVAL
    (asleep,) = after_round(smart)
    assert asleep == awake.asleep()
    assert asleep.temperature is None
    assert asleep.values["reallocated_sectors"] == 24
    for _ in range(2):
        clock.now += INTERVAL
        assert len(after_round(smart)) == 1
    clock.now += 1
    assert after_round(smart) == ()
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    clock.now += INTERVAL
    assert [disk.temperature for disk in after_round(smart)] == [31.0]
    assert all("-n standby" in call for call in smartctl.reads)


def test_disk_that_sleeps_from_the_start(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """Nothing is known of it."""
    smartctl.disk("/dev/sda", fixture("sleeping"), status=3)
    assert after_round(smart) == ()


def test_disk_that_disappears(smart: SmartSource, smartctl: FakeSmartctl, clock: Clock) -> None:
    """Goes with the next round, the others stay; it may come back."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    smartctl.disk("/dev/sdb", fixture("ata_ssd_failing"), status=24)
    assert _names(after_round(smart)) == ["sda", "sdb"]
    smartctl.remove("/dev/sda")
    clock.now += INTERVAL
    assert _names(after_round(smart)) == ["sdb"]
    smartctl.script("/dev/sda", 'echo \'{"smartctl": {"exit_status": 2}}\'; exit 2')
    clock.now += INTERVAL
    assert _names(after_round(smart)) == ["sdb"]
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    clock.now += INTERVAL
    assert _names(after_round(smart)) == ["sda", "sdb"]


def test_hanging_disk(smartctl: FakeSmartctl, clock: Clock, sysfs: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Costs its own values only, one line in the log, and no process that stays."""
    source = SmartSource(ON, clock, 0.5, sysfs)
    smartctl.script("/dev/sda", "sleep 600")
    smartctl.disk("/dev/sdb", fixture("ata_ssd_failing"), status=24)
    for _ in range(2):
        assert _names(after_round(source)) == ["sdb"]
        clock.now += INTERVAL
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "/dev/sda" in caplog.text
    assert not any(runs(pid) for pid in smartctl.pids)
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert _names(after_round(source)) == ["sda", "sdb"]
    source.close()


def test_values_go_stale_when_the_scan_hangs(
    smartctl: FakeSmartctl, clock: Clock, sysfs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are shown for three intervals, not for ever."""
    source = SmartSource(ON, clock, 0.2, sysfs)
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert len(after_round(source)) == 1
    smartctl.script("scan", "sleep 600")
    for _ in range(3):
        clock.now += INTERVAL
        assert len(after_round(source)) == 1
    clock.now += 1
    assert after_round(source) == ()
    assert "the list of disks" in caplog.text
    source.close()


@pytest.mark.parametrize(
    "shell",
    [
        "echo 'smartctl 6.6 2017-11-05'; echo 'INVALID CHARACTER(S)'; exit 1",
        "exit 0",
        "head -c 50000000 /dev/zero",
        "head -c 1000000 /dev/zero | tr '\\0' '['",
        "echo '[1, 2]'",
        "kill -SEGV $$",
    ],
)
def test_garbage(smart: SmartSource, smartctl: FakeSmartctl, caplog: pytest.LogCaptureFixture, shell: str) -> None:
    """One line that says what to do; other disks are read."""
    smartctl.script("/dev/sda", shell)
    smartctl.disk("/dev/sdb", fixture("ata_ssd_failing"), status=24)
    assert _names(after_round(smart)) == ["sdb"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "7.0 or newer" in caplog.text


def test_fork_bomb(smartctl: FakeSmartctl, clock: Clock, sysfs: Path, tmp_path: Path) -> None:
    """What multiplies itself is killed with all its descendants."""
    source = SmartSource(ON, clock, 1.0, sysfs)
    children = tmp_path / "children"
    leaf = f"exec sh -c 'echo $$ >> {children}; exec sleep 600'"
    smartctl.script("/dev/sda", f"b() {{ [ $1 -gt 4 ] && {leaf}; b $(($1+1)) & b $(($1+1)); }}; b 0")
    assert after_round(source) == ()
    assert len(children.read_text().split()) == 32
    assert eventually(lambda: not any(runs(int(pid)) for pid in children.read_text().split()))
    source.close()


@pytest.mark.parametrize("denied", ["Permission denied", "Operation not permitted"])
def test_no_permission(
    smart: SmartSource, smartctl: FakeSmartctl, clock: Clock, caplog: pytest.LogCaptureFixture, denied: str
) -> None:
    """One line, however many disks and rounds there are, that says how to allow it."""
    caplog.set_level("INFO")
    for name in ("/dev/sda", "/dev/sdb"):
        message = {"string": f"Smartctl open device: {name} failed: {denied}", "severity": "error"}
        smartctl.disk(name, {"smartctl": {"messages": [message]}}, status=2)
    for _ in range(3):
        assert after_round(smart) == ()
        clock.now += INTERVAL
    assert len(smartctl.reads) == 6
    (record,) = caplog.records
    assert record.levelname == "INFO"
    for word in ("root", "CAP_SYS_RAWIO", "CAP_SYS_ADMIN", "device node", "Everything else works"):
        assert word in record.getMessage()


def test_virtual_disks(smart: SmartSource, smartctl: FakeSmartctl, caplog: pytest.LogCaptureFixture) -> None:
    """Have no S.M.A.R.T. values, not even a temperature of 0, and that is no trouble."""
    caplog.set_level("INFO")
    smartctl.disk("/dev/sdc", fixture("virtual"), status=4, kind="scsi")
    smartctl.script(
        "/dev/sdd",
        """echo '{"smartctl": {"exit_status": 1, "messages": [{"string":
        "/dev/sdd: Unable to detect device type", "severity": "error"}]}}'; exit 1""",
    )
    assert after_round(smart) == ()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        ({"current": 31}, 31.0),
        ({"current": 0}, 0.0),
        ({"current": -5, "drive_trip": 60}, -5.0),
        ({"current": 0, "drive_trip": 60}, 0.0),
        ({"current": 0, "drive_trip": 0}, None),
        ({"current": 300}, None),
        ({"current": -273}, None),
        ({"current": "31"}, None),
        ({}, None),
    ],
)
def test_temperature(
    smart: SmartSource, smartctl: FakeSmartctl, temperature: dict[str, object], expected: float | None
) -> None:
    """A device without a sensor answers 0 and would also switch itself off at 0: that is no temperature."""
    smartctl.disk("/dev/sdc", {**fixture("scsi_hdd"), "temperature": temperature}, kind="scsi")
    assert [disk.temperature for disk in after_round(smart)] == [expected]


def test_size_of_an_nvme_disk_with_several_namespaces(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """Only the whole disk's is known then."""
    answer = fixture("nvme")
    del answer["user_capacity"]
    smartctl.disk("/dev/nvme0", answer, kind="nvme")
    assert [disk.size for disk in after_round(smart)] == [1920383410176]


def test_two_paths_to_one_disk(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """It is one disk, under the name that was found first."""
    smartctl.disk("/dev/sdc", fixture("scsi_hdd"), kind="scsi")
    smartctl.disk("/dev/sdd", fixture("scsi_hdd"), kind="scsi")
    assert _names(after_round(smart)) == ["sdc"]


def test_two_disks_under_one_world_wide_name(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """A careless vendor's: their serial numbers tell them apart, whichever is found first."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    smartctl.disk("/dev/sdb", {**fixture("ata_hdd"), "serial_number": "R4K00002"})
    assert {disk.identity.device: disk.identity.id for disk in after_round(smart)} == {
        "sda": "naa.5000c500a1b2c3d4_R4K00001",
        "sdb": "naa.5000c500a1b2c3d4_R4K00002",
    }
