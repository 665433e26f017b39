"""Claims between real processes: who has a device when its owner ends, forks or is suspended."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from claimant import Claimant, claimants, descriptors
from paddle_otel.hardware.claims import Claims

GPUS = [f"GPU-{number}" for number in range(8)]

# Newer Pythons warn of what is tested here: a fork while other threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


def _owners(processes: list[Claimant]) -> list[int]:
    """Let all claim all devices in turn; return how many processes report each device."""
    answers = [[process.claims(gpu) for gpu in GPUS] for process in processes]
    return [sum(column) for column in zip(*answers, strict=True)]


@pytest.mark.parametrize("count", [2, 8])
def test_each_device_has_one_owner(tmp_path: Path, count: int) -> None:
    """However many processes ask, however often."""
    with claimants(tmp_path, count) as processes:
        for _ in range(3):
            assert _owners(processes) == [1] * len(GPUS)


def test_eight_processes_at_the_same_time(tmp_path: Path) -> None:
    """Each device goes to one of them, whatever the order in which they ask."""
    race = f"sum(claims.claim(name) for _ in range(200) for name in {GPUS}[__import__('os').getpid() % 8:] + {GPUS})"
    with claimants(tmp_path, 8) as processes:
        for process in processes:
            process.send(race)
        for process in processes:
            process.receive()
        assert _owners(processes) == [1] * len(GPUS)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_devices_of_a_process_that_was_killed(tmp_path: Path, how: signal.Signals) -> None:
    """Go to the others when they ask next."""
    with claimants(tmp_path, 3) as (owner, *others):
        assert all(owner.claims(gpu) for gpu in GPUS)
        assert _owners(others) == [0] * len(GPUS)
        owner.kill(how)
        assert _owners(others) == [1] * len(GPUS)


def test_killed_owners_one_after_the_other(tmp_path: Path) -> None:
    """Down to the last process every device is reported by one."""
    with claimants(tmp_path, 5) as processes:
        while processes:
            assert _owners(processes) == [1] * len(GPUS)
            processes.pop(0).kill()


def test_a_suspended_process_keeps_its_devices(tmp_path: Path) -> None:
    """It may go on at any moment; nobody else reports them meanwhile."""
    with claimants(tmp_path, 2) as (owner, other):
        assert owner.claims("host")
        os.kill(owner.pid, signal.SIGSTOP)
        assert not other.claims("host")
        os.kill(owner.pid, signal.SIGCONT)
        assert owner.claims("host")
        assert not other.claims("host")


def test_a_child_inherits_nothing(tmp_path: Path) -> None:
    """It holds no device, and cannot take one from its parent."""
    claims = Claims(lambda: str(tmp_path))
    assert claims.claim("host")
    before = descriptors()

    def in_child() -> bool:
        return (
            not claims.holds("host")
            and descriptors() == before - 1
            and not claims.claim("host")
            and not claims.is_free("host")
            and claims.claim("disk")
        )

    assert _fork(in_child) == 0
    assert claims.holds("host")
    with Claimant(tmp_path) as other:
        assert not other.claims("host")  # the end of the child has not ended the parent's lock
        assert other.claims("disk")
    claims.release()


def test_devices_of_a_parent_whose_children_live_on(tmp_path: Path) -> None:
    """Are free as soon as the parent is gone: the children have its descriptors, but not its locks."""
    with Claimant(tmp_path) as parent, Claimant(tmp_path) as other:
        assert parent.claims("host")
        child = int(parent.ask("fork()"))
        try:
            assert not other.claims("host")
            parent.kill()
            os.kill(child, 0)
            assert other.claims("host")
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_child_takes_over_from_its_parent(tmp_path: Path) -> None:
    """As any other process does."""
    claims = Claims(lambda: str(tmp_path))
    assert claims.claim("host")
    may_ask, parent_is_done = os.pipe()

    def in_child() -> bool:
        os.read(may_ask, 1)
        return claims.claim("host")

    child = _start(in_child)
    claims.release()
    os.write(parent_is_done, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for descriptor in (may_ask, parent_is_done):
        os.close(descriptor)


def test_a_fork_while_another_thread_claims(tmp_path: Path) -> None:
    """The child waits for no lock that a thread of its parent held."""
    claims = Claims(lambda: str(tmp_path))
    assert claims.claim("host")
    with claims._lock:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - held at the moment of the fork
        child = _start(lambda: not claims.claim("host") and claims.claim("disk"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    claims.release()


def test_executing_another_program_gives_devices_back(tmp_path: Path) -> None:
    """The process goes on under its id, but nobody in it reports any more."""
    with claimants(tmp_path, 2) as (owner, other):
        assert owner.claims("host")
        owner.send("os.execv('/bin/sleep', ['sleep', '60'])")
        assert owner.wait_for_program("sleep")
        assert other.claims("host")


def _start(check: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return child


def _fork(check: Callable[[], bool]) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(_start(check), 0)[1])
