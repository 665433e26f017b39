"""An object that stands for another one: same attributes, same class for ``isinstance``, same special methods.

The tokenizer libraries ask for classes (``isinstance``), read and write attributes, take the length, pickle and copy.
A subclass made on the fly would do for some of that, but would be entered in the class's own books
(``__subclasses__``, metaclasses), and would lead the tokenizer's inner calls through us.
"""

import contextlib
import copy
import inspect
import weakref
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

_INNER: Final = "_tracked_inner"

# What Python looks up on the object and not on its class, and must find here.
_OWN: Final = frozenset({"__copy__", "__deepcopy__", "__reduce_ex__"})

# Not forwarded as they are: what makes, ends, copies and describes objects, and what the proxies define themselves.
_NOT_FORWARDED: Final = frozenset(
    {
        *("__new__", "__init__", "__del__", "__init_subclass__", "__subclasshook__", "__class_getitem__", "__class__"),
        *("__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__dir__", "__set_name__"),
        *("__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"),
        *("__getnewargs__", "__getnewargs_ex__", "__sizeof__", "__call__", "__get__", "__set__", "__delete__"),
        *("__eq__", "__hash__", "__repr__", "__str__"),
    }
)

_P = TypeVar("_P", bound="TransparentProxy")

# By the proxy's own base and the class it stands for; a class that the program drops is not kept.
_classes: Final[dict[type, "weakref.WeakKeyDictionary[type, type]"]] = {}


class TransparentProxy:
    """Stands for another object.

    What it does differently, subclasses say: :meth:`_copied` how it is copied, :meth:`_taken_apart` how it is pickled,
    :meth:`_called` what a call does, :meth:`_seen` what is made of an attribute.
    """

    __slots__ = ("__weakref__", "_tracked_inner")

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        seen = object.__getattribute__(self, "_seen")
        return seen(name, getattr(inner_of(self), name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(inner_of(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(inner_of(self), name)

    def __dir__(self) -> list[str]:
        return dir(inner_of(self))

    def __eq__(self, other: object) -> Any:
        return inner_of(self) == (inner_of(other) if issubclass(type(other), TransparentProxy) else other)

    def __hash__(self) -> int:
        return hash(inner_of(self))

    def __repr__(self) -> str:
        return repr(inner_of(self))

    def __str__(self) -> str:
        return str(inner_of(self))

    def __copy__(self) -> Any:
        return object.__getattribute__(self, "_copied")(copy.copy(inner_of(self)))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return object.__getattribute__(self, "_copied")(copy.deepcopy(inner_of(self), memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return object.__getattribute__(self, "_taken_apart")()

    def _seen(self, name: str, value: Any) -> Any:  # noqa: ARG002 - for subclasses
        return value

    def _copied(self, inner: Any) -> Any:  # also where a function becomes a method
        raise NotImplementedError

    def _taken_apart(self) -> Any:
        raise NotImplementedError

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError


def inner_of(proxy: Any) -> Any:
    """Return what a proxy stands for."""
    return object.__getattribute__(proxy, _INNER)


def part_of(proxy: Any, name: str) -> Any:
    """Return an attribute or method of the proxy itself."""
    return object.__getattribute__(proxy, name)


def make_proxy(base: type[_P], inner: object, **parts: Any) -> _P:
    """Return a proxy.

    Args:
        base: Its class; it is a subclass of it that has the special methods of the inner object's class.
        inner: What it stands for.
        parts: Its own attributes, by the names of its slots.
    """
    kind = _class_for(base, type(inner))
    proxy = kind.__new__(kind)
    for name, value in {_INNER: inner, **parts}.items():
        object.__setattr__(proxy, name, value)
    return proxy


def _class_for(base: type[_P], kind: type) -> type[_P]:
    known = _classes.setdefault(base, weakref.WeakKeyDictionary())
    found = known.get(kind)
    if found is None:
        found = known[kind] = type(base)(kind.__name__, (base,), _namespace(kind))
    return cast("type[_P]", found)


def _namespace(kind: type) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__slots__": (), "__doc__": kind.__doc__}
    namespace |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    for name in dir(kind):
        if name.startswith("__") and name.endswith("__") and name not in _NOT_FORWARDED and _is_method(kind, name):
            namespace[name] = _forwarder(name)
    if _is_method(kind, "__call__"):
        namespace["__call__"] = _caller(kind)
    if _is_method(kind, "__get__"):
        namespace["__get__"] = _bind
    return namespace


def _is_method(kind: type, name: str) -> bool:
    found = getattr(kind, name, None)
    # What ``object`` does for every class, it does for the proxy too; what only the metaclass has is not an object's.
    return callable(found) and found is not getattr(object, name, None) and any(name in vars(c) for c in kind.__mro__)


def _forwarder(name: str) -> Callable[..., Any]:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(inner_of(self), name)(*args, **kwargs)

    forward.__name__ = forward.__qualname__ = name
    return forward


def _caller(kind: type) -> Callable[..., Any]:
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, "_called")(args, kwargs)

    call.__name__ = call.__qualname__ = "__call__"
    # Programs ask what a tokenizer takes; some built-in types do not tell.
    with contextlib.suppress(TypeError, ValueError):
        cast("Any", call).__signature__ = inspect.signature(cast("Any", kind).__call__)
    return call


def _bind(self: Any, instance: Any, owner: Any = None) -> Any:
    return object.__getattribute__(self, "_copied")(inner_of(self).__get__(instance, owner))
