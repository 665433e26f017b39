"""Reads budgets from the text of a YAML file. Each stands alone: a wrong one does not keep the others out."""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from paddle_otel.budgets import yaml_values as values
from paddle_otel.budgets.budget import Budget

_yaml: Final[Any] = yaml  # its stubs leave types out
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 20
_SAMPLE: Final = Budget("sample", "process", 1)
_REQUIRED: Final = ("name", "scope", "limit")
_ACTION: Final = "action"


class Problem(NamedTuple):
    """What is wrong in a file.

    Attributes:
        line: In which line; the first is 1.
        field: Which field, empty for none.
        text: What is wrong.
    """

    line: int
    field: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}{self.field and f', {self.field}'}: {self.text}"


class UnusableFileError(ValueError):
    """A file of which nothing can be used."""


class FileContent(NamedTuple):
    """The budgets of a file.

    Attributes:
        budgets: Those that are right, by name.
        wrong: Names of those that are not, as far as they are known.
        problems: What is wrong.
    """

    budgets: dict[str, Budget]
    wrong: frozenset[str]
    problems: tuple[Problem, ...]


def read_budgets(text: str) -> FileContent:
    """Read the budgets of a file.

    Args:
        text: The file.

    Raises:
        UnusableFileError: It cannot be parsed, or is no mapping with a list ``budgets``.
    """
    entries, problems = _entries(_compose(text))
    budgets: dict[str, Budget] = {}
    wrong: set[str] = set()
    lines: dict[str, int] = {}
    for node in entries:
        entry = _Entry(node)
        budget = entry.budget()
        if entry.name is not None and entry.name in lines:
            problems.append(Problem(entry.line, "name", f"{entry.name!r} is the name of line {lines[entry.name]} too"))
        elif budget is not None:
            budgets[budget.name] = budget
        elif entry.name is not None:
            wrong.add(entry.name)
        if entry.name is not None:
            lines.setdefault(entry.name, entry.line)
        problems += entry.problems
    return FileContent(budgets, frozenset(wrong), tuple(sorted(problems)))


def _compose(text: str) -> Node | None:
    try:
        # The depth first: composing is recursive, in C too.
        depth = 0
        for event in _yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise UnusableFileError(f"line {event.start_mark.line + 1}: lists within lists, too deep")
        return _yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        raise UnusableFileError(f"{where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise UnusableFileError(" ".join(str(error).split())) from None


def _entries(root: Node | None) -> tuple[list[Node], list[Problem]]:
    if root is None:
        raise UnusableFileError("the file is empty; `budgets: []` says that there are none")
    if not isinstance(root, MappingNode):
        raise UnusableFileError(f"line {_line(root)}: expected `budgets:` and a list below it")
    found: list[Node] | None = None
    problems: list[Problem] = []
    for key, value in root.value:
        if key.value != "budgets":
            problems.append(_unknown(key, ("budgets",)))
        elif not isinstance(value, SequenceNode) or found is not None:
            raise UnusableFileError(f"line {_line(key)}, budgets: expected one list")
        else:
            found = value.value
    if found is None:
        raise UnusableFileError(str(problems[0]) if problems else "expected `budgets:` and a list below it")
    return found, problems


class _Entry:
    """One budget of a file."""

    def __init__(self, node: Node) -> None:
        self.line = _line(node)
        self.name: str | None = None
        self.problems: list[Problem] = []
        self._nodes = self._fields(node)
        self._found: dict[str, Any] = {}

    def budget(self) -> Budget | None:
        """Return the budget if all is right."""
        for name, read in _READERS.items():
            self._read(name, read)
        self.name = self._found.get("name")
        limit = self._found.get("limit")
        if limit is not None:
            self._read("warn_at", lambda node: values.threshold(node, limit))
        missing = [name for name in _REQUIRED if name not in self._nodes]
        if missing and not self.problems:
            self.problems.append(Problem(self.line, missing[0], "is missing"))
        return None if self.problems else Budget(**self._found)

    def _fields(self, node: Node) -> Mapping[str, Node]:
        found: dict[str, Node] = {}
        if not isinstance(node, MappingNode):
            self.problems.append(Problem(self.line, "", "expected a budget: name, scope, limit, …"))
            return found
        for key, value in node.value:
            if key.value not in _FIELDS:
                self.problems.append(_unknown(key, _FIELDS))
            elif key.value in found:
                self.problems.append(Problem(_line(key), key.value, "is there twice"))
            else:
                found[key.value] = value
        return found

    def _read(self, name: str, read: Callable[[Node], Any]) -> None:
        node = self._nodes.get(name)
        if node is None:
            return
        field = "actions" if name == _ACTION else name
        try:
            value = read(node)
            dataclasses.replace(_SAMPLE, **{field: value})
            self._found[field] = value
        except ValueError as error:
            text = str(error).removeprefix(f"{field}: ").removeprefix("seconds: ")
            self.problems.append(Problem(_line(node), name, text))


_READERS: Final[Mapping[str, Callable[[Node], Any]]] = {
    "name": values.text,
    "scope": values.text,
    "limit": values.whole,
    "window": values.window,
    "counts": values.text,
    _ACTION: values.texts,
    "match": values.mapping,
    "on_failure": values.text,
}
_FIELDS: Final = (*_READERS, "warn_at")


def _unknown(key: Node, known: tuple[str, ...]) -> Problem:
    name = str(key.value) if isinstance(key.value, str) else "a list or mapping"
    close = difflib.get_close_matches(name[:80], known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    return Problem(_line(key), repr(name[:80])[1:-1], f"there is no such field; {hint}")


def _line(node: Node) -> int:
    return node.start_mark.line + 1
