"""Files of whole lines: size bounds, rotation, and disks and directories that refuse."""

import os
import resource
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paddle_otel.rotating_file import RotatingFile

LINE = b'{"line":"' + b"x" * 28 + b'"}\n'
FORTY_BYTES = 40

MakeFile = Callable[..., RotatingFile]


@pytest.fixture(name="path")
def path_in_a_directory_that_does_not_exist(tmp_path: Path) -> Path:
    """Give a path in a directory that nobody has created."""
    return tmp_path / "deep" / "telemetry" / "traces.jsonl"


@pytest.fixture(name="make_file")
def files_closed_at_the_end(path: Path) -> Iterator[MakeFile]:
    """Give a maker of rotating files at that path."""
    made: list[RotatingFile] = []

    def make(max_bytes: int = 4096, backups: int = 3) -> RotatingFile:
        made.append(RotatingFile(path, max_bytes, backups))
        return made[-1]

    yield make
    for file in made:
        file.close()


def numbered(number: int) -> bytes:
    """Make a line of forty bytes that tells its number."""
    return f"{number:039d}\n".encode()


def numbers_in(path: Path) -> list[int]:
    """Read the numbers of :func:`numbered` lines back; fails on a line that is not whole."""
    return [int(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_only_owner_and_group_can_read(make_file: MakeFile, path: Path) -> None:
    """Telemetry names customers: even where the umask allows it, it is not for everybody."""
    before = os.umask(0)
    try:
        make_file().append(LINE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_rotation_keeps_the_newest(make_file: MakeFile, path: Path) -> None:
    """Full files move up by one, the oldest goes, and no line is split."""
    file = make_file(max_bytes=100, backups=2)
    for number in range(9):
        file.append(numbered(number))
    found = {file.name: numbers_in(file) for file in path.parent.iterdir()}
    assert found == {path.name: [8], f"{path.name}.1": [6, 7], f"{path.name}.2": [4, 5]}


def test_a_file_may_be_exactly_as_large_as_the_bound(make_file: MakeFile, path: Path) -> None:
    """The bound is reached, not passed."""
    file = make_file(max_bytes=2 * FORTY_BYTES, backups=1)
    for number in range(3):
        file.append(numbered(number))
    assert numbers_in(path) == [2]
    assert numbers_in(Path(f"{path}.1")) == [0, 1]


def test_no_backups_keeps_one_file(make_file: MakeFile, path: Path) -> None:
    """With 0 backups a full file is dropped."""
    file = make_file(max_bytes=FORTY_BYTES, backups=0)
    for number in range(3):
        file.append(numbered(number))
    assert [numbers_in(found) for found in path.parent.iterdir()] == [[2]]


def test_a_line_larger_than_the_bound_has_a_file_of_its_own(make_file: MakeFile, path: Path) -> None:
    """One huge batch is written whole; what comes before and after is elsewhere, and no empty file is left."""
    file = make_file(max_bytes=100, backups=5)
    huge = b"y" * 500 + b"\n"
    for line in (huge, LINE, huge):
        file.append(line)
    found = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert found == {path.name: huge, f"{path.name}.1": LINE, f"{path.name}.2": huge}


def test_a_process_number_used_again_appends(make_file: MakeFile, path: Path) -> None:
    """What an earlier process of the same number wrote is kept, and its torn last line spoils no line of ours."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"earlier":1}\n{"torn')
    make_file().append(LINE)
    assert path.read_bytes() == b'{"earlier":1}\n{"torn\n' + LINE


def test_a_full_disk_leaves_whole_lines_only(make_file: MakeFile, path: Path) -> None:
    """The kernel takes half a line and refuses the rest: the half is taken back, and later lines follow whole."""
    file = make_file()
    file.append(LINE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINE) + 10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.append(LINE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == LINE
    file.append(LINE)
    assert path.read_bytes() == LINE + LINE


def test_a_deleted_directory_is_made_again(make_file: MakeFile, path: Path) -> None:
    """Lines do not vanish into a file that nobody can see any more."""
    file = make_file()
    file.append(LINE)
    shutil.rmtree(path.parent.parent)
    file.append(LINE)
    assert path.read_bytes() == LINE


def test_a_file_moved_away_is_opened_again(make_file: MakeFile, path: Path) -> None:
    """A log rotation from outside keeps working."""
    file = make_file()
    file.append(numbered(1))
    path.rename(path.parent / "taken")
    file.append(numbered(2))
    assert numbers_in(path.parent / "taken") == [1]
    assert numbers_in(path) == [2]


def test_a_symbolic_link_is_not_followed(make_file: MakeFile, path: Path) -> None:
    """In a directory that others can write, nobody can make us append to a file of theirs or ours."""
    path.parent.mkdir(parents=True)
    (path.parent / "victim").write_text("untouched")
    path.symlink_to(path.parent / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        make_file().append(LINE)
    assert (path.parent / "victim").read_text() == "untouched"


def test_a_pipe_is_refused(make_file: MakeFile, path: Path) -> None:
    """A pipe without a reader would block the export when it is full."""
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        make_file().append(LINE)
