"""The lock file deleted, replaced, moved or closed while devices are held in it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from claimant import Claimant, descriptors, descriptors_of
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.lock_file import FILE_NAME

GPU = "GPU-00000000-0000-4000-8000-000000000000"


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


def test_deleted_while_held(path: Path, claims: Claims, other: Claimant) -> None:
    """The next claim makes a new one, so that others do not lock a file of which this process knows nothing."""
    assert claims.claim(GPU)
    opened = descriptors()
    path.unlink()
    assert claims.claim(GPU)
    assert path.exists()
    assert not other.claims(GPU)
    assert descriptors() == opened


def test_deleted_and_made_anew_by_another_process(path: Path, claims: Claims, other: Claimant) -> None:
    """Its lock holds then; this process gives way at its next claim, with all devices."""
    assert claims.claim(GPU)
    assert claims.claim("host")
    path.unlink()
    assert other.claims(GPU)
    assert not claims.claim(GPU)
    assert not claims.holds(GPU)
    assert not claims.holds("host")  # locked in the file that nobody finds
    assert claims.claim("host")
    assert not other.claims("host")


def test_replaced_while_held(path: Path, claims: Claims, other: Claimant) -> None:
    """By a file of the same name: what is found there counts."""
    assert claims.claim(GPU)
    replacement = path.with_name("new")
    replacement.touch()
    replacement.replace(path)
    assert claims.claim(GPU)
    assert not other.claims(GPU)


def test_the_whole_folder_deleted(tmp_path: Path) -> None:
    """It comes back."""
    folder = tmp_path / "folder"
    claims = Claims(lambda: str(folder))
    assert claims.claim(GPU)
    (folder / FILE_NAME).unlink()
    folder.rmdir()
    with Claimant(folder) as other:
        assert claims.claim(GPU)
        assert not other.claims(GPU)
    claims.release()


def test_renamed_away_and_back(path: Path, claims: Claims, other: Claimant) -> None:
    """The locks in the first file are given back before they are taken again, and not lost by closing it later."""
    assert claims.claim(GPU)
    away = path.with_name("away")
    path.rename(away)
    assert claims.claim("host")
    away.replace(path)
    assert claims.claim(GPU)
    assert claims.claim("host")
    assert not other.claims(GPU)
    assert not other.claims("host")


def test_a_program_that_closes_all_descriptors(claims: Claims, other: Claimant, path: Path) -> None:
    """As daemons do: what has the number since is not ours to close, and the lock is taken anew."""
    assert claims.claim(GPU)
    (number,) = descriptors_of(path)
    os.close(number)
    reused = os.open("/dev/null", os.O_RDONLY)
    try:
        if reused != number:
            os.dup2(reused, number)
        assert claims.claim(GPU)
        assert Path(f"/proc/self/fd/{number}").readlink() == Path("/dev/null")
        assert not other.claims(GPU)
        claims.release()
        assert Path(f"/proc/self/fd/{number}").readlink() == Path("/dev/null")
    finally:
        for descriptor in {reused, number}:
            with contextlib.suppress(OSError):
                os.close(descriptor)
