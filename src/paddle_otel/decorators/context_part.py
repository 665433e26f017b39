"""A context that is current in parts of an operation, wherever those run."""

from contextvars import ContextVar, Token
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context

# Tells whether a part is left in the context that it was entered in; OpenTelemetry would log an error where not.
_part: Final[ContextVar["ContextPart | None"]] = ContextVar("paddle_otel_part", default=None)


class ContextPart:
    """Makes a context the current one between :meth:`enter` and :meth:`leave`.

    Args:
        context: The context, made of the caller's.
        caller_context: The caller's, which is current now.
    """

    __slots__ = ("_caller_context", "_context", "_inside", "_token", "_token_of_part")

    def __init__(self, context: Context, caller_context: Context) -> None:
        self._caller_context = caller_context
        self._context = context
        self._inside = context
        self._token: Token[Context] | None = None
        self._token_of_part: Token[ContextPart | None] | None = None

    def enter(self) -> None:
        """Begin a part, in this thread or task: current is the context, or what an earlier part left so."""
        self._token = otel_context.attach(self._inside)
        self._token_of_part = _part.set(self)

    def leave(self) -> None:
        """End a part, where it began; without one it does nothing."""
        token, self._token = self._token, None
        part, self._token_of_part = self._token_of_part, None
        if token is None or part is None:
            return
        try:
            _part.reset(part)
        except ValueError:
            # Another context: nothing of ours is here, unless this one is a copy of that one.
            if otel_context.get_current() is self._context:
                otel_context.attach(self._caller_context)
        else:
            self._inside = otel_context.get_current()
            otel_context.detach(token)
