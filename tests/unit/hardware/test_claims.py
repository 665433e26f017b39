"""Which process reports which device, as this process sees it: two objects here are two askers, not two processes."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from claimant import Claimant, descriptors
from fake_nvml.sources import Clock, eventually
from paddle_otel.hardware import claims as module
from paddle_otel.hardware import lock_file
from paddle_otel.hardware.claims import Claims

GPU = "GPU-00000000-0000-4000-8000-000000000000"


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still unless a test moves it."""
    return Clock()


@pytest.fixture
def claims(tmp_path: Path, clock: Clock) -> Iterator[Claims]:
    """The claims of this process."""
    claims = Claims(lambda: str(tmp_path), clock)
    yield claims
    claims.release()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Claimant]:
    """Another process in the same folder."""
    with Claimant(tmp_path) as other:
        yield other


def test_nothing_is_held_before_it_is_claimed(claims: Claims, tmp_path: Path) -> None:
    """Asking whether it is held neither claims it nor makes a file."""
    assert not claims.holds(GPU)
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_kept(claims: Claims, other: Claimant) -> None:
    """By the process that was first, for that device only."""
    assert claims.claim(GPU)
    assert claims.claim(GPU)
    assert claims.holds(GPU)
    assert not other.claims(GPU)
    assert other.claims("host")
    assert not claims.claim("host")
    assert not claims.holds("host")
    assert claims.holds(GPU)


def test_released_devices_go_to_whoever_asks_next(claims: Claims, other: Claimant) -> None:
    """And not back to the one that released them."""
    assert claims.claim(GPU)
    claims.release()
    assert not claims.holds(GPU)
    assert other.claims(GPU)
    assert not claims.claim(GPU)


def test_releasing_closes_the_file(claims: Claims) -> None:
    """A process that has stopped reporting keeps no descriptor; releasing twice is the same."""
    before = descriptors()
    assert claims.claim(GPU)
    assert descriptors() == before + 1
    claims.release()
    claims.release()
    assert descriptors() == before


@pytest.mark.parametrize("pause", [0.1, 60.0, 300.0, 1000.0])
def test_claims_stay_while_they_are_asked_for(claims: Claims, clock: Clock, pause: float) -> None:
    """However long the export interval is, once it is known, a device does not go back and forth."""
    claims.claim(GPU)
    clock.now += pause
    claims.claim(GPU)
    for _ in range(5):
        clock.now += pause * 0.99
        claims.lapse()
        assert claims.holds(GPU)
        claims.claim(GPU)


def test_claims_lapse_when_nobody_asks(claims: Claims, clock: Clock, other: Claimant) -> None:
    """After three minutes and not before: whoever shut its meter provider down collects no more."""
    claims.claim(GPU)
    clock.now += module.LAPSE_SECONDS
    claims.lapse()
    assert claims.holds(GPU)
    clock.now += 0.1
    losses = claims.losses
    claims.lapse()
    assert not claims.holds(GPU)
    assert claims.losses == losses + 1
    assert other.claims(GPU)
    assert not claims.claim(GPU)


def test_only_what_nobody_asks_for_lapses(claims: Claims, clock: Clock, other: Claimant) -> None:
    """A device that this process cannot read any more goes to one that can; the others stay."""
    claims.claim(GPU)
    for _ in range(20):
        claims.claim("host")
        clock.now += 10.0
        claims.lapse()
    assert claims.holds("host")
    assert not claims.holds(GPU)
    assert not other.claims("host")
    assert other.claims(GPU)


@pytest.mark.parametrize(("pause", "limit"), [(10.0, 180.0), (100.0, 300.0), (5000.0, 3600.0)])
def test_how_long_claims_last(claims: Claims, clock: Clock, pause: float, limit: float) -> None:
    """Three minutes, or three of the longest pauses, but an hour at most."""
    claims.claim(GPU)
    clock.now += pause
    claims.claim(GPU)
    clock.now += limit - 0.1
    claims.lapse()
    assert claims.holds(GPU)
    clock.now += 0.2
    claims.lapse()
    assert not claims.holds(GPU)


def test_the_pause_is_remembered_when_claims_lapse(claims: Claims, clock: Clock) -> None:
    """A reader that collects every ten minutes loses its devices once at most."""
    claims.claim(GPU)
    clock.now += 600.0
    claims.lapse()
    assert not claims.holds(GPU)
    assert claims.claim(GPU)
    clock.now += 600.0
    claims.lapse()
    assert claims.holds(GPU)


def test_free_is_what_no_process_reports(claims: Claims, other: Claimant) -> None:
    """Asking does not claim, and two may ask at a time."""
    assert claims.is_free(GPU)
    assert other.ask(f"claims.is_free({GPU!r})") == "True"
    assert claims.claim(GPU)
    assert not claims.is_free(GPU)
    assert other.ask(f"claims.is_free({GPU!r})") == "False"
    assert other.claims("host")
    assert not claims.is_free("host")
    other.kill()
    assert claims.is_free("host")
    assert not claims.holds("host")


def test_asking_for_free_devices_gives_none_away(claims: Claims, other: Claimant) -> None:
    """The locks of other devices, and the own one, are as before."""
    assert claims.claim(GPU)
    for name in (GPU, "host", "disk"):
        claims.is_free(name)
    assert not other.claims(GPU)
    assert other.claims("host")


def test_asking_while_another_thread_claims_gives_nothing_away(
    claims: Claims, other: Claimant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock of this process may be taken between any two steps of the question."""
    holds = claims.holds
    claimed: list[bool] = []

    def claimed_by_another_thread(name: str) -> bool:
        held = holds(name)
        if not claimed:
            thread = threading.Thread(target=lambda: claimed.append(claims.claim(GPU)))
            thread.start()
            thread.join(0.5)  # a claim that has to wait comes after the question
        return held

    monkeypatch.setattr(claims, "holds", claimed_by_another_thread)
    claims.is_free(GPU)
    monkeypatch.setattr(claims, "holds", holds)
    assert eventually(lambda: claimed == [True])
    assert claims.holds(GPU)
    assert not other.claims(GPU)


def test_ten_thousand_devices_take_one_descriptor(claims: Claims, other: Claimant) -> None:
    """And each is locked by itself."""
    before = descriptors()
    names = [f"disk-{number}" for number in range(10_000)]
    assert all(claims.claim(name) for name in names)
    assert descriptors() == before + 1
    assert other.ask("[claims.claim(f'disk-{n}') for n in range(9990, 10010)]") == str([False] * 10 + [True] * 10)
    claims.release()
    assert other.claims(names[0])


HOSTILE = [
    "",
    "a/b",
    "a_b",
    "../../etc/passwd",
    "x" * 4096,
    "x" * 4097,
    "nul\0",
    "nul",
    "\udcff",
    "ä",
    "é",
    "e\u0301",
    "\n",
]


def test_names_are_told_apart_whatever_is_in_them(claims: Claims, other: Claimant, tmp_path: Path) -> None:
    """No name is a path, and no two names share a lock."""
    mine, others = HOSTILE[::2], HOSTILE[1::2]
    assert all(claims.claim(name) for name in mine)
    assert [other.claims(name) for name in others] == [True] * len(others)
    assert [other.claims(name) for name in mine] == [False] * len(mine)
    assert [claims.claim(name) for name in others] == [False] * len(others)
    assert [file.name for file in tmp_path.iterdir()] == [lock_file.FILE_NAME]


def test_two_hundred_threads(claims: Claims, other: Claimant) -> None:
    """All get the same answer, no lock is lost and no descriptor is left."""
    before = descriptors()
    assert other.claims("theirs")
    start = threading.Barrier(200)
    answers: list[tuple[bool, bool, bool]] = []

    def ask() -> None:
        start.wait()
        for _ in range(20):
            answers.append((claims.claim(GPU), claims.claim("theirs"), claims.is_free("nobody's")))
            claims.lapse()

    threads = [threading.Thread(target=ask) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {(True, False, True)}
    assert not other.claims(GPU)
    assert descriptors() == before + 1


def test_without_such_locks_every_process_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On Windows: nothing is opened, nothing is said."""
    monkeypatch.setattr(lock_file, "SUPPORTED", False)
    monkeypatch.setattr(os, "open", None)
    claims = Claims(lambda: str(tmp_path))
    assert claims.claim(GPU)
    assert claims.holds(GPU)
    assert claims.holds("never claimed")
    assert not claims.is_free(GPU)
    claims.lapse()
    claims.release()
    assert list(tmp_path.iterdir()) == []
    assert caplog.text == ""
