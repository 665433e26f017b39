"""Several programs on one host, their death and their exit, with a smartctl that says what the test wants."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_nvml.driver import program_environment
from fake_nvml.sources import eventually
from fake_smartctl.program import FakeSmartctl, fixture, runs

# Collects ten times a second; prints how many points the disks have whenever that changes.
PROGRAM = """
import os, time
from fake_nvml.sink import Sink
from paddle_otel.hardware.reporting import HardwareReporting
from paddle_otel.hardware.smart import KIND
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.settings import Settings

settings = Settings(smart=True, smart_interval=1.0, lock_directory=os.environ["PADDLE_OTEL_LOCK_DIRECTORY"])
sampler = Sampler(lambda: [KIND.source(settings)])
sink = Sink()
reporting = HardwareReporting(sampler, [KIND])
reporting.start(sink.provider, 0.05)
deadline, known = time.monotonic() + 60, None
while time.monotonic() < deadline:
    points = len(sink.names())
    if points != known:
        print(points, flush=True)
        known = points
    time.sleep(0.1)
"""


class Program:
    """A program that reports the disks, if no other one does."""

    def __init__(self, output: Path, locks: Path) -> None:
        self._output = output
        variables = program_environment(PADDLE_OTEL_LOCK_DIRECTORY=str(locks))
        with output.open("wb") as file:
            self.process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=variables, stdout=file)

    @property
    def points(self) -> int | None:
        """How many points the disks have there; ``None`` before the first collection."""
        lines = self._output.read_text(encoding="utf-8").split()
        return int(lines[-1]) if lines else None


@pytest.fixture
def start(smartctl: FakeSmartctl, tmp_path: Path) -> Iterator[Callable[[], Program]]:
    """Start a program; all of them are killed in the end."""
    smartctl.disk("/dev/sda", fixture("ata_hdd"))
    programs: list[Program] = []

    def run() -> Program:
        programs.append(Program(tmp_path / f"output{len(programs)}", tmp_path / "locks"))
        return programs[-1]

    yield run
    for program in programs:
        program.process.kill()
        program.process.wait(30)


def test_one_process_of_several(start: Callable[[], Program], smartctl: FakeSmartctl) -> None:
    """Runs smartctl and reports the disks; when it is killed, another one does."""
    programs = [start() for _ in range(3)]
    assert eventually(lambda: all(program.points is not None for program in programs), 60)
    assert eventually(lambda: len(smartctl.callers) > 10, 60)
    assert eventually(lambda: any(program.points for program in programs))
    (owner,) = (program for program in programs if program.points)
    assert set(smartctl.callers) == {owner.process.pid}
    owner.process.kill()
    owner.process.wait(30)
    before = len(smartctl.callers)
    assert eventually(lambda: len(smartctl.callers) > before + 10, 60)
    others = [program for program in programs if program is not owner]
    assert eventually(lambda: any(program.points for program in others))
    (heir,) = (program for program in others if program.points)
    # The one that was killed may have had its last smartctl started, not finished.
    assert set(smartctl.callers[before + 2 :]) == {heir.process.pid}


EXIT = """
import atexit, os, sys, time
from fake_nvml.sink import Sink
from paddle_otel.hardware import reporting
from paddle_otel.hardware.reporting import REPORTING


started = []
atexit.register(lambda: print(time.monotonic() - started[0], flush=True))  # registered first, and so called last
sink = Sink()
REPORTING.start(sink.provider, 0.05)
while not os.path.exists(sys.argv[1] + "/on"):
    sink.names()
    time.sleep(0.05)
started.append(time.monotonic())
"""


def _exit(smartctl: FakeSmartctl, code: str = "") -> "subprocess.CompletedProcess[str]":
    smartctl.script("/dev/sda", f"touch {smartctl.folder}/on; sleep 600")
    return subprocess.run(
        [sys.executable, "-c", EXIT + code, str(smartctl.folder)],
        env=program_environment(PADDLE_OTEL_SMART="true", PADDLE_OTEL_LOCK_DIRECTORY=str(smartctl.folder / "locks")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_exit_with_a_hanging_smartctl(smartctl: FakeSmartctl) -> None:
    """The environment variable switches it on; the end of the program waits for nothing and leaves nothing behind."""
    ended = _exit(smartctl)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert float(ended.stdout) < 5
    assert len(smartctl.reads) == 1
    assert eventually(lambda: not any(runs(pid) for pid in smartctl.pids))


def test_stopping_with_a_hanging_smartctl(smartctl: FakeSmartctl) -> None:
    """The same when the instrumentation is switched off; the thread is gone then."""
    ended = _exit(
        smartctl,
        """
REPORTING.stop()
print(time.monotonic() - started[0])
import threading
deadline = time.monotonic() + 10
while threading.active_count() > 1 and time.monotonic() < deadline: time.sleep(0.01)
assert threading.active_count() == 1, threading.enumerate()
""",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert float(ended.stdout.split()[0]) < 5
    assert eventually(lambda: not any(runs(pid) for pid in smartctl.pids))


def test_killed_while_smartctl_runs(smartctl: FakeSmartctl) -> None:
    """A smartctl that works ends by itself then: it writes to nobody."""
    smartctl.script("/dev/sda", f"touch {smartctl.folder}/on; sleep 1; echo done; touch {smartctl.folder}/ended")
    ended = _killed(smartctl)
    assert ended == -signal.SIGKILL
    assert eventually(lambda: not any(runs(pid) for pid in smartctl.pids))


def _killed(smartctl: FakeSmartctl) -> int:
    process = subprocess.Popen(
        [sys.executable, "-c", EXIT + "os.kill(os.getpid(), 9)", str(smartctl.folder)],
        env=program_environment(PADDLE_OTEL_SMART="true", PADDLE_OTEL_LOCK_DIRECTORY=str(smartctl.folder / "locks")),
        stdout=subprocess.DEVNULL,
    )
    return process.wait(60)
