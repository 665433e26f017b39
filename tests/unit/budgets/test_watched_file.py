"""The budget file is followed: a change holds soon, a mistake changes nothing, and each is said once."""

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forked import in_child
from paddle_otel.budgets import Budget
from paddle_otel.budgets.budget import Scope
from paddle_otel.budgets.budget_file import FileContent, read_budgets
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.watched_file import LARGEST, WatchedFile
from paddle_otel.settings import Settings

_SAFETY = 20.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WatchedFile.__init__, "__defaults__", (0.02,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the budget file is."""
    return tmp_path / "budgets.yaml"


@pytest.fixture
def followed(budgets: Budgets, path: Path) -> Iterator[Callable[[], None]]:
    """Begin to follow the file; ended with the test."""
    yield lambda: budgets.load(Settings(budgets=str(path)))
    budgets.load(Settings())


def _text(*entries: str) -> str:
    return "budgets:\n" + "".join(f"  - {entry}\n" for entry in entries)


def _entry(name: str, limit: int | str, scope: Scope = "process", more: str = "") -> str:
    return f"{{name: {name}, scope: {scope}, limit: {limit}{more}}}"


def _limits(budgets: Budgets) -> dict[str, int]:
    return {budget.name: budget.limit for budget in budgets.budgets()}


def _becomes(read: Callable[[], object], expected: object) -> None:
    end = time.monotonic() + _SAFETY
    while read() != expected and time.monotonic() < end:
        time.sleep(0.01)
    assert read() == expected


def _replace(path: Path, content: str | bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.replace(path)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_the_file_holds_from_the_start(budgets: Budgets, path: Path, followed: Any) -> None:
    """Before the first request."""
    path.write_text(_text(_entry("a", 5)))
    followed()
    assert _limits(budgets) == {"a": 5}
    assert budgets.is_active is True


@pytest.mark.parametrize("write", [Path.write_text, _replace], ids=["written over", "replaced"])
def test_a_change_holds_for_what_runs(
    budgets: Budgets, path: Path, followed: Any, begin: Any, write: Callable[[Path, str], object]
) -> None:
    """Raised, lowered and removed, at a running generation's next step."""
    path.write_text(_text(_entry("a", 2, more=", action: stop")))
    followed()
    spending = begin()
    assert [spending.step(1), spending.step(1)] == [False, True]
    write(path, _text(_entry("a", 100, more=", action: stop")))
    _becomes(lambda: _limits(budgets), {"a": 100})
    assert spending.step(1) is False
    write(path, _text(_entry("a", 1, more=", action: stop")))
    _becomes(lambda: _limits(budgets), {"a": 1})
    assert spending.step(1) is True
    write(path, "budgets: []\n")
    _becomes(lambda: budgets.is_active, expected=False)
    assert spending.step(1) is False


def test_a_change_of_one_figure_is_seen(budgets: Budgets, path: Path, followed: Any) -> None:
    """The same size, written over right after the first reading, at the same time of the clock."""
    path.write_text(_text(_entry("a", 5)))
    stat = path.stat()
    followed()
    path.write_text(_text(_entry("a", 6)))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    _becomes(lambda: _limits(budgets), {"a": 6})


def test_a_file_that_changes_all_the_time_is_read_all_the_same(
    budgets: Budgets, path: Path, followed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is waited for to be complete, but not for ever."""
    numbers = itertools.count()

    def look(_: object) -> tuple[int]:
        return (next(numbers),)

    monkeypatch.setattr(WatchedFile, "_look", look)
    path.write_text(_text(_entry("a", 5)))
    followed()
    _replace(path, _text(_entry("a", 6)))
    _becomes(lambda: _limits(budgets), {"a": 6})


def test_a_link_that_is_swapped_is_followed(budgets: Budgets, tmp_path: Path, path: Path, followed: Any) -> None:
    """As Kubernetes updates a mounted ConfigMap: a link to a folder is replaced, the file's own link stays."""
    for version in (1, 2):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "budgets.yaml").write_text(_text(_entry("a", version)))
    (tmp_path / "..data").symlink_to("..1")
    path.symlink_to("..data/budgets.yaml")
    followed()
    assert _limits(budgets) == {"a": 1}
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    _becomes(lambda: _limits(budgets), {"a": 2})


def test_a_file_that_is_not_there_yet_is_waited_for(
    budgets: Budgets, path: Path, followed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """That it is missing is said once; gone again, its budgets stay."""
    followed()
    assert budgets.is_active is False
    _replace(path, _text(_entry("a", 5)))
    _becomes(lambda: _limits(budgets), {"a": 5})
    message = (
        f"PADDLE_OTEL_BUDGETS={path}: it cannot be used, and the budgets stay as they are: No such file or directory."
    )
    assert _warnings(caplog) == [message]
    path.unlink()
    _becomes(lambda: _warnings(caplog), [message, message])
    assert _limits(budgets) == {"a": 5}


def test_a_wrong_budget_stays_as_it_was_and_all_errors_are_one_line(
    budgets: Budgets, path: Path, followed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was never right is left out."""
    path.write_text(_text(_entry("a", 5), _entry("b", 6)))
    followed()
    caplog.clear()
    _replace(path, _text(_entry("a", "many"), _entry("b", 7), _entry("c", "1e6"), _entry("d", 8)))
    _becomes(lambda: _limits(budgets), {"b": 7, "d": 8, "a": 5})
    _becomes(lambda: len(_warnings(caplog)), 1)
    message = (
        f"PADDLE_OTEL_BUDGETS={path}: the budgets with these errors are left out, or stay as they were before the "
        "file was changed; all others apply: line 2, limit: expected a whole number such as 2000000 or 2_000_000, "
        "not 'many'; line 4, limit: expected a whole number such as 2000000 or 2_000_000, not '1e6'."
    )
    assert _warnings(caplog) == [message]


def test_of_very_many_errors_some_are_shown(path: Path, followed: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The rest is a number."""
    path.write_text(_text(*(_entry(f"b{number}", "x") for number in range(1000))))
    followed()
    (message,) = _warnings(caplog)
    assert message.endswith(
        "line 21, limit: expected a whole number such as 2000000 or 2_000_000, not 'x'; and 980 more."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"budgets: ]\n", "line 1: "),
        (b"", "the file is empty"),
        (b"budgets:\n- name: \xff\n", "line 2: it is not UTF-8."),
        (b"#" * (LARGEST + 1), f"it has more than {LARGEST} bytes."),
        (b"[" * 100_000, "too deep"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    budgets: Budgets, path: Path, followed: Any, caplog: pytest.LogCaptureFixture, content: bytes, reason: str
) -> None:
    """It says why, once."""
    path.write_text(_text(_entry("a", 5)))
    followed()
    caplog.clear()
    _replace(path, content)
    _becomes(lambda: len(_warnings(caplog)), 1)
    assert "it cannot be used, and the budgets stay as they are" in _warnings(caplog)[0]
    assert reason in _warnings(caplog)[0]
    assert _limits(budgets) == {"a": 5}
    _replace(path, _text(_entry("a", 6)))
    _becomes(lambda: _limits(budgets), {"a": 6})
    assert len(_warnings(caplog)) == 1


def test_the_same_mistake_is_said_once_however_often_the_file_is_touched(
    path: Path, followed: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is said."""
    seen: list[str] = []

    def noting(text: str) -> FileContent:
        seen.append(text)
        return read_budgets(text)

    monkeypatch.setattr("paddle_otel.budgets.watched_file.read_budgets", noting)
    path.write_text("budgets: wrong\n")
    followed()
    for _ in range(2):
        before = len(seen)
        _replace(path, "budgets: wrong\n")
        _becomes(lambda before=before: len(seen) > before, expected=True)
    assert len(_warnings(caplog)) == 1
    _replace(path, "budget: []\n")
    _becomes(lambda: len(_warnings(caplog)), 2)


def test_a_file_that_goes_again_is_said_again(
    budgets: Budgets, path: Path, followed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """In between it was back as it had been."""
    content = _text(_entry("a", 5))
    path.write_text(content)
    followed()
    path.unlink()
    _becomes(lambda: len(_warnings(caplog)), 1)

    def warnings_after_it_went_once_more() -> int:
        _replace(path, content)
        time.sleep(0.2)
        path.unlink()
        time.sleep(0.2)
        return len(_warnings(caplog))

    _becomes(lambda: warnings_after_it_went_once_more() > 1, expected=True)
    assert _limits(budgets) == {"a": 5}


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_waited_for(
    path: Path, followed: Any, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    """Opening a pipe would never end."""
    make(path)
    followed()
    assert [message.rpartition(": ")[2] for message in _warnings(caplog)] == ["it is no file."]


def test_a_name_that_no_file_can_have_is_said(budgets: Budgets, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing fails."""
    budgets.load(Settings(budgets="a\0b"))
    budgets.load(Settings())
    assert [message.rpartition(": ")[2] for message in _warnings(caplog)] == ["no file can have this name."]


def test_a_path_in_the_home_folder(budgets: Budgets, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell has looked at a variable that a service manager sets."""
    monkeypatch.setenv("HOME", str(path.parent))
    path.write_text(_text(_entry("a", 5)))
    budgets.load(Settings(budgets=f"~/{path.name}"))
    assert _limits(budgets) == {"a": 5}
    budgets.load(Settings())


def test_a_relative_path_is_of_the_folder_where_the_program_began(
    budgets: Budgets, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it goes to another folder, in which there is a file of the same name."""
    other = path.parent / "other"
    other.mkdir()
    (other / path.name).write_text(_text(_entry("a", 999)))
    path.write_text(_text(_entry("a", 5)))
    monkeypatch.chdir(path.parent)
    budgets.load(Settings(budgets=path.name))
    monkeypatch.chdir(other)
    path.write_text(_text(_entry("a", 60)))
    _becomes(lambda: _limits(budgets), {"a": 60})
    budgets.load(Settings())


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(budgets: Budgets, path: Path, followed: Any) -> None:
    """Editors write them."""
    path.write_bytes(b"\xef\xbb\xbf" + _text(_entry("客户", 5)).replace("\n", "\r\n").encode())
    followed()
    assert _limits(budgets) == {"客户": 5}


def test_a_budget_of_the_program_goes_before_one_of_the_file(budgets: Budgets, path: Path, followed: Any) -> None:
    """Until it is removed; what is in the file can only be removed there."""
    path.write_text(_text(_entry("a", 5), _entry("b", 6)))
    budgets.set_budget(Budget("a", "process", 1))
    followed()
    assert _limits(budgets) == {"a": 1, "b": 6}
    assert budgets.remove_budget("a") is True
    assert _limits(budgets) == {"a": 5, "b": 6}
    assert budgets.remove_budget("b") is False
    assert _limits(budgets) == {"a": 5, "b": 6}


def _followers() -> int:
    return sum(thread.name == "paddle-otel-budgets" for thread in threading.enumerate())


def test_loading_again_changes_nothing_and_another_file_takes_its_place(
    budgets: Budgets, path: Path, tmp_path: Path, followed: Any, begin: Any
) -> None:
    """There is one thread as long as there is a file; what runs notices nothing."""
    path.write_text(_text(_entry("a", 1, more=", action: stop")))
    followed()
    running = begin()
    for _ in range(3):
        followed()
    assert running.step(1) is True
    _becomes(_followers, 1)
    other = tmp_path / "other.yaml"
    other.write_text(_text(_entry("b", 6)))
    budgets.load(Settings(budgets=str(other)))
    assert _limits(budgets) == {"b": 6}
    _becomes(_followers, 1)
    budgets.load(Settings())
    assert budgets.budgets() == ()
    _becomes(_followers, 0)


def test_trouble_of_our_own_is_kept_from_the_program(
    budgets: Budgets, path: Path, followed: Any, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any
) -> None:
    """Following goes on."""
    path.write_text(_text(_entry("a", 5)))
    with monkeypatch.context() as bug:
        bug.setattr("paddle_otel.budgets.watched_file.read_budgets", None)
        followed()
        telemetry_trouble.expected = True
        assert telemetry_trouble.sites
    _becomes(lambda: _limits(budgets), {"a": 5})


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_follows_the_file_too(budgets: Budgets, path: Path, followed: Any) -> None:
    """A web server's workers are forked after the budgets were loaded."""
    path.write_text(_text(_entry("a", 5)))
    followed()

    def child() -> bool:
        _replace(path, _text(_entry("a", 6)))
        _becomes(lambda: _limits(budgets), {"a": 6})
        return True

    assert in_child(child) == 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_file_that_is_left_is_followed_in_no_child(path: Path) -> None:
    """Though somebody still holds it."""
    path.write_text(_text(_entry("a", 5)))
    file = WatchedFile(str(path), lambda _: None)
    file.follow()
    assert in_child(lambda: _followers() == 1) == 0
    file.leave()
    file.leave()
    assert in_child(lambda: _followers() == 0) == 0


def test_a_thousand_budgets_are_read(budgets: Budgets, path: Path, followed: Any) -> None:
    """Each with its own tenant."""
    path.write_text(_text(*(_entry(f"b{n}", n, "tenant", f", match: {{tenant: t{n}}}") for n in range(1000))))
    followed()
    assert len(budgets.budgets()) == 1000
