"""The kernel's counters of disks: its formats, counters that wrap or begin anew, disks that come and go."""

from pathlib import Path

import pytest

from fake_disks import IDLE, USED, FakeDisks, readings
from fake_nvml.sources import Clock
from paddle_otel.hardware.disks.reading import Counters
from paddle_otel.hardware.disks.source import DiskSource

WRAP = 2**32


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    """A machine without disks."""
    return FakeDisks(tmp_path)


@pytest.fixture
def source(disks: FakeDisks, clock: Clock) -> DiskSource:
    """What reads them."""
    return DiskSource(root=disks.root, clock=clock)


def _counters(source: DiskSource, name: str = "sda") -> Counters:
    return readings(source)[name].counters


def _columns(counters: Counters) -> str:
    """Return the columns that the kernel prints for these counters, nothing in flight."""
    return " ".join(map(str, (*counters[:8], 0, *counters[8:])))


FIRST = Counters(1000, 10, 8000, 500, 2000, 20, 16000, 800, 900, 1400)


@pytest.mark.parametrize("more", ["", " 5 6 7 8", " 5 6 7 8 9 10", " 5 6 7 8 9 10 11 12 13 x"])
def test_columns_of_all_kernels(disks: FakeDisks, source: DiskSource, more: str) -> None:
    """11 columns, 15 with discards, 17 with flushes, and whatever a later kernel adds: the same counters."""
    disks.add("sda", "8:0", "1 2 3 4 5 6 7 8 9 10 11" + more)
    assert _counters(source) == Counters(
        reads=1,
        reads_merged=2,
        sectors_read=3,
        read_time=4,
        writes=5,
        writes_merged=6,
        sectors_written=7,
        write_time=8,
        io_time=10,
        weighted_time=11,
    )


def test_four_columns(disks: FakeDisks, source: DiskSource) -> None:
    """Operations and sectors are known then, and nothing else is."""
    disks.add("sda", "8:0", "1 2 3 4")
    assert _counters(source) == Counters(
        reads=1,
        reads_merged=None,
        sectors_read=2,
        read_time=None,
        writes=3,
        writes_merged=None,
        sectors_written=4,
        write_time=None,
        io_time=None,
        weighted_time=None,
    )
    disks.set("sda", "8:0", "0 1 9 5")
    assert _counters(source)[::2] == (1, 3, 12, 9, None)


@pytest.mark.parametrize("column", ["read_time", "write_time", "io_time", "weighted_time"])
def test_time_that_wraps_goes_on(disks: FakeDisks, source: DiskSource, column: str) -> None:
    """The kernel has 32 bits for milliseconds; the other counters stay as they are."""
    disks.add("sda", "8:0", _columns(FIRST._replace(**{column: WRAP - 100})))
    assert _counters(source) == FIRST._replace(**{column: WRAP - 100})
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: 25})))
    assert _counters(source) == FIRST._replace(**{column: WRAP + 25})
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: WRAP - 1})))
    assert _counters(source) == FIRST._replace(**{column: 2 * WRAP - 1})
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: 0})))
    assert _counters(source) == FIRST._replace(**{column: 2 * WRAP})


@pytest.mark.parametrize("column", ["sectors_read", "sectors_written", "reads_merged", "writes_merged"])
def test_count_of_a_32_bit_kernel_that_wraps_goes_on(disks: FakeDisks, source: DiskSource, column: str) -> None:
    """As long as the operations themselves did not go back."""
    disks.add("sda", "8:0", _columns(FIRST._replace(**{column: WRAP - 100})))
    _counters(source)
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: 25}, reads=1001)))
    assert _counters(source) == FIRST._replace(**{column: WRAP + 25}, reads=1001)


def test_several_times_that_wrap_at_once(disks: FakeDisks, source: DiskSource) -> None:
    """Each by itself, beside counters that grow."""
    before = FIRST._replace(read_time=WRAP - 1, weighted_time=WRAP - 5)
    disks.add("sda", "8:0", _columns(before))
    _counters(source)
    disks.set("sda", "8:0", _columns(FIRST._replace(reads=1100, read_time=9, weighted_time=50)))
    assert _counters(source) == FIRST._replace(reads=1100, read_time=WRAP + 9, weighted_time=WRAP + 50)


@pytest.mark.parametrize("column", ["read_time", "write_time", "io_time", "weighted_time"])
def test_time_that_goes_back_a_little_stands_still(disks: FakeDisks, source: DiskSource, column: str) -> None:
    """No 49.7 days are made of a millisecond that the kernel took back; growth after it counts."""
    value = getattr(FIRST, column)
    disks.add("sda", "8:0", _columns(FIRST))
    _counters(source)
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: value - 3})))
    assert _counters(source) == FIRST
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: value + 7})))
    assert _counters(source) == FIRST._replace(**{column: value + 10})


@pytest.mark.parametrize(
    "again",
    [
        Counters(*(0,) * 10),
        Counters(5, 1, 40, 30, 0, 0, 0, 0, 30, 30),
        FIRST._replace(reads=999),
        FIRST._replace(writes=0),
        FIRST._replace(sectors_read=7999),  # more operations, but fewer sectors: not the same disk
        FIRST._replace(reads=3, read_time=WRAP - 1),
    ],
)
def test_disk_that_begins_anew(disks: FakeDisks, source: DiskSource, again: Counters) -> None:
    """What it shows then is all growth, in every column, because its counters began at 0."""
    disks.add("sda", "8:0", _columns(FIRST))
    _counters(source)
    disks.set("sda", "8:0", _columns(again))
    assert _counters(source) == tuple((one or 0) + (other or 0) for one, other in zip(FIRST, again, strict=True))


def test_new_beginning_is_no_wrap(disks: FakeDisks, source: DiskSource) -> None:
    """A time in the upper half of its 32 bits that begins anew with the operations has not gone through its end."""
    disks.add("sda", "8:0", _columns(FIRST._replace(read_time=WRAP - 100)))
    _counters(source)
    disks.set("sda", "8:0", _columns(Counters(1, 0, 8, 2, 0, 0, 0, 0, 2, 2)))
    assert _counters(source).read_time == WRAP - 100 + 2


@pytest.mark.parametrize("column", ["reads", "writes"])
def test_operations_never_wrap(disks: FakeDisks, source: DiskSource, column: str) -> None:
    """They have 64 bits, so fewer of them is a new beginning whatever the number was."""
    disks.add("sda", "8:0", _columns(FIRST._replace(**{column: WRAP - 100})))
    _counters(source)
    disks.set("sda", "8:0", _columns(FIRST._replace(**{column: 25})))
    doubled = Counters(*((value or 0) * 2 for value in FIRST))
    assert _counters(source) == doubled._replace(**{column: WRAP - 100 + 25})


def test_disk_that_goes_and_comes_back(disks: FakeDisks, source: DiskSource) -> None:
    """Its counters go on from where they were, however long it was away; the other disk is not touched."""
    disks.add("sda", "8:0", _columns(FIRST))
    disks.add("sdb", "8:16", USED)
    assert set(readings(source)) == {"sda", "sdb"}
    disks.remove("sda")
    for _ in range(3):
        assert set(readings(source)) == {"sdb"}
    disks.bring_back("sda", "8:0", _columns(Counters(1, 0, 8, 2, 0, 0, 0, 0, 2, 2)))
    both = readings(source)
    assert both["sda"].counters == Counters(1001, 10, 8008, 502, 2000, 20, 16000, 800, 902, 1402)
    assert both["sdb"].counters.reads == 100


def test_line_that_is_missing_once(disks: FakeDisks, source: DiskSource) -> None:
    """Where another device goes while the file is read, a line may be skipped: nothing is counted twice."""
    disks.add("sda", "8:0", _columns(FIRST))
    _counters(source)
    text = disks.diskstats.read_text()
    disks.diskstats.write_text("")
    assert readings(source) == {}
    disks.diskstats.write_text(text)
    assert _counters(source) == FIRST


def test_line_that_is_there_twice(disks: FakeDisks, source: DiskSource) -> None:
    """Where another device comes while the file is read, a line may be repeated: the later one holds."""
    disks.add("sda", "8:0", _columns(FIRST))
    disks.write(f"8 0 sda {_columns(FIRST._replace(reads=1001))}\n".encode())
    assert _counters(source).reads == 1001


def test_disk_that_comes_is_there_at_once(disks: FakeDisks, source: DiskSource) -> None:
    """Not after the next look at ``/sys`` only."""
    disks.add("sda", "8:0")
    assert set(readings(source)) == {"sda"}
    disks.add("sdb", "8:16")
    assert set(readings(source)) == {"sda", "sdb"}


def test_sys_is_looked_at_once_a_minute_only(disks: FakeDisks, source: DiskSource, clock: Clock) -> None:
    """As long as the same devices are there."""
    disks.add("sda", "8:0")
    disks.add("sdb", "8:16")
    readings(source)
    (disks.sys / "block" / "sdb").unlink()
    clock.now += 59.0
    assert set(readings(source)) == {"sda", "sdb"}
    clock.now += 1.5
    assert set(readings(source)) == {"sda"}


def test_idle_disk_costs_no_memory(disks: FakeDisks, source: DiskSource) -> None:
    """The history holds one reading of it, however often it is read."""
    disks.add("sda", "8:0")
    first = readings(source)["sda"]
    assert readings(source)["sda"] is first
    disks.set("sda", "8:0", USED.replace("100 ", "101 ", 1))
    assert readings(source)["sda"] is not first


def test_another_disk_under_the_same_name(disks: FakeDisks, source: DiskSource, clock: Clock) -> None:
    """The series of the name goes on, the claim is that of the new number."""
    disks.add("sda", "8:0", _columns(FIRST))
    assert readings(source)["sda"].disk.claim == "disk-8-0"
    disks.set("sda", "65:0", IDLE)
    clock.now += 61.0
    reading = readings(source)["sda"]
    assert reading.disk.claim == "disk-65-0"
    assert reading.counters == FIRST


def test_closed_source_begins_with_a_new_look(disks: FakeDisks, source: DiskSource) -> None:
    """Nothing stays open between two reads, and a read after closing works."""
    disks.add("sda", "8:0", _columns(FIRST))
    readings(source)
    (disks.sys / "block" / "sda").unlink()
    source.close()
    assert readings(source) == {}


def test_real_machine(clock: Clock) -> None:
    """Every disk of this machine has the counters of its own file in ``/sys``, which the kernel fills from the same."""
    source = DiskSource(clock=clock)
    by_name = readings(source)
    assert by_name
    for name, reading in by_name.items():
        columns = list(map(int, Path(f"/sys/block/{name}/stat").read_text().split()))
        later = Counters(*columns[:8], *columns[9:11])
        assert reading.disk.number == Path(f"/sys/block/{name}/dev").read_text().strip()
        again = readings(source)[name].counters
        for before, between, after in zip(reading.counters, later, again, strict=True):
            assert before is not None
            assert between is not None
            assert after is not None
            assert before <= between <= after
