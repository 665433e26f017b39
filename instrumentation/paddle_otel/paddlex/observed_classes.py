"""Patches the methods of classes that only become known while the program runs.

Nearly every pipeline of PaddleX has a ``predict`` of its own, and programs add classes of their own. A class is
therefore patched when its first object is made, or at once if it exists when the instrumentor is switched on.
"""

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, cast
from weakref import WeakKeyDictionary, ref

from paddle_otel.guard import guard, guarded
from paddle_otel.patching import Patch, PatchSet, Wrapper


@dataclass(frozen=True)
class ObservedMethod:
    """A method that is observed wherever a class defines it.

    Attributes:
        name: Its name.
        as_generator: The wrapper where it gives a generator.
        as_call: The wrapper where it does its work before it returns.
    """

    name: str
    as_generator: Wrapper
    as_call: Wrapper

    def wrapper_of(self, function: Callable[..., Any]) -> Wrapper:
        """Return the wrapper that suits a function of this name."""
        # PaddleOCR's predict_iter is a plain function that passes on a generator.
        gives_generator = inspect.isgeneratorfunction(function) or self.name.endswith("_iter")
        return self.as_generator if gives_generator else self.as_call


@dataclass(frozen=True)
class ClassFamily:
    """A base class and what is observed in it and in every class below it.

    Attributes:
        module: The module of the base class.
        base: Its name.
        methods: What is observed.
    """

    module: str
    base: str
    methods: tuple[ObservedMethod, ...]


class ObservedClasses:
    """Patches the classes of some families, each once.

    Args:
        title: Whose patches these are, for log lines.
        families: The families.
    """

    def __init__(self, title: str, families: Iterable[ClassFamily]) -> None:
        self._title = title
        self._families = tuple(families)
        # Both sides weak: the patches hold their class. See _ClassPatches for what holds them.
        self._patch_sets: WeakKeyDictionary[type, ref[PatchSet]] = WeakKeyDictionary()
        self._lock = threading.RLock()
        self._active = True
        for family in self._families:
            for kind in _imported_classes(family):
                self._patch(family, kind)

    def base_patches(self) -> Iterator[Patch]:
        """Return the patches by which the classes of objects become known: of the base classes' ``__init__``."""
        for family in self._families:
            yield Patch(family.module, f"{family.base}.__init__", functools.partial(self._on_init, family))

    def undo(self) -> None:
        """Restore every class; none is patched from now on."""
        with self._lock:
            self._active = False
            while self._patch_sets:
                patch_set = self._patch_sets.popitem()[1]()
                if patch_set is not None:
                    patch_set.undo()

    def _on_init(
        self,
        family: ClassFamily,
        wrapped: Callable[..., Any],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        for kind in type(instance).__mro__:
            if kind not in self._patch_sets:
                self._patch(family, kind)
            if kind.__name__ == family.base:
                break  # what is above it is not PaddleX's
        return wrapped(*args, **kwargs)

    @guarded("patching a class of pipelines")
    def _patch(self, family: ClassFamily, kind: type) -> None:
        with self._lock:
            if not self._active or kind in self._patch_sets:
                return
            patch_set = _ClassPatches(self._title, kind)
            self._patch_sets[kind] = ref(patch_set)
            patch_set.apply(patch_set.of(family))


class _ClassPatches(PatchSet):
    """The patches of one class, which need not be found by its name: a function may have made it, or a notebook twice.

    They live as long as the class that they are in, or its methods: each of their wrappers holds them.

    Args:
        title: Whose patches these are, for log lines.
        kind: The class.
    """

    def __init__(self, title: str, kind: type) -> None:
        super().__init__(title)
        self._kind: Final = kind

    def of(self, family: ClassFamily) -> Iterator[Patch]:
        """Return the patches of what the class itself defines."""
        for method in family.methods:
            function = vars(self._kind).get(method.name)
            if callable(function) and not getattr(function, "__isabstractmethod__", False):
                yield Patch(family.module, method.name, functools.partial(self._call, method.wrapper_of(function)))

    def _call(self, wrapper: Wrapper, *call: Any) -> Any:
        return wrapper(*call)

    def _patch(self, patch: Patch, module: ModuleType | None) -> None:
        del module  # that of the family's base class: it is imported where there is a class, so that no patch waits
        super()._patch(patch, cast("Any", self._kind))


def _imported_classes(family: ClassFamily) -> Iterator[type]:
    base: object = getattr(sys.modules.get(family.module), family.base, None)
    with guard("looking for classes of pipelines"):
        waiting = [base] if isinstance(base, type) else []
        while waiting:
            kind = waiting.pop()
            yield kind
            waiting.extend(type.__subclasses__(kind))
