"""Many forks of one program: nothing grows, nothing hangs, whatever the parent's threads are doing."""

import subprocess
import sys
from pathlib import Path

import pytest

from fake_nvml.driver import program_environment

LIMIT_S = 300
"""A program that has not ended by then hangs."""

PROGRAM = """
import os, threading, warnings
from claimant import descriptors
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel import forking
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.showing import Showing, Windows
from paddle_otel.sampling.sampler import Sampler
from scripted_kinds import ScriptedDevices, kind_of

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of every fork of a program with threads
kind = kind_of(ScriptedDevices())
sampler = Sampler(lambda: [ScriptedDevices()])
claims = Claims()
showing = Showing("scripted", Windows(kind, claims, sampler), kind.metrics[0])

def collect():
    snapshot = sampler.latest()
    return [] if snapshot is None else showing.observations(snapshot)

def child(act):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if act() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0

def size():  # resident, MiB
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

def state():
    return descriptors(), threading.active_count(), len(forking._resets)

sampler.start("test", INTERVAL)
assert eventually(collect)
before, size_before = state(), size()
"""


def _run(code: str, tmp_path: Path, interval: float = 0.1) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("INTERVAL", str(interval)) + code],
        env=program_environment(PADDLE_OTEL_LOCK_DIRECTORY=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_two_thousand_children_that_do_nothing(tmp_path: Path) -> None:
    """Each has one thread and none of the parent's devices; the parent keeps nothing of them."""
    _run(
        """
for number in range(2_000):
    assert child(lambda: threading.active_count() == 1 and not claims.holds("a")), number
assert state() == before
assert size() - size_before < 4
assert [observation.value for observation in collect()] == [10.0, 20.0]
""",
        tmp_path,
    )


@pytest.mark.parametrize("collections", [1, 3])
def test_children_that_collect(tmp_path: Path, collections: int) -> None:
    """Each starts one thread, takes no device from its parent and ends without trouble."""
    _run(
        f"""
for number in range(300):
    assert child(lambda: [collect() for _ in range({collections})][-1] == [] and len(sampler_threads()) == 1), number
assert state() == before
assert size() - size_before < 8
""",
        tmp_path,
    )


def test_a_chain_of_forks(tmp_path: Path) -> None:
    """A program whose children fork in turn, and all collect: the last one has as much open as the first."""
    _run(
        """
claims.release()
first = descriptors()

def link(rest):
    def act():
        assert eventually(collect) and len(collect()) == 2
        claims.release()  # to the next one
        assert (descriptors(), len(forking._resets)) == (first, before[2]), rest
        return not rest or child(link(rest - 1))
    return act

assert child(link(100))
""",
        tmp_path,
    )


def test_forks_by_other_threads_in_the_middle_of_a_read(tmp_path: Path) -> None:
    """Eight threads fork while the sampler reads without pause: every child can sample by itself."""
    _run(
        """
import time
ScriptedDevices.read = lambda devices: time.sleep(0.002) or devices.now
answers = []

def fork():
    for _ in range(25):
        answers.append(child(lambda: eventually(lambda: sampler.latest() is not None, timeout=60)))

threads = [threading.Thread(target=fork) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert answers == [True] * 200
assert state() == before
""",
        tmp_path,
        interval=0.0001,
    )


def test_forks_while_other_threads_claim_and_collect(tmp_path: Path) -> None:
    """No lock that is held at the moment of a fork keeps a child from anything."""
    _run(
        """
done = threading.Event()

def ask():
    while not done.is_set():
        collect(), claims.is_free("c"), claims.lapse(), sampler.between(0, 2**62)

threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
for number in range(200):
    assert child(lambda: not claims.claim("a") and eventually(lambda: sampler.latest() is not None, timeout=60)), number
done.set()
for thread in threads:
    thread.join()
assert state() == before
""",
        tmp_path,
        interval=0.001,
    )
