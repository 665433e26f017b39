"""A context that is current in parts of an operation, wherever those run."""

from contextvars import ContextVar, Token
from typing import Any, Final, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.context import Context

_T = TypeVar("_T")

_entered: Final[ContextVar[Any]] = ContextVar("paddle_otel_part", default=None)
_has_base: Final[ContextVar[bool]] = ContextVar("paddle_otel_part_base", default=False)
_MISSING: Final[Any] = object()


def set_over_default(variable: ContextVar[_T], value: _T) -> Token[_T]:
    """Set a variable that has a default, so that a reset puts back a value, never none at all.

    Up to Python 3.11 a reset to none at all may crash the interpreter: garbage is collected inside of it, a finalizer
    sets and resets the same variable, as a stream that was dropped does, and what the variable remembers of that for
    its next reader is gone.

    Args:
        variable: The variable.
        value: Its value from now on.

    Returns:
        What resets it.
    """
    if variable.get(_MISSING) is _MISSING:
        variable.set(variable.get())
    return variable.set(value)


def attach_over_base(context: Context) -> Token[Context]:
    """Make a context the current one, as ``attach`` does; and see to the same for OpenTelemetry's own variable.

    Args:
        context: The context.

    Returns:
        What detaches it.
    """
    if not _has_base.get():
        _has_base.set(True)
        otel_context.attach(otel_context.get_current())
    return otel_context.attach(context)


def leave_copy(context: Context, caller_context: Context) -> None:
    """Leave a context in a copy of the one in which it was entered, from which no token leads back.

    Args:
        context: The context; where another one is current, there is nothing to leave.
        caller_context: The one around it.
    """
    if otel_context.get_current() is context:
        otel_context.attach(caller_context)


class ContextPart:
    """Makes a context the current one between :meth:`enter` and :meth:`leave`, any number of times.

    Between two parts nothing of it is in the caller's context. A part ends in the thread or task in which it began; the
    next may be in another one.

    Args:
        context: The context, made of the caller's.
        caller_context: The caller's, which is current now.
        mark: A variable that has a value in each part, and the one before again after it. It tells whether a part is
            left in the context that it was entered in; OpenTelemetry would log an error where not.
    """

    __slots__ = ("_caller_context", "_context", "_inside", "_mark", "_mark_token", "_token")

    def __init__(self, context: Context, caller_context: Context, mark: ContextVar[Any] = _entered) -> None:
        self._caller_context = caller_context
        self._context = context
        self._inside = context
        self._mark = mark
        self._token: Token[Context] | None = None
        self._mark_token: Token[Any] | None = None

    @property
    def is_entered(self) -> bool:
        """Whether a part goes on."""
        return self._mark_token is not None

    def enter(self, value: object = True) -> None:
        """Begin a part, in this thread or task: current is the context, or what an earlier part left so.

        Args:
            value: What the mark is in it.
        """
        self._token = attach_over_base(self._inside)
        self._mark_token = set_over_default(self._mark, value)

    def leave(self) -> None:
        """End a part, where it began; without one it does nothing."""
        token, self._token = self._token, None
        mark_token, self._mark_token = self._mark_token, None
        if token is None or mark_token is None:
            return
        try:
            self._mark.reset(mark_token)  # first: what stays marked hides all later ones
        except ValueError:
            # Another context: nothing of ours is here, unless this one is a copy of that one.
            leave_copy(self._context, self._caller_context)
        else:
            self._inside = otel_context.get_current()
            otel_context.detach(token)
