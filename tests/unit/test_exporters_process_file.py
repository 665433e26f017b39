"""The file of one process: its name, its threads and forks, and how trouble is reported."""

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paddle_otel.exporters.process_file import ProcessFile, file_name
from paddle_otel.settings import Settings

LINE = b'{"line":"' + b"x" * 28 + b'"}\n'
FORTY_BYTES = 40

MakeFile = Callable[..., ProcessFile]


@pytest.fixture(name="directory")
def directory_that_does_not_exist(tmp_path: Path) -> Path:
    """Give a directory that nobody has created."""
    return tmp_path / "deep" / "telemetry"


@pytest.fixture(name="make_file")
def files_closed_at_the_end(directory: Path) -> Iterator[MakeFile]:
    """Give a maker of process files in that directory."""
    made: list[ProcessFile] = []

    def make(max_bytes: int = 4096, backups: int = 3) -> ProcessFile:
        settings = Settings(file_directory=str(directory), file_max_bytes=max_bytes, file_backups=backups)
        made.append(ProcessFile("traces", settings))
        return made[-1]

    yield make
    for file in made:
        file.shut_down()


def path_of(directory: Path) -> Path:
    """Name this process's file."""
    return directory / f"traces-shop-{os.getpid()}.jsonl"


def numbered(number: int) -> bytes:
    """Make a line of forty bytes that tells its number."""
    return f"{number:039d}\n".encode()


def numbers_in(path: Path) -> list[int]:
    """Read the numbers of :func:`numbered` lines back; fails on a line that is not whole."""
    return [int(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_nothing_is_created_before_the_first_line(make_file: MakeFile, directory: Path) -> None:
    """A process that exports nothing leaves no file and no directory."""
    make_file().shut_down()
    assert not directory.exists()


def test_lines_are_on_disk_when_append_returns(make_file: MakeFile, directory: Path) -> None:
    """A crash right after an export loses nothing of it."""
    file = make_file()
    assert file.append(LINE, "shop")
    assert path_of(directory).read_bytes() == LINE
    assert file.append(LINE, "shop")
    assert path_of(directory).read_bytes() == LINE + LINE


def test_relative_directory_stays_where_the_first_line_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its working directory later, as a daemon does, keeps one place."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    file = ProcessFile("traces", Settings(file_directory="telemetry", file_max_bytes=FORTY_BYTES, file_backups=1))
    monkeypatch.chdir(tmp_path / "first")
    assert file.append(LINE, "shop")
    monkeypatch.chdir(tmp_path / "second")
    assert file.append(LINE, "shop")
    file.shut_down()
    assert len(list((tmp_path / "first" / "telemetry").iterdir())) == 2
    assert not list((tmp_path / "second").iterdir())


def test_threads_write_whole_lines_once(make_file: MakeFile, directory: Path) -> None:
    """Eight threads that export at once, through many rotations, lose and mix nothing."""
    file = make_file(max_bytes=1000, backups=100)

    def write(first: int) -> None:
        for number in range(first, first + 200):
            assert file.append(numbered(number), "shop")

    threads = [threading.Thread(target=write, args=(1000 * index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(number for path in directory.iterdir() for number in numbers_in(path))
    assert found == [1000 * index + number for index in range(8) for number in range(200)]
    assert max(path.stat().st_size for path in directory.iterdir()) == 1000


FORK_WHILE_A_THREAD_WRITES = """
import os, signal, sys, threading
from paddle_otel.exporters.process_file import ProcessFile
from paddle_otel.settings import Settings

file = ProcessFile("traces", Settings(file_directory=sys.argv[1]))
assert file.append(b"first\\n", "shop")
write, inside, go_on = os.write, threading.Event(), threading.Event()

def slow_write(descriptor, data):
    inside.set()
    go_on.wait()
    return write(descriptor, data)

os.write = slow_write
thread = threading.Thread(target=file.append, args=(b"parent\\n", "shop"))
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os.write = write
    os._exit(0 if file.append(b"child\\n", "shop") else 1)
_, status = os.waitpid(child, 0)
go_on.set()
thread.join()
file.shut_down()
print(os.getpid(), child, status)
"""


def test_a_forked_child_writes_its_own_file(directory: Path) -> None:
    """Forked in the middle of a write, the child neither waits for ever nor touches its parent's file."""
    command = [sys.executable, "-W", "ignore", "-c", FORK_WHILE_A_THREAD_WRITES, str(directory)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    parent, child, status = printed.split()
    assert status == "0"
    found = {path.name: path.read_text() for path in directory.iterdir()}
    assert found == {f"traces-shop-{parent}.jsonl": "first\nparent\n", f"traces-shop-{child}.jsonl": "child\n"}


def test_trouble_is_logged_when_it_starts_and_when_it_ends(
    make_file: MakeFile, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A directory that cannot be made: refused without an exception, said once, and taken up again by itself."""
    caplog.set_level(logging.INFO, "paddle_otel")
    directory.parent.mkdir()
    directory.write_text("a file is in the way")
    file = make_file()
    assert [file.append(LINE, "shop") for _ in range(3)] == [False, False, False]
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.messages[0] == (
        f"Traces cannot be written to {directory} (File exists) and are dropped until they can; your program is not "
        "affected. This is logged once until it works again. Free space, make the directory writable or name another "
        "one in PADDLE_OTEL_FILE_DIRECTORY."
    )
    directory.unlink()
    assert file.append(LINE, "shop")
    assert caplog.messages[1:] == [f"Traces are written to {directory} again."]
    assert path_of(directory).read_bytes() == LINE


class ReturningHandler(logging.Handler):
    """A log handler that comes back to the file, and then breaks."""

    def __init__(self, file: ProcessFile) -> None:
        super().__init__()
        self.answers: list[bool] = []
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Export the record to the file in trouble and raise."""
        del record
        self.answers.append(self._file.append(LINE, "shop"))
        raise RuntimeError("this handler is broken")


def test_a_log_handler_may_export_to_the_file_or_break(
    make_file: MakeFile, directory: Path, telemetry_trouble: Any
) -> None:
    """Reporting trouble neither waits for itself nor changes the answer."""
    telemetry_trouble.expected = True
    directory.parent.mkdir()
    directory.write_text("a file is in the way")
    file = make_file()
    handler = ReturningHandler(file)
    logger = logging.getLogger("paddle_otel")
    answers: list[bool] = []

    def write() -> None:
        answers.append(file.append(LINE, "shop"))
        directory.unlink()
        answers.append(file.append(LINE, "shop"))

    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(timeout=20)
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
    assert answers == [False, True]
    assert handler.answers[0] is False


def test_no_line_is_taken_after_the_end(make_file: MakeFile, directory: Path) -> None:
    """After shutdown a late export is refused and opens nothing."""
    file = make_file()
    file.append(LINE, "shop")
    file.shut_down()
    shutil.rmtree(directory)
    assert not file.append(LINE, "shop")
    assert not directory.exists()


@pytest.mark.parametrize(
    ("service_name", "expected"),
    [
        ("shop", "logs-shop-7.jsonl"),
        ("unknown_service:python", "logs-unknown_service_python-7.jsonl"),
        ("../../etc/passwd", "logs-.._.._etc_passwd-7.jsonl"),
        ("聊天服务", "logs-聊天服务-7.jsonl"),
        ("a\0b\n\N{RIGHT-TO-LEFT OVERRIDE}c", "logs-a_b__c-7.jsonl"),
        ("\ud800", "logs-_-7.jsonl"),
        ("", "logs--7.jsonl"),
        ("x" * 1000, "logs-" + "x" * 120 + "-7.jsonl"),
        ("\N{GRINNING FACE}é" * 100, "logs-" + "_é" * 40 + "-7.jsonl"),
        ("é" * 119 + "x", "logs-" + "é" * 60 + "-7.jsonl"),
    ],
)
def test_a_service_name_is_one_bounded_path_component(service_name: str, expected: str) -> None:
    """No service name leads out of the directory or makes a name that the file system refuses."""
    assert file_name("logs", service_name, 7) == expected


def test_a_service_name_fits_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where file names cannot hold a letter, it is replaced: a name that cannot be opened would lose everything."""
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    assert file_name("logs", "shop 聊天", 7) == "logs-shop___-7.jsonl"
