"""Modules that tests patch: written to a folder, imported from there, forgotten afterwards."""

import ctypes
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from paddle_otel.patching import Patch, PatchSet

SOURCE: Final = """
class Base:
    def method(self, a, b=1):
        return (self, a, b)

    @classmethod
    def made(cls, x=0):
        return (cls, x)

    @staticmethod
    def plain(x):
        return x

    def broken(self):
        raise LookupError("the user's own", 7)


class Child(Base):
    pass


def function(x, *, y=2):
    return (x, y)
"""

_numbers: Final = itertools.count()


class Target:
    """A module on ``sys.path`` that is not imported yet; no two have the same name."""

    def __init__(self, folder: Path) -> None:
        self.name = f"patch_target_{next(_numbers)}"
        self._file = folder / f"{self.name}.py"
        self.write(SOURCE)

    def write(self, source: str) -> None:
        """Write the module's source."""
        self._file.write_text(source, encoding="utf-8")
        importlib.invalidate_caches()

    def load(self) -> Any:
        """Import the module, as the program would."""
        return importlib.import_module(self.name)

    def patch(self, name: str, wrapper: Callable[..., Any]) -> Patch:
        """Return a patch of something in the module."""
        return Patch(self.name, name, wrapper)


class Seen:
    """A wrapper that notes what it was called for, and calls it."""

    def __init__(self) -> None:
        self.instances: list[Any] = []

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note the instance; pass the call on."""
        self.instances.append(instance)
        return wrapped(*args, **kwargs)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A module that can be imported and is not yet."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made = Target(tmp_path)
    yield made
    sys.modules.pop(made.name, None)


@pytest.fixture
def patches() -> Iterator[PatchSet]:
    """A set of patches that is undone when the test ends."""
    made = PatchSet("a test")
    yield made
    made.undo()


def instance_method(function: Callable[..., Any]) -> Any:
    """Return what pybind makes of a C++ method: a builtin that binds, without being a Python function."""
    make = ctypes.pythonapi.PyInstanceMethod_New
    make.restype, make.argtypes = ctypes.py_object, [ctypes.py_object]
    return make(function)
