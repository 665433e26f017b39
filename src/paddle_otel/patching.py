"""A table of patches, applied together and undone exactly.

``opentelemetry.instrumentation.utils.unwrap`` restores what ``getattr`` returns, which breaks pybind methods, static
methods and class methods. :class:`PatchSet` therefore works on the owner's own ``__dict__``: it restores the very
object it found there, deletes what was only inherited, leaves a wrapper that somebody else put on top alone, and makes
method objects that were cached while patched fall through to the original.

A module that is not imported yet is patched when the program imports it; nothing is ever imported from here.
"""

import copy
import functools
import logging
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final, cast

import wrapt
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from paddle_otel.guard import guard

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""``wrapper(wrapped, instance, args, kwargs)``, as in wrapt."""

_logger: Final = logging.getLogger("paddle_otel")
_MISSING: Final = object()

# wrapt's generic parameters cannot express "whatever is being wrapped"; wrapt before 2.0 has none at all.
_FunctionWrapper: Any = wrapt.FunctionWrapper
_BoundFunctionWrapper: Any = wrapt.BoundFunctionWrapper


@dataclass(frozen=True)
class Patch:
    """One thing to patch.

    Attributes:
        module: The module whose import makes the patch due.
        name: ``"function"`` or ``"Class.method"`` in that module.
        wrapper: What is called instead.
        owner_module: The module that holds ``name``, where it is not ``module``; it must be imported by ``module``.
    """

    module: str
    name: str
    wrapper: Wrapper
    owner_module: str | None = None


class PatchSet:
    """Patches that are applied and undone together, any number of times.

    Args:
        title: Whose patches these are, for log lines.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._hooked: set[str] = set()
        self._patches: tuple[Patch, ...] = ()
        self._applied: list[_Applied] = []

    def apply(self, patches: Iterable[Patch]) -> None:
        """Apply patches now where their module is imported, otherwise as soon as it is.

        Args:
            patches: The table. A target that does not exist in the installed version is left out with a debug line.
        """
        self.undo()
        self._patches = tuple(patches)
        for module in dict.fromkeys(patch.module for patch in self._patches):
            if module in self._hooked:
                self._patch_if_imported(module)
            else:
                self._hooked.add(module)
                # Cannot be unregistered: the hook looks at self._patches, which is empty after undo.
                wrapt.register_post_import_hook(functools.partial(self._on_import, module), module)

    def undo(self) -> None:
        """Restore every target to the object it was; wrappers that are still held somewhere fall through."""
        self._patches = ()
        while self._applied:
            with guard(f"undoing a patch of {self._title}"):
                self._applied.pop().undo()

    def _patch_if_imported(self, module_name: str) -> None:
        module = sys.modules.get(module_name)
        if module is not None:
            self._on_import(module_name, module)

    def _on_import(self, module_name: str, _: ModuleType) -> None:
        # An exception here would come out of the program's own import statement. The module itself is not asked for
        # its name: what is in sys.modules may be anything, under any name.
        for patch in self._patches:
            if patch.module == module_name:
                with guard(f"patching {patch.module}:{patch.name}"):
                    self._patch(patch, sys.modules.get(patch.owner_module or patch.module))

    def _patch(self, patch: Patch, module: ModuleType | None) -> None:
        owner, name = _resolve(module, patch.name)
        original = _lookup(owner, name)
        if original is _MISSING:
            _logger.debug("%s: %s has no %s in this version; left out", self._title, patch.module, patch.name)
            return
        self._applied.append(_Applied(owner, name, original, patch.wrapper))


class _Applied:
    """One patch in place."""

    def __init__(self, owner: Any, name: str, original: Any, wrapper: Wrapper) -> None:
        self._owner = owner
        self._name = name
        self._original = original
        self._was_own = name in vars(owner)
        self._active = True
        # As a bound method: the interpreter calls that without leaving its loop, and an object not.
        call = type(wrapper).__call__
        self._wrapper = MethodType(call, wrapper) if isinstance(call, FunctionType) else wrapper
        kind = _PatchedCall if name == "__call__" else _PatchedFunction
        self._installed = kind(original, self._call, owner, name)
        setattr(owner, name, self._installed)

    def _call(self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Nothing is suppressed in a context that is empty, which is asked for sooner.
        if not self._active or (get_current() and not is_instrumentation_enabled()):
            return wrapped(*args, **kwargs)
        return self._wrapper(wrapped, instance, args, kwargs)

    def undo(self) -> None:
        self._active = False
        attributes = cast("Mapping[str, Any]", vars(self._owner))
        if attributes.get(self._name) is not self._installed:
            return  # somebody wrapped it after us: taking ours out would take theirs out too
        if self._was_own:
            setattr(self._owner, self._name, self._original)
        else:
            delattr(self._owner, self._name)


class _BoundPatchedFunction(_BoundFunctionWrapper):
    """A patched method bound to an instance or class; pickles and copies as the plain bound method would."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return getattr, (self._holder(), self._name())

    def __copy__(self) -> Any:
        return getattr(self._holder(), self._name())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # As for a plain method: of the copied object, which the memo has when the method was found inside it.
        return getattr(copy.deepcopy(self._holder(), memo), self._name())

    def _holder(self) -> Any:
        # The instance of a method, the class that a class method was taken from; a static method has neither.
        bound = self.__wrapped__
        if isinstance(bound, MethodType):
            return cast("Any", bound.__self__)
        owner = cast("_PatchedFunction", self._self_parent).patched_owner()
        return owner if self._self_instance is None else self._self_instance

    def _name(self) -> str:
        return cast("_PatchedFunction", self._self_parent).patched_name()


class _PatchedFunction(_FunctionWrapper):
    __bound_function_wrapper__ = _BoundPatchedFunction

    def __init__(self, wrapped: Any, wrapper: Wrapper, owner: Any, name: str) -> None:
        _FunctionWrapper.__init__(self, wrapped, wrapper)
        self._self_patched_owner = owner
        self._self_patched_name = name

    def patched_owner(self) -> Any:
        return self._self_patched_owner

    def patched_name(self) -> str:
        return self._self_patched_name

    def __reduce_ex__(self, protocol: Any) -> Any:
        # By name, as the plain function.
        if isinstance(self._self_patched_owner, ModuleType):
            # Under this name, and no other: a function that two modules have is patched in both. A module cannot be
            # pickled itself, and what reads the pickle may be a program without us.
            return pkgutil.resolve_name, (f"{self._self_patched_owner.__name__}:{self._self_patched_name}",)
        # Not as a global name: pickle would look it up on the class, which binds it.
        return getattr, (self._self_patched_owner, self._self_patched_name)

    def __copy__(self) -> Any:
        return self  # as for the plain function

    def __deepcopy__(self, _: dict[int, Any]) -> Any:
        return self


class _PatchedCall(_PatchedFunction):
    """A patched ``__call__``: seen by calls of instances, not by those who ask the class for it.

    Paddle's tracer takes the function that it gets from a class apart and cannot take a wrapper apart.
    """

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.__wrapped__ if instance is None else _FunctionWrapper.__get__(self, instance, owner)


def _resolve(module: ModuleType | None, path: str) -> tuple[Any, str]:
    owner = cast("Any", module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent, None)
    return owner, name


def _lookup(owner: Any, name: str) -> Any:
    # The raw attribute (a staticmethod object, say), which getattr would already have bound.
    for holder in getattr(owner, "__mro__", (owner,)):
        attributes: Mapping[str, Any] = getattr(holder, "__dict__", {})
        found = attributes.get(name, _MISSING)
        if found is not _MISSING:
            return found
    return _MISSING
