"""Which block devices are disks: each request is counted once, whatever lies over the disk."""

from pathlib import Path

import pytest

from fake_disks import IDLE, USED, FakeDisks, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.source import MOST_DISKS, DiskSource


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    """A machine without disks."""
    return FakeDisks(tmp_path)


@pytest.fixture
def source(disks: FakeDisks, clock: Clock) -> DiskSource:
    """What reads them."""
    return DiskSource(root=disks.root, clock=clock)


@pytest.mark.parametrize(
    "name",
    ["sda", "hdb", "vda", "xvda", "nvme0n1", "nvme10n2", "mmcblk0", "mmcblk0boot0", "nbd0", "rbd7", "pmem0", "dasda"],
)
def test_whole_disk(disks: FakeDisks, source: DiskSource, name: str) -> None:
    """Whatever driver it has."""
    disks.add(name, "8:0")
    assert set(readings(source)) == {name}


@pytest.mark.parametrize("name", ["loop0", "loop12", "ram0", "zram1", "zd16", "sr0", "fd0"])
def test_no_disk(disks: FakeDisks, source: DiskSource, name: str) -> None:
    """Files, memory, volumes of ZFS, and drives that are most often empty."""
    disks.add("sda", "8:0")
    disks.add(name, "7:0")
    assert set(readings(source)) == {"sda"}


@pytest.mark.parametrize(
    ("disk", "partition"), [("sda", "sda1"), ("nvme0n1", "nvme0n1p1"), ("mmcblk0", "mmcblk0p2"), ("md0", "md0p1")]
)
def test_partition(disks: FakeDisks, source: DiskSource, disk: str, partition: str) -> None:
    """Its requests are the disk's."""
    disks.add(disk, "8:0")
    disks.add_partition(disk, partition, "8:1")
    assert set(readings(source)) == {disk}


def test_name_with_a_slash(disks: FakeDisks, source: DiskSource) -> None:
    """``/sys`` spells it with an exclamation mark, the kernel's counters and iostat with the slash."""
    disks.add("cciss/c0d0", "104:0")
    disks.add_partition("cciss/c0d0", "cciss/c0d0p1", "104:1")
    assert set(readings(source)) == {"cciss/c0d0"}
    assert readings(source)["cciss/c0d0"].disk.attributes == {"system.device": "cciss/c0d0"}


@pytest.mark.parametrize("layer", ["dm-0", "md127", "bcache0", "drbd0"])
def test_layer_is_not_counted_beside_what_carries_it(disks: FakeDisks, source: DiskSource, layer: str) -> None:
    """Logical volumes, encryption, RAID, caches and mirrors: the requests reach the disks and are counted there."""
    disks.add("sda", "8:0")
    disks.add_partition("sda", "sda2", "8:2")
    disks.add("sdb", "8:16")
    disks.add(layer, "253:0", on=["sda2", "sdb"])
    assert set(readings(source)) == {"sda", "sdb"}


def test_layer_on_a_layer(disks: FakeDisks, source: DiskSource) -> None:
    """A volume on an encrypted RAID: the disks at the bottom."""
    disks.add("sda", "8:0")
    disks.add("sdb", "8:16")
    disks.add("md0", "9:0", on=["sda", "sdb"])
    disks.add("dm-0", "253:0", on=["md0"])
    disks.add("dm-1", "253:1", on=["dm-0"])
    assert set(readings(source)) == {"sda", "sdb"}


def test_layer_without_visible_disks_is_counted(disks: FakeDisks, source: DiskSource) -> None:
    """Nothing else would show its requests."""
    disks.add("dm-0", "253:0")
    assert set(readings(source)) == {"dm-0"}


def test_layer_that_gets_its_disks_later(disks: FakeDisks, source: DiskSource, clock: Clock) -> None:
    """A volume appears before its table is loaded; within a minute it is no longer counted beside its disk."""
    disks.add("sda", "8:0")
    folder = disks.add("dm-0", "253:0")
    assert set(readings(source)) == {"sda", "dm-0"}
    (folder / "slaves" / "sda").symlink_to(disks.sys / "devices" / "sda")
    clock.now += 61.0
    assert set(readings(source)) == {"sda"}


def test_paths_of_a_multipath_disk(disks: FakeDisks, source: DiskSource) -> None:
    """Each path counts the requests that took it, so their sum is right; the disk over them is left out."""
    disks.add("sda", "8:0")
    disks.add("sdb", "8:16")
    disks.add("dm-0", "253:0", on=["sda", "sdb"])
    assert set(readings(source)) == {"sda", "sdb"}


def test_nvme_multipath_where_the_disk_counts(disks: FakeDisks, source: DiskSource) -> None:
    """Since Linux 6.4 the disk counts what its paths count, too."""
    disks.add("nvme0c0n1", "259:1", USED)
    disks.add("nvme0c1n1", "259:2", USED)
    disks.add("nvme0n1", "259:0", USED)
    assert set(readings(source)) == {"nvme0n1"}


def test_nvme_multipath_where_only_the_paths_count(disks: FakeDisks, source: DiskSource) -> None:
    """Before, the disk's counters stayed 0."""
    disks.add("nvme0n1", "259:0", IDLE)
    disks.add("nvme0c0n1", "259:1", USED)
    disks.add("nvme0c1n1", "259:2", IDLE)
    assert set(readings(source)) == {"nvme0c0n1"}


def test_nvme_multipath_before_the_first_request(disks: FakeDisks, source: DiskSource) -> None:
    """The disk, once."""
    disks.add("nvme0n1", "259:0", IDLE)
    disks.add("nvme0c0n1", "259:1", IDLE)
    assert set(readings(source)) == {"nvme0n1"}


def test_nvme_path_without_its_disk(disks: FakeDisks, source: DiskSource) -> None:
    """Counted: nothing else would show its requests."""
    disks.add("nvme0c0n1", "259:1", USED)
    assert set(readings(source)) == {"nvme0c0n1"}


def test_empty_device(disks: FakeDisks, source: DiskSource, clock: Clock) -> None:
    """Size 0 and never a request: left out until it gets one."""
    disks.add("sda", "8:0", IDLE)
    disks.add("nbd0", "43:0", IDLE, size=0)
    assert set(readings(source)) == {"sda"}
    disks.set("nbd0", "43:0", USED)
    clock.now += 61.0
    assert set(readings(source)) == {"sda", "nbd0"}


def test_device_of_unknown_size_is_counted(disks: FakeDisks, source: DiskSource) -> None:
    """The kernel lists it, and nothing says that it is empty."""
    disks.add("sda", "8:0", IDLE, size=None)
    assert set(readings(source)) == {"sda"}


def test_used_device_of_size_0_is_counted(disks: FakeDisks, source: DiskSource) -> None:
    """A card that was taken out: what it did is not forgotten."""
    disks.add("sdc", "8:32", USED, size=0)
    assert set(readings(source)) == {"sdc"}


def test_device_that_goes_between_two_looks(disks: FakeDisks, source: DiskSource) -> None:
    """The kernel's counters name it, ``/sys`` no longer does: it is no disk now, the others are."""
    disks.add("sda", "8:0")
    disks.add("sdb", "8:16")
    (disks.sys / "block" / "sdb").unlink()
    assert set(readings(source)) == {"sda"}


def test_bounded_number_of_disks(disks: FakeDisks, source: DiskSource, caplog: pytest.LogCaptureFixture) -> None:
    """The others have no metrics, which is said once."""
    lines: list[str] = []
    for index in range(MOST_DISKS + 3):
        (disks.sys / "block" / f"rbd{index}").mkdir()
        lines.append(f"251 {index} rbd{index} {USED}\n")
    disks.write("".join(lines).encode())
    assert list(readings(source)) == [f"rbd{index}" for index in range(MOST_DISKS)]
    source.close()
    readings(source)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "1024 disks" in record.getMessage()
