"""Running a program that may hang, print too much, leave children behind, or not be there."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_nvml.sources import eventually
from fake_smartctl.program import runs
from paddle_otel.hardware.smart import program
from paddle_otel.hardware.smart.program import OUTPUT_BYTES, Answer, Ending, Runner, Unkillable

LONG = 30.0


@pytest.fixture
def runner() -> Iterator[Runner]:
    """A runner; what it runs ends with the test."""
    runner = Runner({})
    yield runner
    runner.cancel()


def _shell(code: str) -> list[str]:
    return ["/bin/sh", "-c", code]


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _pid(file: Path) -> int:
    assert eventually(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def test_output_and_status(runner: Runner) -> None:
    """Both are told, whatever the status is: smartctl's is a set of bits beside a full answer."""
    assert runner.run(_shell("printf answer; exit 24"), LONG) == Answer(Ending.EXITED, b"answer", 24)


def test_surroundings(runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No input, English messages, no secrets of this program, no shell, and a folder that is always there."""
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.chdir(tmp_path)
    output = runner.run(["/bin/sh", "-c", "env; pwd; cat; echo $#", "sh", "a b;$(id)", "*"], LONG).output
    lines = output.decode().splitlines()
    assert "LC_ALL=C" in lines
    assert "SECRET" not in output.decode()
    assert lines[-2:] == ["/", "2"]


def test_error_output_goes_nowhere(runner: Runner, capfd: pytest.CaptureFixture[str]) -> None:
    """It is not for the user's console."""
    assert runner.run(_shell("echo out; echo err >&2"), LONG).output == b"out\n"
    assert capfd.readouterr() == ("", "")


def test_program_that_is_not_there(runner: Runner, tmp_path: Path) -> None:
    """Deleted since it was found, or no program at all."""
    assert runner.run([str(tmp_path / "none")], LONG) == Answer(Ending.NOT_STARTED)
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert runner.run([str(tmp_path / "text")], LONG) == Answer(Ending.NOT_STARTED)


def test_time_limit(runner: Runner, tmp_path: Path) -> None:
    """A hanging program is killed with its children, and what it printed is not used."""
    code = f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/self; echo half; wait"
    before = time.monotonic()
    assert runner.run(_shell(code), 0.3) == Answer(Ending.TIMED_OUT)
    assert 0.3 <= time.monotonic() - before < 5
    assert eventually(lambda: not runs(_pid(tmp_path / "child")))
    assert not runs(_pid(tmp_path / "self"))


def test_program_that_closes_its_output_and_hangs(runner: Runner) -> None:
    """The limit holds for the program, not for its output."""
    before = time.monotonic()
    assert runner.run(_shell("echo answer; exec >&-; sleep 600"), 0.3) == Answer(Ending.TIMED_OUT)
    assert time.monotonic() - before < 5


def test_program_that_ignores_signals(runner: Runner) -> None:
    """There is one that it cannot ignore."""
    before = time.monotonic()
    assert runner.run(_shell("trap '' TERM INT HUP PIPE; while :; do sleep 1; done"), 0.3).ending is Ending.TIMED_OUT
    assert time.monotonic() - before < 5


def test_child_that_is_left_behind(runner: Runner, tmp_path: Path) -> None:
    """It holds the pipe open; the answer is there all the same, at once, and the child is killed."""
    before = time.monotonic()
    answer = runner.run(_shell(f"sleep 600 & echo $! > {tmp_path}/child; echo answer"), LONG)
    assert answer == Answer(Ending.EXITED, b"answer\n", 0)
    assert time.monotonic() - before < 5
    assert eventually(lambda: not runs(_pid(tmp_path / "child")))


def test_many_children(runner: Runner, tmp_path: Path) -> None:
    """All of them are killed."""
    code = f"for i in 1 2 3 4 5 6 7 8; do (sleep 600 & echo $! > {tmp_path}/$i; wait) & done; wait"
    assert runner.run(_shell(code), 1.0).ending is Ending.TIMED_OUT
    assert eventually(lambda: not any(runs(_pid(tmp_path / str(number))) for number in range(1, 9)))


def test_output_limit(runner: Runner) -> None:
    """What prints without end is killed before it fills the memory."""
    before = time.monotonic()
    assert runner.run(_shell("exec yes"), 5) == Answer(Ending.TOO_LONG)
    assert time.monotonic() - before < 10
    exactly = f"head -c {OUTPUT_BYTES} /dev/zero"
    assert len(runner.run(_shell(exactly), LONG).output) == OUTPUT_BYTES
    assert runner.run(_shell("head -c 50000000 /dev/zero"), LONG) == Answer(Ending.TOO_LONG)


def test_no_file_is_left_open(runner: Runner) -> None:
    """However a program ends."""
    runner.run(_shell("exit 0"), LONG)
    before = _open_files()
    for code, limit in (("exit 0", LONG), ("sleep 600", 0.05), ("exec yes", 5), ("exec /none", LONG)):
        runner.run(_shell(code), limit)
    runner.run(["/none"], LONG)
    assert _open_files() == before


def test_cancelling_from_another_thread(runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The program is killed at once, and nothing is run any more."""
    answers: list[Answer] = []
    code = f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/self; wait"
    thread = threading.Thread(target=lambda: answers.append(runner.run(_shell(code), LONG)))
    thread.start()
    child, shell = _pid(tmp_path / "child"), _pid(tmp_path / "self")
    before = time.monotonic()
    runner.cancel()
    assert time.monotonic() - before < 5
    thread.join(10)
    assert answers == [Answer(Ending.CANCELLED)]
    assert eventually(lambda: not runs(child) and not runs(shell))
    monkeypatch.setattr(subprocess, "Popen", None)
    assert runner.run(_shell("exit 0"), LONG) == Answer(Ending.CANCELLED)


def test_cancelled_program_did_not_end_by_itself(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also when it is seen only after its end."""
    answers: list[Answer] = []
    exited = program._exited  # noqa: SLF001 - made slow  # pyright: ignore[reportPrivateUsage]

    def late(process: "subprocess.Popen[bytes]") -> bool:
        assert eventually(lambda: exited(process))
        return True

    thread = threading.Thread(
        target=lambda: answers.append(runner.run(_shell(f"exec >&-; echo $$ > {tmp_path}/self; sleep 600"), LONG))
    )
    monkeypatch.setattr(program, "_exited", late)
    thread.start()
    _pid(tmp_path / "self")
    runner.cancel()
    thread.join(10)
    assert answers == [Answer(Ending.CANCELLED)]


def test_cancelling_while_a_program_is_being_started(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes long to start a program does not hold up who cancels; the program is killed then."""
    started, may_go = threading.Event(), threading.Event()
    popen = subprocess.Popen

    def slow(*args: object, **kwargs: object) -> object:
        started.set()
        may_go.wait(10)
        return popen(*args, **kwargs)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType]

    monkeypatch.setattr(subprocess, "Popen", slow)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(runner.run(_shell("sleep 600"), LONG)))
    thread.start()
    assert started.wait(10)
    before = time.monotonic()
    runner.cancel()
    assert time.monotonic() - before < 5
    may_go.set()
    thread.join(10)
    assert answers == [Answer(Ending.CANCELLED)]


def test_program_that_cannot_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One inside a hanging driver: it is waited for a short while only, and no second one joins it."""

    def no_kill(_group: int, _signal: int) -> None:
        pass

    unkillable: Unkillable = {}
    command = _shell("sleep 600")
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", no_kill)
        before = time.monotonic()
        assert Runner(unkillable).run(command, 0.1) == Answer(Ending.TIMED_OUT)
        assert time.monotonic() - before < 5
    (process,) = unkillable.values()
    assert Runner(unkillable).run(command, LONG) == Answer(Ending.UNKILLABLE)
    assert Runner(unkillable).run(_shell("echo other"), LONG).output == b"other\n"
    os.killpg(process.pid, signal.SIGKILL)
    assert eventually(lambda: not runs(process.pid))
    assert Runner(unkillable).run(command, 0.1) == Answer(Ending.TIMED_OUT)
    assert unkillable == {}


RUN = """
import os, signal, sys, threading, time
from paddle_otel.hardware.smart.program import Runner
runner = Runner({})
def shell(code): return ["/bin/sh", "-c", code]
"""


def _program(code: str, folder: Path, standard_input: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", RUN + code, str(folder)]
    return subprocess.run(command, input=standard_input, capture_output=True, text=True, timeout=60, check=False)


def test_standard_input_is_the_users(tmp_path: Path) -> None:
    """What is typed into the user's program is not for smartctl."""
    ended = _program("""print(runner.run(shell("cat"), 30).output, input())""", tmp_path, "typed\n")
    assert (ended.stdout, ended.stderr) == ("b'' typed\n", "")


def test_program_that_ignores_its_children(tmp_path: Path) -> None:
    """The kernel throws their status away then; what they printed is there, and nobody else is killed."""
    ended = _program(
        """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(runner.run(shell("echo answer; exit 3"), 30))
""",
        tmp_path,
    )
    assert (ended.stdout, ended.stderr) == (
        "Answer(ending=<Ending.EXITED: 'exited'>, output=b'answer\\n', status=None)\n",
        "",
    )


def test_program_that_waits_for_every_child(tmp_path: Path) -> None:
    """As gunicorn does; it may take the status from us, the answer stays."""
    ended = _program(
        """
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, reap)
answers = []
thread = threading.Thread(target=lambda: answers.extend(runner.run(shell("echo answer"), 30) for _ in range(20)))
thread.start()
while thread.is_alive(): time.sleep(0.01)
print({answer.output for answer in answers}, {answer.ending.value for answer in answers})
print({answer.status for answer in answers} <= {0, None})
""",
        tmp_path,
    )
    assert (ended.stdout, ended.stderr) == ("{b'answer\\n'} {'exited'}\nTrue\n", "")


def test_forked_child_leaves_the_parents_program_alone(tmp_path: Path) -> None:
    """It may cancel, and neither kills what is the parent's nor hangs on a lock that was held during the fork."""
    ended = _program(
        """
thread = threading.Thread(target=lambda: print(runner.run(shell(f"touch {sys.argv[1]}/on; sleep 2; echo done"), 30)))
thread.start()
while not os.path.exists(sys.argv[1] + "/on"): time.sleep(0.01)
with runner._lock, runner._cancelled._cond:
    pid = os.fork()
    if not pid:
        runner.cancel()
        os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
thread.join()
""",
        tmp_path,
    )
    assert (ended.stdout, ended.stderr) == (
        "Answer(ending=<Ending.EXITED: 'exited'>, output=b'done\\n', status=0)\n",
        "",
    )
