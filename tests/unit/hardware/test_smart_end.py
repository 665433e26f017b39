"""The end of the source, of the program and of forked children, while smartctl runs."""

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from fake_nvml.sources import Clock, eventually
from fake_smartctl.program import FakeSmartctl, fixture, runs
from fake_smartctl.rounds import INTERVAL, after_round, read, smart_threads
from paddle_otel.hardware.smart.source import SmartSource


def test_closing_while_smartctl_runs(smart: SmartSource, smartctl: FakeSmartctl) -> None:
    """It is killed, the thread ends, and a later start begins anew."""
    smartctl.script("/dev/sda", "sleep 600")
    read(smart)
    read(smart)
    assert eventually(lambda: len(smartctl.reads) == 1)
    before = time.monotonic()
    smart.close()
    assert time.monotonic() - before < 5
    assert eventually(lambda: not smart_threads())
    assert not any(runs(pid) for pid in smartctl.pids)
    smart.close()
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    readings = smart.read()
    assert readings is not None
    assert not readings.duty.held  # anew: it must be asked for again
    assert len(after_round(smart)) == 1


def test_closing_while_smartctl_cannot_be_killed(
    smart: SmartSource, smartctl: FakeSmartctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a hanging driver: nobody waits for that."""

    def no_kill(_group: int, _signal: int) -> None:
        pass

    smartctl.script("/dev/sda", "exec sleep 600")
    read(smart)
    read(smart)
    assert eventually(lambda: len(smartctl.reads) == 1)
    with monkeypatch.context() as unkillable:
        unkillable.setattr(os, "killpg", no_kill)
        before = time.monotonic()
        smart.close()
        assert time.monotonic() - before < 5
        assert eventually(lambda: not smart_threads())
    os.kill(smartctl.pids[-1], signal.SIGKILL)
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    assert len(after_round(smart)) == 1


def test_what_is_called_at_exit(
    smart: SmartSource, smartctl: FakeSmartctl, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One function, however many rounds there are, and none when it is closed."""
    called: list[Callable[[], object]] = []
    monkeypatch.setattr(atexit, "register", called.append)
    monkeypatch.setattr(atexit, "unregister", called.remove)
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    for _ in range(2):
        for _ in range(3):
            after_round(smart)
            clock.now += INTERVAL
        assert len(called) == 1
        smart.close()
        assert called == []
    assert len(smartctl.reads) == 6
    monkeypatch.undo()


PROGRAM = """
import atexit, os, sys, threading, time
at_the_very_end = []
atexit.register(lambda: [act() for act in at_the_very_end])
from paddle_otel.hardware.smart import KIND
from paddle_otel.hardware.smart.round import Round
from paddle_otel.hardware.smart.source import SmartSource
from paddle_otel.settings import Settings
source = SmartSource(Settings(smart=True, smart_interval=300.0))
def read():
    return KIND.reported(source.read(), lambda _: True)
read(), read()
while not os.path.exists(sys.argv[1] + "/on"): time.sleep(0.01)
"""


def _program(smartctl: FakeSmartctl, code: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM + code, str(smartctl.folder)]
    smartctl.script("/dev/sda", f"touch {smartctl.folder}/on; sleep 600")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_exit_while_smartctl_runs(smartctl: FakeSmartctl) -> None:
    """The program ends at once, and smartctl with it."""
    ended = _program(smartctl, "print(time.monotonic())")
    after = time.monotonic()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert after - float(ended.stdout) < 5  # the interpreter's own end included
    assert eventually(lambda: not any(runs(pid) for pid in smartctl.pids))


def test_no_round_begins_at_exit(smartctl: FakeSmartctl) -> None:
    """The sampler may read once more while the program ends; nothing would end what begins then."""
    ended = _program(
        smartctl,
        """
source._rounds._interval = 0.0
def act():
    for _ in range(100):
        read()
        time.sleep(0.01)
        source._rounds._due = 0.0
    print(len(open(sys.argv[1] + "/calls").readlines()))
at_the_very_end.append(act)
""",
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "2\n", "")


def test_exit_of_a_forked_child_while_smartctl_runs(smartctl: FakeSmartctl) -> None:
    """Its exit is not the parent's: smartctl goes on, and the child hangs on nothing."""
    ended = _program(
        smartctl,
        """
pid = os.fork()
if not pid:
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
time.sleep(0.2)
smartctl = int(open(sys.argv[1] + "/pids").read().split()[-1])
os.kill(smartctl, 0)
print(open(f"/proc/{smartctl}/stat").read().split()[2] in "SR", len(threading.enumerate()))
""",
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True 2\n", "")


def test_forked_child_reads_for_itself(smartctl: FakeSmartctl) -> None:
    """With a source of its own, as the sampler gives it; the parent's is left alone."""
    ended = _program(
        smartctl,
        """
pid = os.fork()
if not pid:
    source = SmartSource(Settings(smart=True, smart_interval=300.0))
    read(), read()
    calls = len(open(sys.argv[1] + "/calls").readlines())
    while len(open(sys.argv[1] + "/calls").readlines()) < 4: time.sleep(0.01)
    source.close()
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
""",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
