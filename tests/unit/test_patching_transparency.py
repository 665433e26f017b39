"""A patched callable looks, fails, pickles and copies as if nobody had touched it."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from paddle_otel.patching import PatchSet
from patch_target import Seen, Target, patches, target

__all__ = ["patches", "target"]  # fixtures

NAMES = ("Base.method", "Base.made", "Base.plain", "Base.broken", "function")

WAYS: dict[str, Callable[[Any], Any]] = {
    "method of an instance": lambda module: module.shared.method,
    "method of a class": lambda module: module.Base.method,
    "class method": lambda module: module.Base.made,
    "class method of a subclass": lambda module: module.Child.made,
    "class method of an instance": lambda module: module.shared.made,
    "static method": lambda module: module.Base.plain,
    "function": lambda module: module.function,
    "function of a class, unbound": lambda module: module.Base.__dict__["method"],
}


WRONG_CALLS: list[Callable[[Any], Any]] = [
    lambda module: module.shared.method(),
    lambda module: module.shared.method(1, 2, 3),
    lambda module: module.shared.method(1, a=1),
    lambda module: module.shared.method(1, c=1),
    lambda module: module.Base.method(),
    lambda module: module.Base.made(1, 2),
    lambda module: module.Base.plain(),
    lambda module: module.function(1, 2),
]


def of_one_class(first: object, second: object) -> bool:
    """Compare by class."""
    return type(first) is type(second)


def class_hash(instance: object) -> int:
    """Hash by class."""
    return hash(type(instance))


@pytest.fixture
def module(target: Target, patches: PatchSet) -> Any:
    """A patched module with an instance in it that compares by class, so that copies can be compared."""
    loaded = target.load()
    loaded.Base.__eq__ = of_one_class
    loaded.Base.__hash__ = class_hash
    loaded.shared = loaded.Child()
    patches.apply([target.patch(name, Seen()) for name in NAMES])
    return loaded


def described(function: Any) -> tuple[Any, Any, Any]:
    """Return what makes two callables the same: code, what they are bound to, and name."""
    unwrapped = inspect.unwrap(getattr(function, "__func__", function))
    return unwrapped.__code__, getattr(function, "__self__", None), function.__qualname__


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_as_without_us(module: Any, patches: PatchSet, way: str, protocol: int) -> None:
    """What was pickled while patched is read back, patched or not, as the same callable bound to the same thing."""
    pickled = pickle.dumps(WAYS[way](module), protocol)
    while_patched = pickle.loads(pickled)  # noqa: S301 - our own
    patches.undo()
    plain = WAYS[way](module)
    expected = described(pickle.loads(pickle.dumps(plain, protocol)))  # noqa: S301 - our own
    assert described(while_patched) == expected
    assert described(pickle.loads(pickled)) == expected  # noqa: S301 - our own


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_are_as_without_us(module: Any, patches: PatchSet, way: str, duplicate: Callable[[Any], Any]) -> None:
    """``copy`` and ``deepcopy`` of a patched callable, alone or inside an object, give what they give without us."""
    copied = duplicate(WAYS[way](module))
    inside = duplicate({"callback": WAYS[way](module)})["callback"]
    patches.undo()
    expected = described(duplicate(WAYS[way](module)))
    assert described(copied) == expected
    assert described(inside) == expected


def test_a_deep_copied_method_belongs_to_the_copied_object(module: Any, patches: PatchSet) -> None:
    """``deepcopy`` of an object that keeps its own bound method binds the copy's to the copy, patched or not."""
    module.shared.kept = module.shared.method
    copied = copy.deepcopy(module.shared)
    assert copied.kept.__self__ is copied
    patches.undo()
    assert copied.kept(1) == (copied, 1, 1)


@pytest.mark.parametrize("way", WAYS)
def test_introspection_is_unchanged(module: Any, patches: PatchSet, way: str) -> None:
    """Signature, names, documentation and kind are those of the original."""

    def look() -> list[Any]:
        found = WAYS[way](module)
        kinds = [inspect.ismethod(found), inspect.isfunction(found), inspect.isroutine(found), callable(found)]
        return [inspect.signature(found), found.__name__, found.__qualname__, found.__module__, found.__doc__, *kinds]

    patched = look()
    patches.undo()
    assert patched == look()


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_arguments_raise_python_s_own_words(module: Any, patches: PatchSet, call: Callable[[Any], Any]) -> None:
    """The TypeError for wrong arguments has the text it has without us."""
    with pytest.raises(TypeError) as patched:
        call(module)
    patches.undo()
    with pytest.raises(TypeError) as plain:
        call(module)
    assert str(patched.value) == str(plain.value)


def test_self_may_be_given_in_every_way(module: Any) -> None:
    """A method called through its class gets its instance, by position or by name, from a subclass too."""
    shared = module.shared
    assert module.Base.method(shared, 1) == (shared, 1, 1)
    assert module.Child.method(self=shared, a=1) == (shared, 1, 1)


def test_the_exception_is_the_caller_s(module: Any) -> None:
    """An exception of the original arrives with its arguments and ends its traceback in the original."""
    with pytest.raises(LookupError) as caught:
        module.shared.broken()
    assert caught.value.args == ("the user's own", 7)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert caught.traceback[-1].name == "broken"


def test_two_looks_at_a_method_are_equal(module: Any) -> None:
    """Bound methods compare and hash as without us, as registries of callbacks need."""
    assert module.shared.method == module.shared.method
    assert len({module.shared.method, module.shared.method}) == 1
    assert module.shared.method != module.Child().broken
