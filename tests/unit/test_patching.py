"""Patches come off exactly as they went on, whatever was patched, whoever patched after us."""

import logging
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
import wrapt

from paddle_otel.patching import Patch, PatchSet
from patch_target import Seen, Target, instance_method, patches, target

__all__ = ["patches", "target"]  # fixtures

ALL_NAMES = ("Base.method", "Base.made", "Base.plain", "function")


def raw(module: Any, name: str) -> Any:
    """Return what a class or module really holds, before any binding."""
    *owner, last = name.split(".")
    holder: Any = getattr(module, owner[0]) if owner else module
    return cast("dict[str, Any]", vars(holder))[last]


def three(_: Any) -> int:
    """Return a length."""
    return 3


@pytest.mark.parametrize("name", ALL_NAMES)
def test_undo_restores_the_very_same_object(target: Target, patches: PatchSet, name: str) -> None:
    """A function, a class method and a static method are afterwards the objects they were, three times over."""
    module = target.load()
    original = raw(module, name)
    for _ in range(3):
        patches.apply([target.patch(name, Seen())])
        assert raw(module, name) is not original
        patches.undo()
        assert raw(module, name) is original


def test_undo_twice_or_before_apply_is_harmless(target: Target, patches: PatchSet) -> None:
    """Undo with nothing applied changes nothing."""
    original = raw(target.load(), "Base.method")
    patches.undo()
    patches.apply([target.patch("Base.method", Seen())])
    patches.undo()
    patches.undo()
    assert raw(target.load(), "Base.method") is original


def test_apply_twice_patches_once(target: Target, patches: PatchSet) -> None:
    """A second apply replaces the first: one call is seen once, by the new wrapper only."""
    old, new = Seen(), Seen()
    module = target.load()
    original = raw(module, "Base.method")
    patches.apply([target.patch("Base.method", old)])
    patches.apply([target.patch("Base.method", new)])
    module.Base().method(1)
    assert (len(old.instances), len(new.instances)) == (0, 1)
    patches.undo()
    assert raw(module, "Base.method") is original


def test_what_was_inherited_is_deleted(target: Target, patches: PatchSet) -> None:
    """A method that a class only inherited is not its own after undo; the base was never touched."""
    module = target.load()
    of_base = raw(module, "Base.method")
    patches.apply([target.patch("Child.method", seen := Seen())])
    module.Base().method(1)
    module.Child().method(1)
    assert len(seen.instances) == 1
    assert raw(module, "Base.method") is of_base
    patches.undo()
    assert "method" not in vars(module.Child)


def test_a_builtin_class_attribute_comes_back_whole(target: Target, patches: PatchSet) -> None:
    """A C++ method as pybind makes it is seen with its instance, restored, and works again."""
    module = target.load()
    module.Base.size = original = instance_method(len)
    module.Base.__len__ = instance_method(three)
    patches.apply([target.patch("Base.size", seen := Seen())])
    instance = module.Base()
    assert instance.size() == 3
    assert seen.instances == [instance]
    patches.undo()
    assert raw(module, "Base.size") is original
    assert instance.size() == 3


def test_patched_when_the_program_imports_it(target: Target, patches: PatchSet) -> None:
    """Before the import nothing is imported; at the import everything is patched; undo and apply go on working."""
    patches.apply([target.patch(name, seen := Seen()) for name in ALL_NAMES])
    assert target.name not in sys.modules
    module = target.load()
    module.function(1)
    assert len(seen.instances) == 1
    patches.undo()
    module.function(1)
    assert len(seen.instances) == 1
    patches.apply([target.patch("function", again := Seen())])
    module.function(1)
    assert len(again.instances) == 1


def test_imported_while_switched_off_then_switched_on(target: Target, patches: PatchSet) -> None:
    """An import between undo and the next apply leaves the module alone, and the next apply finds it."""
    patches.apply([target.patch("function", Seen())])
    patches.undo()
    module = target.load()
    assert not isinstance(module.function, wrapt.ObjectProxy)
    patches.apply([target.patch("function", seen := Seen())])
    module.function(1)
    assert len(seen.instances) == 1


def test_a_second_attempt_at_a_failed_import_is_patched(target: Target, patches: PatchSet) -> None:
    """The library's own import error arrives as it is, and its next, successful import is patched."""
    patches.apply([target.patch("function", seen := Seen())])
    target.write("raise ImportError('no such driver')")
    with pytest.raises(ImportError, match=r"^no such driver$"):
        target.load()
    target.write("def function(x): return x  # longer than before")
    target.load().function(1)
    assert len(seen.instances) == 1


@pytest.mark.parametrize("name", ["Absent.method", "Base.absent", "absent", "Base.method.deeper.still"])
def test_an_absent_target_is_a_debug_line(
    target: Target, patches: PatchSet, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """What this version of the library lacks is left out with a debug line; the other targets are patched."""
    module = target.load()
    with caplog.at_level(logging.DEBUG, "paddle_otel"):
        patches.apply([target.patch(name, Seen()), target.patch("function", seen := Seen())])
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "paddle_otel"] == [
        ("DEBUG", f"a test: {target.name} has no {name} in this version; left out")
    ]
    module.function(1)
    assert len(seen.instances) == 1


def test_an_absent_module_stays_absent(target: Target, patches: PatchSet) -> None:
    """A module that is not installed costs nothing, and the others are patched."""
    patches.apply([Patch("no_such_module_anywhere", "f", Seen()), target.patch("function", seen := Seen())])
    target.load().function(1)
    assert len(seen.instances) == 1
    with pytest.raises(ModuleNotFoundError):
        __import__("no_such_module_anywhere")


def test_the_owner_may_be_another_module(target: Target, patches: PatchSet) -> None:
    """A patch is due with one module's import and lands in another; not at all where that one is not imported."""
    owner = ModuleType(f"{target.name}_owner")
    owner.__dict__["function"] = original = lambda: 1
    sys.modules[owner.__name__] = owner
    try:
        patches.apply(
            [
                Patch(target.name, "function", seen := Seen(), owner_module=owner.__name__),
                Patch(target.name, "function", Seen(), owner_module="never_imported"),
            ]
        )
        assert owner.function is original
        module = target.load()
        owner.function()
        assert len(seen.instances) == 1
        assert not isinstance(module.function, wrapt.ObjectProxy)
        patches.undo()
        assert owner.function is original
    finally:
        del sys.modules[owner.__name__]


def test_trouble_while_patching_stays_inside(
    target: Target, patches: PatchSet, caplog: pytest.LogCaptureFixture, telemetry_trouble: Any
) -> None:
    """A class that refuses the patch breaks neither the program's import nor the other patches."""
    telemetry_trouble.expected = True
    target.write(
        "class Meta(type):\n"
        "    def __setattr__(cls, name, value): raise RuntimeError('frozen')\n"
        "class Frozen(metaclass=Meta):\n"
        "    def method(self): return 1\n"
        "def function(): return 2\n"
    )
    patches.apply([target.patch("Frozen.method", Seen()), target.patch("function", seen := Seen())])
    module = target.load()
    assert (module.Frozen().method(), module.function()) == (1, 2)
    assert len(seen.instances) == 1
    assert len(caplog.records) == 1
    patches.undo()
    assert not isinstance(module.function, wrapt.ObjectProxy)


def test_odd_objects_in_place_of_modules(target: Target, patches: PatchSet, telemetry_trouble: Any) -> None:
    """An object without a name in place of a module, or a module under a second name, stops no other patch."""
    telemetry_trouble.expected = True
    module = target.load()
    sys.modules["odd_module_without_a_name"] = SimpleNamespace(function=lambda: 1)  # pyright: ignore[reportArgumentType] - programs do this
    sys.modules["another_name_of_it"] = module
    try:
        patches.apply(
            [
                Patch("odd_module_without_a_name", "function", Seen()),
                Patch("another_name_of_it", "function", alias := Seen()),
                target.patch("Base.method", seen := Seen()),
            ]
        )
        module.Base().method(1)
        module.function(1)
        assert (len(seen.instances), len(alias.instances)) == (1, 1)
    finally:
        del sys.modules["odd_module_without_a_name"], sys.modules["another_name_of_it"]
