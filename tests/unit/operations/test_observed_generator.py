"""A generator that is observed gives, takes, raises and ends exactly as the plain one."""

import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from typing import Any

import pytest

from paddle_otel.decorators.generators import observed_generator

Gen = Generator[Any, Any, Any]


class Watch:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def enter(self) -> None:
        """Note it."""
        self.told.append("enter")

    def leave(self) -> None:
        """Note it."""
        self.told.append("leave")

    def gave(self, value: Any) -> None:
        """Note it."""
        self.told.append(f"gave {value}")

    def finished(self) -> None:
        """Note it."""
        self.told.append("finished")

    def closed(self) -> None:
        """Note it."""
        self.told.append("closed")

    def failed(self, error: BaseException) -> None:
        """Note it."""
        self.told.append(f"failed {type(error).__name__}")


def one_part(*rest: str) -> list[str]:
    """Return what is told of one part of the work."""
    return ["enter", "leave", *rest]


def counting() -> Gen:
    """Give two values, return a third."""
    yield 1
    yield 2
    return 3


def echoing() -> Gen:
    """Give back what it is sent."""
    got = yield "ready"
    while got != "end":
        got = yield got
    return "bye"


def forgiving() -> Gen:
    """Go on after every ValueError."""
    while True:
        try:
            yield "value"
        except ValueError as error:  # noqa: PERF203 - the subject
            yield f"caught {error}"


def cleaning() -> Gen:
    """Give a value while it is closed."""
    try:
        yield 1
    finally:
        yield 2


def returning_at_close() -> Gen:
    """Return something when it is closed."""
    try:
        yield 1
    except GeneratorExit:
        return 5


def failing_at_close() -> Gen:
    """Raise when it is closed."""
    try:
        yield 1
    finally:
        raise LookupError("mine")


def stopping() -> Gen:
    """Raise StopIteration, which a generator must not."""
    yield 1
    raise StopIteration(4)  # noqa: PLR1708 - the subject


def exiting() -> Gen:
    """Raise GeneratorExit by itself."""
    yield 1
    raise GeneratorExit


def failing() -> Gen:
    """Raise while it handles something else."""
    yield 1
    try:
        raise KeyError("inner")  # noqa: TRY301 - the subject
    except KeyError:
        raise ValueError("outer")  # noqa: B904 - the implicit context is the subject


def outcome(make: Callable[[], Gen], actions: list[tuple[str, Any]]) -> list[Any]:
    """Do things to a generator; return what comes of each, exceptions with their chain of causes."""
    generator, found = make(), list[Any]()
    for action, value in actions:
        try:
            if action == "next":
                found.append(next(generator))
            else:
                method = getattr(generator, action)
                found.append(method(value) if action != "close" else method())
        except BaseException as error:  # noqa: BLE001, PERF203 - what comes out is the subject
            found.append(chain(error))
    return found


def chain(error: BaseException | None) -> list[Any]:
    """Return an exception, its arguments, and the same of what it came from."""
    if error is None:
        return []
    value = getattr(error, "value", None)
    return [
        type(error),
        error.args,
        value,
        error.__suppress_context__,
        chain(error.__cause__),
        chain(error.__context__),
    ]


NEXT = ("next", None)
CLOSE = ("close", None)
STORIES: list[tuple[Callable[[], Gen], list[tuple[str, Any]]]] = [
    (counting, [NEXT, NEXT, NEXT, NEXT]),
    (counting, [CLOSE, NEXT]),
    (counting, [NEXT, CLOSE, CLOSE, NEXT]),
    (counting, [("throw", KeyError("k")), NEXT]),
    (counting, [NEXT, ("throw", KeyError("k")), NEXT]),
    (counting, [NEXT, ("throw", StopIteration(1)), NEXT]),
    (counting, [NEXT, ("throw", GeneratorExit()), NEXT]),
    (counting, [NEXT, ("throw", KeyboardInterrupt()), NEXT]),
    (counting, [("send", 1), NEXT]),
    (echoing, [NEXT, ("send", "a"), ("send", None), ("send", "b"), NEXT, ("send", "end")]),
    (forgiving, [NEXT, ("throw", ValueError("a")), NEXT, ("throw", ValueError("b")), ("throw", ValueError("c"))]),
    (forgiving, [NEXT, ("throw", ValueError("a")), CLOSE, NEXT]),
    (cleaning, [NEXT, CLOSE, NEXT]),
    (cleaning, [NEXT, ("throw", GeneratorExit()), NEXT]),
    (cleaning, [NEXT, ("throw", KeyError("k")), NEXT]),
    (returning_at_close, [NEXT, CLOSE, NEXT]),
    (returning_at_close, [NEXT, ("throw", GeneratorExit()), NEXT]),
    (failing_at_close, [NEXT, CLOSE, NEXT]),
    (stopping, [NEXT, NEXT, NEXT]),
    (exiting, [NEXT, NEXT, NEXT]),
    (failing, [NEXT, NEXT, NEXT]),
]


@pytest.mark.parametrize(("make", "actions"), STORIES)
def test_as_the_plain_one(make: Callable[[], Gen], actions: list[tuple[str, Any]]) -> None:
    """Whatever is done to it, the same comes of it, observed or not."""
    plain = outcome(make, actions)
    assert outcome(lambda: observed_generator(make(), Watch), actions) == plain
    assert outcome(lambda: observed_generator(make(), lambda: None), actions) == plain


@pytest.mark.parametrize(
    ("make", "actions", "told"),
    [
        (counting, [NEXT], one_part("gave 1")),
        (
            counting,
            [NEXT, NEXT, NEXT, NEXT],
            [*one_part("gave 1"), *one_part("gave 2"), *one_part("finished")],
        ),
        (counting, [CLOSE], []),
        (counting, [("throw", KeyError())], []),
        (counting, [NEXT, CLOSE, CLOSE], [*one_part("gave 1"), *one_part("closed")]),
        (counting, [NEXT, ("throw", GeneratorExit())], [*one_part("gave 1"), *one_part("closed")]),
        (counting, [NEXT, ("throw", KeyError())], [*one_part("gave 1"), *one_part("failed KeyError")]),
        (
            counting,
            [NEXT, ("throw", KeyboardInterrupt())],
            [*one_part("gave 1"), *one_part("failed KeyboardInterrupt")],
        ),
        (returning_at_close, [NEXT, CLOSE], [*one_part("gave 1"), *one_part("closed")]),
        (failing_at_close, [NEXT, CLOSE], [*one_part("gave 1"), *one_part("failed LookupError")]),
        (stopping, [NEXT, NEXT], [*one_part("gave 1"), *one_part("failed RuntimeError")]),
        (exiting, [NEXT, NEXT], [*one_part("gave 1"), *one_part("failed GeneratorExit")]),
        (failing, [NEXT, NEXT], [*one_part("gave 1"), *one_part("failed ValueError")]),
        (cleaning, [NEXT, CLOSE, NEXT], [*one_part("gave 1"), *one_part("gave 2", "closed")]),
        (
            forgiving,
            [NEXT, ("throw", ValueError("a")), CLOSE],
            [*one_part("gave value"), *one_part("gave caught a"), *one_part("closed")],
        ),
    ],
)
def test_what_is_told(make: Callable[[], Gen], actions: list[tuple[str, Any]], told: list[str]) -> None:
    """Each part is entered and left; there is exactly one end, of the right kind, and nothing after it."""
    watch = Watch()
    outer = observed_generator(make(), lambda: watch)
    outcome(lambda: outer, actions)
    assert watch.told == told


def test_it_starts_when_the_first_value_is_asked_for() -> None:
    """Making it starts nothing; neither does letting go of it."""
    started: list[int] = []

    def start() -> Watch:
        started.append(1)
        return Watch()

    outer = observed_generator(counting(), start)
    assert started == []
    assert next(outer) == 1
    next(outer)
    assert started == [1]
    del outer
    observed_generator(counting(), start).close()
    assert started == [1]


def test_it_is_a_generator_of_the_same_name() -> None:
    """What looks at it finds a generator, its name and its state."""
    outer: Any = observed_generator(counting(), Watch)
    assert (type(outer), outer.__name__, outer.__qualname__) == (type(counting()), "counting", "counting")
    assert inspect.getgeneratorstate(outer) == "GEN_CREATED"
    next(outer)
    assert inspect.getgeneratorstate(outer) == "GEN_SUSPENDED"
    outer.close()
    assert inspect.getgeneratorstate(outer) == "GEN_CLOSED"


def test_one_that_asks_itself() -> None:
    """A generator that is running refuses to be asked, as the plain one does, and is still observed to its end."""
    watch, holder = Watch(), list[Gen]()

    def asking_itself() -> Gen:
        try:
            next(holder[0])
        except ValueError as error:
            yield str(error)

    holder.append(observed_generator(asking_itself(), lambda: watch))
    assert list(holder[0]) == ["generator already executing"]
    assert watch.told == [*one_part("gave generator already executing"), *one_part("finished")]


def test_each_value_in_another_thread() -> None:
    """Every value may be asked for from another thread."""
    watch, found = Watch(), list[int]()
    outer = observed_generator(counting(), lambda: watch)
    for _ in range(3):
        thread = threading.Thread(target=lambda: found.extend([next(outer, 0)]))
        thread.start()
        thread.join()
    assert found == [1, 2, 0]
    assert watch.told == [*one_part("gave 1"), *one_part("gave 2"), *one_part("finished")]


def test_the_traceback_ends_where_it_was_raised() -> None:
    """The innermost lines of a traceback are the generator's own."""
    outer = observed_generator(failing(), Watch)
    next(outer)
    with pytest.raises(ValueError, match="outer") as caught:
        next(outer)
    own = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (own.name, own.line) == (
        "failing",
        'raise ValueError("outer")  # noqa: B904 - the implicit context is the subject',
    )
    assert sys.exc_info() == (None, None, None)
