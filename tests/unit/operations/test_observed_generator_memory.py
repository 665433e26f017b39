"""An observed generator holds nothing that the plain one would not hold, and ends when it is let go of."""

import contextlib
import gc
import subprocess
import sys
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from paddle_otel.decorators.generators import observed_generator


class Watch:
    """Notes how it ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def enter(self) -> None:
        """Do nothing."""

    def leave(self) -> None:
        """Do nothing."""

    def gave(self, value: Any) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Note it."""
        self.ends.append("finished")

    def closed(self) -> None:
        """Note it."""
        self.ends.append("closed")

    def failed(self, error: BaseException) -> None:
        """Note it."""
        self.ends.append(f"failed {type(error).__name__}")


class Result:
    """A large result."""


class OwnError(ValueError):
    """An exception that can be weakly referenced."""


class Urgent(KeyboardInterrupt):
    """One that is no ``Exception``."""


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """What goes, goes by its last reference: a cycle would keep a result until the collector runs."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def results() -> Generator[Any, Any, str]:
    """Give results, and hold none; go on after a ValueError."""
    while True:
        with contextlib.suppress(ValueError):
            if (yield Result()) == "end":
                return "end"


def counted() -> Generator[int, None, None]:
    """Give numbers and catch nothing."""
    yield 1
    yield 2


def test_a_value_that_was_given() -> None:
    """A result goes as soon as the program lets go of it, while the generator waits."""
    outer = observed_generator(results(), Watch)
    for _ in range(2):
        gone = weakref.ref(next(outer))
        assert gone() is None
    outer.close()


def test_a_value_that_was_sent() -> None:
    """What was sent goes too."""
    outer, sent = observed_generator(results(), Watch), Result()
    next(outer)
    outer.send(sent)
    gone = weakref.ref(sent)
    del sent
    assert gone() is None
    outer.close()


def test_an_exception_that_was_caught_inside() -> None:
    """An exception that was thrown in, and caught by the generator, goes with the frames it passed through."""
    outer, error = observed_generator(results(), Watch), OwnError()
    next(outer)
    outer.throw(error)
    gone = weakref.ref(error)
    del error
    assert gone() is None
    outer.close()


@pytest.mark.parametrize("kind", [OwnError, Urgent])
def test_an_exception_that_came_out(kind: type[BaseException]) -> None:
    """An exception that came out is not held by the frames in its own traceback."""
    outer = observed_generator(counted(), Watch)
    next(outer)
    gone: list[weakref.ref[BaseException]] = []
    try:
        outer.throw(kind())
    except kind as error:
        gone.append(weakref.ref(error))
    assert [reference() for reference in gone] == [None]


def test_the_generator_itself() -> None:
    """An abandoned generator is closed at once, the inner one with it, and both go."""
    watch, closed = Watch(), list[str]()

    def inner() -> Generator[Any, Any, None]:
        try:
            yield 1
        finally:
            closed.append("inner")

    made = inner()
    gone = weakref.ref(made)
    outer = observed_generator(made, lambda: watch)
    del made
    next(outer)
    assert (watch.ends, closed) == ([], [])
    del outer
    assert (watch.ends, closed, gone()) == (["closed"], ["inner"], None)


def test_one_that_is_part_of_a_cycle() -> None:
    """One that is only found by the collector is closed by it."""
    watch, holder = Watch(), list[Any]()
    outer = observed_generator(results(), lambda: watch)
    holder.extend([outer, holder])
    next(outer)
    del outer, holder
    assert watch.ends == []
    gc.collect()
    assert watch.ends == ["closed"]


AT_EXIT = """
import sys
from paddle_otel.decorators.generators import observed_generator

class Watch:
    def enter(self): pass
    def leave(self): pass
    def gave(self, value): pass
    def finished(self): pass
    def closed(self): print("closed")
    def failed(self, error): print("failed", error)

def inner():
    try:
        yield 1
    finally:
        print("inner")

outer = observed_generator(inner(), Watch)
next(outer)
sys.kept = KEPT
print("end")
"""


@pytest.mark.parametrize(("kept", "said"), [("None", ["end", "inner", "closed"]), ("outer", ["end"])])
def test_at_the_end_of_the_program(kept: str, said: list[str]) -> None:
    """One that still waits when the interpreter ends is closed, or not, as the plain one; nothing complains."""
    run = subprocess.run(
        [sys.executable, "-c", AT_EXIT.replace("KEPT", kept)],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == said
