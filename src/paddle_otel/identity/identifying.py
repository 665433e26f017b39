"""Says in a program who it works for."""

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Final, cast
from uuid import UUID

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from paddle_otel.context_part import ContextPart, attach_over_base, leave_copy, set_over_default
from paddle_otel.decorators import Decorator, Observation
from paddle_otel.guard import guard, guarded, report
from paddle_otel.identity.configured import configured
from paddle_otel.identity.current import (
    current_identity,
    is_claimed,
    said_identity,
    with_identity,
    with_whole_identity,
)
from paddle_otel.identity.identity import FIELDS, Identity

_logger: Final = logging.getLogger("paddle_otel")

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

# Names of this project's own arguments, so that the set cannot grow with traffic.
_told: Final[set[str]] = set()


class identify(Decorator):  # noqa: N801 - used as a statement and as a decorator
    """Says who the program works for: in a ``with`` or ``async with`` block, or as a decorator in each call.

    What is not said is as around it, so blocks may be nested; what is said inside counts. One object may be used again,
    and by several threads. Decorated functions may be plain, coroutines, or generators of both kinds. A generator works
    for whoever it was made for, also where it is read when the request is over, and takes nothing of its reader;
    between two of its values nothing of it is in the reader's context. No value makes this raise: what is no text,
    integer or UUID is logged once and unknown, and what is too long or cannot be shown is replaced
    (:mod:`paddle_otel.identity.values`).

    Args:
        request: The request, as it arrived at the service.
        session: The conversation it belongs to.
        user: The person or program that asked.
        tenant: The customer or team that pays for it.
        propagate: Whether services that are called from here are told, too: by W3C baggage, which instrumented HTTP and
            gRPC clients send along, to whomever they call. What baggage says already is kept in step in any case.
    """

    def __init__(
        self,
        *,
        request: str | int | UUID | None = None,
        session: str | int | UUID | None = None,
        user: str | int | UUID | None = None,
        tenant: str | int | UUID | None = None,
        propagate: bool = False,
    ) -> None:
        # Asked here: to call the function for each costs as much as an id does.
        self._said: Final = Identity(
            request if request is None or isinstance(request, str) else _text("request", request),
            session if session is None or isinstance(session, str) else _text("session", session),
            user if user is None or isinstance(user, str) else _text("user", user),
            tenant if tenant is None or isinstance(tenant, str) else _text("tenant", tenant),
        )
        self._propagate: Final = propagate is True

    def start(self, *, streams: bool) -> Observation | None:  # noqa: ARG002 - a generator is identified as a call is
        """Prepare to say it in one block or call; never raises."""
        return self._identified(self._said)

    def starter(self) -> Callable[[], Observation | None]:
        """Return what prepares to say it in a generator: on behalf of whoever it was made for, wherever it is read."""
        return partial(self._identified, self._said.over(current_identity()), whole=True)

    def __enter__(self) -> Identity:
        """Begin a block."""
        # The error boundaries of a block are written out: many a request has one.
        try:
            around = otel_context.get_current()
            context, known = _saying(self._said, around, propagate=self._propagate)
            block = _Block(self, context, around)
            block.token = attach_over_base(context)
            block.mark = set_over_default(_block, block)
        except Exception as trouble:  # noqa: BLE001 - see above
            report("beginning to say who asked", trouble)
            known = None
        return known or current_identity()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; what was raised goes on."""
        try:
            block = _block.get()
            while block is not None and block.by is not self:
                block = block.around
            if block is not None:  # else it was entered in another context, of which nothing is here
                block.leave()
        except Exception as trouble:  # noqa: BLE001 - see above
            report("ending to say who asked", trouble)

    async def __aenter__(self) -> Identity:
        """Begin a block of a coroutine."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; what was raised goes on."""
        self.__exit__(kind, error, traceback)

    @guarded("saying who asked")
    def _identified(self, said: Identity, *, whole: bool = False) -> "_Identified":
        around = otel_context.get_current()
        context, _ = _saying(said, around, propagate=self._propagate, whole=whole)
        return _Identified(ContextPart(context, around))


class _Identified:
    """One call in which it is said; of a generator in several parts.

    Args:
        part: The context in which it is.
    """

    __slots__ = ("_part",)

    def __init__(self, part: ContextPart) -> None:
        self._part = part

    @guarded("beginning to say who asked")
    def enter(self) -> None:
        self._part.enter()

    @guarded("ending to say who asked")
    def leave(self) -> None:
        self._part.leave()

    def gave(self, value: Any) -> None:
        """Nothing: it is the same for each value."""

    def finished(self) -> None:
        """Nothing: it has been left."""

    def closed(self) -> None:
        """Nothing: it has been left."""

    def failed(self, error: BaseException) -> None:
        """Nothing: it has been left."""


class _Block:
    """A block that goes on in this thread or task.

    Args:
        by: What says who it works for.
        context: What is current in it.
        caller_context: What is current around it.

    Attributes:
        by: As given.
        around: The block that it is inside of.
        token: What detaches its context; ``None`` before it is entered and after it is left.
        mark: What makes the block around it the innermost one again; tells whether it is left where it was entered.
            Likewise: both hold all that is in the context of the request, which a task that outlives it would keep.
    """

    __slots__ = ("_caller_context", "_context", "around", "by", "mark", "token")

    def __init__(self, by: identify, context: Context, caller_context: Context) -> None:
        self.by = by
        self._context = context
        self._caller_context = caller_context
        self.around = _block.get()
        self.token: Token[Context] | None = None
        self.mark: Token[_Block | None] | None = None

    def leave(self) -> None:
        """End it, with those that are still inside of it."""
        mark, token = self.mark, self.token
        if mark is None or token is None:
            self._leave_copy()  # of a context in which it was left
            return
        try:
            _block.reset(mark)
        except ValueError:
            self._leave_copy()
        else:
            self.mark = self.token = None
            otel_context.detach(token)

    def _leave_copy(self) -> None:
        _block.set(self.around)
        leave_copy(self._context, self._caller_context)


_block: Final[ContextVar[_Block | None]] = ContextVar("paddle_otel_identify", default=None)


def _saying(
    said: Identity, around: Context, *, propagate: bool, whole: bool = False
) -> tuple[Context, Identity | None]:
    """Return a context in which it is said.

    Args:
        said: What is said.
        around: The context around it.
        propagate: Whether baggage says it too.
        whole: Whether nobody but these are known in it.

    Returns:
        The context, and who is known in it; ``None`` where that is to be looked for, as somebody else may say more.
    """
    known, carried = None, baggage.get_all(around) if around else _NOTHING
    if whole:
        context = with_whole_identity(said, _without_baggage(around))
    else:
        before = said_identity(around)
        merged = said if before is None else said.over(before)
        context = with_identity(merged, around)
        known = None if carried or is_claimed(around) else merged
    if carried or propagate:
        context = _with_baggage(context, said, carried, propagate=propagate)
    return context, known


def _without_baggage(context: Context) -> Context:
    """Return a context whose baggage names nobody."""
    carried = baggage.get_all(context)
    for _, key in configured().baggage:
        if key in carried:
            context = baggage.remove_baggage(key, context)
    return context


def _with_baggage(context: Context, said: Identity, carried: Mapping[str, object], *, propagate: bool) -> Context:
    """Return a context whose baggage does not say anything else than the program does.

    Args:
        context: The context.
        said: What is said here.
        carried: The baggage around it.
        propagate: Whether baggage names whoever is known, also where nobody was named in it.
    """
    identity = current_identity(context) if propagate else said
    for field in FIELDS:
        value: str | None = getattr(identity, field)
        keys = [key for known, key in configured().baggage if known == field]
        named = [key for key in keys if key in carried] or (keys[:1] if propagate else [])
        for key in named if value is not None else ():
            context = baggage.set_baggage(key, cast("str", value), context)
    return context


def _text(field: str, value: object) -> str | None:
    with guard("reading an id that a program says"):
        if isinstance(value, UUID) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)
    if field not in _told:
        _told.add(field)
        with guard("logging an id that is none"):
            _logger.warning(
                "paddle_otel.identity: identify(%s=...) is left out: text is expected. This is logged once.", field
            )
    return None


def forget_misuse() -> None:
    """Forget what was logged, so that it is logged again (for tests)."""
    _told.clear()
