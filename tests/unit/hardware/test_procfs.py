"""Reading the kernel's files: what is not a number is unknown, what cannot be read costs one log line."""

import logging
import mmap
import os
from pathlib import Path

import pytest

from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.procfs import (
    LONGEST,
    KernelFile,
    content_or_none,
    cpus_of_machine,
    labelled_numbers,
    number_in,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", None),
        (b"9" * 5000, None),
        (b"-1", None),
        (b"+1", None),
        (b"1_000", None),
        (b"1.5", None),
        (b"1e3", None),
        (b" 1", None),
        (b"", None),
        (b"max", None),
        (b"\xff\x00", None),
        ("\u0663".encode(), None),
    ],
)
def test_whole_number(text: bytes, number: int | None) -> None:
    """Decimal digits alone, up to 64 bits."""
    assert whole_number(text) == number


def test_labelled_numbers() -> None:
    """Each label is looked for at the beginning of a line."""
    content = b"MemTotal:   12 kB\nxMemFree: 1 kB\nMemFree: 3 kB\nMemFreeSoon: 9 kB\n"
    assert labelled_numbers(content, (b"MemTotal:", b"MemFree:", b"Cached:"), b" kB") == (12, 3, None)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\n",
        b"\x00\xff\xfe",
        b"Free:",
        b"Free:\n",
        b"Free: 12",
        b"Free: 12 kB",
        b"Free: 12 MB\n",
        b"Free: 12\n",
        b"Free: -12 kB\n",
        b"Free: 12 13 kB\n",
        b"Free: kB\n",
        b"Free 12 kB\n",
        b" Free: 12 kB\n",
        b"FREE: 12 kB\n",
        b"Free: " + b"1" * 10_000_000 + b" kB\n",
    ],
)
def test_labelled_number_that_is_none(content: bytes | None) -> None:
    """A missing line, another unit, a line that was cut off: unknown, and nothing is raised."""
    assert labelled_numbers(content, (b"Free:",), b" kB") == (None,)


def test_file_of_many_pages_is_read_to_its_end() -> None:
    """The kernel gives such files a page at a time."""
    page = os.sysconf("SC_PAGE_SIZE")
    regions = [mmap.mmap(-1, page) for _ in range(page // 64)]  # more than 64 bytes each
    descriptor = os.open("/proc/self/maps", os.O_RDONLY)
    assert len(os.read(descriptor, 100_000)) <= page
    os.close(descriptor)
    content = content_or_none("/proc/self/maps")
    assert content is not None
    assert len(content) > page
    assert b"[stack]\n" in content  # among the last
    for region in regions:
        region.close()


def test_long_file_is_not_read_beyond_the_bound(tmp_path: Path) -> None:
    """10 MB in one line cost no more than the bound."""
    (tmp_path / "long").write_bytes(b"1" * 10_000_000)
    content = content_or_none(tmp_path / "long")
    assert content is not None
    assert len(content) == LONGEST
    assert number_in(str(tmp_path / "long")) is None


def test_no_more_is_read_than_is_wanted(tmp_path: Path) -> None:
    """The first line of a long file."""
    (tmp_path / "stat").write_bytes(b"x" * 5000)
    assert KernelFile(tmp_path / "stat", OnceLog(), "everything", longest=512).read() == b"x" * 512


def test_file_that_cannot_be_read_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At INFO level, with what is missing; and when the file comes, it is read."""
    file = KernelFile(tmp_path / "stat", OnceLog(), "CPU times of the host")
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        assert [file.read() for _ in range(5)] == [None] * 5
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == (
        f"{tmp_path}/stat cannot be read (No such file or directory), so these are not reported until it can be: "
        "CPU times of the host. Everything else is."
    )
    (tmp_path / "stat").write_bytes(b"now\n")
    assert file.read() == b"now\n"


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc", "/proc/self/stat/no"])
def test_errors_of_the_kernel_are_no_exceptions(path: str) -> None:
    """EIO, EISDIR, ENOTDIR."""
    assert KernelFile(Path(path), OnceLog(), "nothing").read() is None
    assert content_or_none(path) is None


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """Neither after success nor after an error."""
    (tmp_path / "file").write_bytes(b"1\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tmp_path / "file", Path("/proc/self/mem"), tmp_path / "none", tmp_path):
        KernelFile(path, OnceLog(), "nothing").read()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("content", "number"),
    [("42\n", 42), ("42", None), ("max\n", None), ("-1\n", None), ("", None), ("1\n2\n", None), ("\n", None)],
)
def test_number_in_a_file(tmp_path: Path, content: str, number: int | None) -> None:
    """One number with a line end; all else is no number."""
    (tmp_path / "file").write_text(content)
    assert number_in(str(tmp_path / "file")) == number
    assert number_in(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("content", "cpus"),
    [
        ("0-7\n", 8),
        ("0\n", 1),
        ("0-3,8,10-11\n", 7),
        ("0-1048575\n", 1048576),
        ("0-7", None),
        ("3-1\n", None),
        ("a-b\n", None),
        ("0-\n", None),
        ("-7\n", None),
        ("0,,1\n", None),
        ("\n", None),
        ("", None),
    ],
)
def test_cpus_of_the_machine(tmp_path: Path, content: str, cpus: int | None) -> None:
    """Ranges are counted, not written out."""
    file = tmp_path / "sys/devices/system/cpu/online"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert cpus_of_machine(tmp_path) == cpus


def test_cpus_of_this_machine() -> None:
    """As the system counts them."""
    assert cpus_of_machine(Path("/")) == os.sysconf("SC_NPROCESSORS_ONLN")
