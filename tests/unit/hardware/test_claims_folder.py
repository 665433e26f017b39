"""The lock file: where it is, and what may be in its way."""

import errno
import logging
import os
import resource
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claimant import Claimant, descriptors, descriptors_of
from paddle_otel.hardware import lock_file
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.lock_file import FILE_NAME, LockFile, default_folder

GPU = "GPU-00000000-0000-4000-8000-000000000000"
OTHER_USER = 65534 if os.geteuid() == 0 else 0
"""Only root can become somebody else; without that the umask alone is what stands between the processes."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / FILE_NAME


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[Claims]:
    """The claims of this process."""
    claims = Claims(lambda: str(tmp_path))
    yield claims
    claims.release()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Claimant]:
    """Another process in the same folder."""
    with Claimant(tmp_path) as other:
        yield other


@pytest.mark.parametrize("name", ["with a space", "Ordner ü 目录", "deep/er/than/there is", "x" * 255])
def test_any_name_of_a_folder(tmp_path: Path, name: str) -> None:
    """It is made if it is missing."""
    claims = Claims(lambda: str(tmp_path / name))
    with Claimant(tmp_path / name) as other:
        assert claims.claim(GPU)
        assert not other.claims(GPU)
    assert (tmp_path / name / FILE_NAME).stat().st_size == 0
    claims.release()


def test_the_folder_stays_as_it_is(tmp_path: Path, claims: Claims) -> None:
    """Somebody chose it: its permissions and its other files are not ours."""
    tmp_path.chmod(0o750)
    (tmp_path / "theirs").write_text("kept")
    assert claims.claim(GPU)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750
    assert (tmp_path / "theirs").read_text() == "kept"


def test_a_relative_folder_stays_the_same_when_the_program_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that changes its directory later still has its devices."""
    monkeypatch.chdir(tmp_path)
    claims = Claims(lambda: "locks")
    assert claims.claim(GPU)
    monkeypatch.chdir("/")
    assert claims.claim(GPU)
    assert (tmp_path / "locks" / FILE_NAME).exists()
    with Claimant(tmp_path / "locks") as other:
        assert not other.claims(GPU)
    claims.release()


def test_the_setting_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``PADDLE_OTEL_LOCK_DIRECTORY``."""
    monkeypatch.setenv("PADDLE_OTEL_LOCK_DIRECTORY", str(tmp_path / "chosen"))
    claims = Claims()
    assert claims.claim(GPU)
    assert (tmp_path / "chosen" / FILE_NAME).exists()
    claims.release()


def test_usual_folder_is_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that have a /tmp of their own share it; where there is none, the folder for temporary files."""
    assert default_folder() == Path("/dev/shm")  # noqa: S108 - the name is what is tested
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(lock_file, "SHARED_MEMORY", tmp_path / "missing")
    assert default_folder() == tmp_path
    claims = Claims(lambda: "")
    assert claims.claim(GPU)
    assert (tmp_path / FILE_NAME).exists()
    claims.release()


def _link(path: Path) -> None:
    target = path.with_name("target")
    target.write_text("kept")
    path.symlink_to(target)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a link": _link,
    "a dangling link": lambda path: path.symlink_to(path.with_name("nowhere")),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": _socket,
}


@pytest.mark.parametrize("thing", IN_THE_WAY)
def test_something_else_in_its_place(
    path: Path, claims: Claims, other: Claimant, thing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every process reports, which is said once with what to do; the thing itself is left alone."""
    IN_THE_WAY[thing](path)
    before = os.lstat(path)
    opened = descriptors()
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        for _ in range(3):
            assert claims.claim(GPU)
            assert claims.claim("host")
            assert claims.holds(GPU)
            assert other.claims(GPU)
    assert descriptors() == opened
    after = os.lstat(path)
    assert (before.st_ino, before.st_mode, before.st_mtime) == (after.st_ino, after.st_mode, after.st_mtime)
    assert not path.with_name("nowhere").exists()
    (record,) = caplog.records
    assert str(path) in record.message
    assert "count devices more than once" in record.message
    assert "PADDLE_OTEL_LOCK_DIRECTORY" in record.message


@pytest.mark.parametrize("thing", IN_THE_WAY)
def test_when_it_is_gone_one_process_reports(path: Path, claims: Claims, other: Claimant, thing: str) -> None:
    """From the next collections on, without a restart."""
    IN_THE_WAY[thing](path)
    assert claims.claim(GPU)
    assert other.claims(GPU)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()
    assert claims.claim(GPU)
    assert not other.claims(GPU)
    assert other.ask(f"claims.holds({GPU!r})") == "False"
    assert claims.claim(GPU)


def test_a_file_where_the_folder_should_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every process reports."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        claims = Claims(lambda folder=folder: str(folder))
        assert claims.claim(GPU)
        assert claims.holds(GPU)
    assert caplog.text.count("No lock can be had") == 2


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EPERM, errno.ENAMETOOLONG, errno.EIO])
def test_a_file_that_cannot_be_made(
    claims: Claims, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A read-only or full file system: every process reports, and what the system says is logged."""

    def refuse(*_: Any) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert claims.claim(GPU)
        assert claims.claim(GPU)
    assert os.strerror(code) in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(
    claims: Claims, other: Claimant, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Is not taken for a lock of somebody else: every process reports, until locks can be had."""
    fcntl: Any = lock_file.fcntl

    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", refuse)
        assert claims.claim(GPU)
        assert claims.holds(GPU)
        assert claims.claim(GPU)
        assert other.claims(GPU)
    assert len(caplog.records) == 1
    assert not claims.claim(GPU)
    assert not claims.holds(GPU)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EAGAIN])
def test_both_codes_of_a_lock_that_somebody_has(
    claims: Claims, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """POSIX leaves it to the system which one it is."""
    fcntl: Any = lock_file.fcntl

    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", refuse)
        assert not claims.claim(GPU)
        assert not claims.is_free(GPU)
    assert caplog.text == ""


def test_without_descriptors_nothing_is_claimed(claims: Claims, caplog: pytest.LogCaptureFixture) -> None:
    """Another process may well report the device; when a descriptor is free this one asks again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        answers = claims.claim(GPU), claims.holds(GPU)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answers == (False, False)
    assert claims.claim(GPU)
    assert caplog.text == ""


def test_claims_outlive_a_lack_of_descriptors(claims: Claims) -> None:
    """What is held needs no further descriptor."""
    assert claims.claim(GPU)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        answers = claims.claim(GPU), claims.claim("host")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answers == (True, True)


def test_it_is_closed_when_another_program_is_executed(path: Path, claims: Claims) -> None:
    """Programs that this one starts do not inherit the descriptor."""
    assert claims.claim(GPU)
    assert [os.get_inheritable(number) for number in descriptors_of(path)] == [False]


def _open_to_everybody(tmp_path: Path) -> Path:
    """Return a folder as /tmp is: everybody may write to it, and delete only what is theirs."""
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    return shared


def test_processes_of_other_users_share_it(tmp_path: Path) -> None:
    """Whoever made the file, whatever the umask."""
    shared = _open_to_everybody(tmp_path)
    with Claimant(shared, OTHER_USER) as nobody, Claimant(shared) as us:
        assert nobody.claims(GPU)
        assert not us.claims(GPU)
        assert us.claims("host")
        assert not nobody.claims("host")
        assert (shared / FILE_NAME).stat().st_uid == (OTHER_USER or os.geteuid())
    (shared / FILE_NAME).unlink()
    with Claimant(shared) as us, Claimant(shared, OTHER_USER) as nobody:
        assert us.claims(GPU)
        assert not nobody.claims(GPU)
        assert nobody.claims("host")
    assert stat.S_IMODE((shared / FILE_NAME).stat().st_mode) == 0o666


def test_a_file_that_belongs_to_another_user_alone(tmp_path: Path) -> None:
    """Cannot be locked: the process reports, and says so."""
    shared = _open_to_everybody(tmp_path)
    (shared / FILE_NAME).touch()
    (shared / FILE_NAME).chmod(0)
    with Claimant(shared, OTHER_USER) as nobody:
        assert nobody.claims(GPU)
        assert "Permission denied" in nobody.end()


def test_made_by_another_process_at_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking for it and making it: the other one's file is used."""
    real = os.open
    raced: list[str] = []

    def racing(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT and not raced:
            raced.append(str(path))
            (tmp_path / FILE_NAME).touch()
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", racing)
    file = LockFile(tmp_path)
    assert raced == [str(tmp_path / FILE_NAME)]
    assert file.in_place()
    file.close()


def test_a_name_that_comes_and_goes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody makes and deletes it between our looks: no endless loop."""

    def flickering(_: Any, flags: int, *__: int) -> int:
        raise FileExistsError if flags & os.O_CREAT else FileNotFoundError

    monkeypatch.setattr(os, "open", flickering)
    with pytest.raises(FileExistsError):
        LockFile(tmp_path)
