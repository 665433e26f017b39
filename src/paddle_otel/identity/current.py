"""The identity that this code works for.

What the program says counts before what an HTTP header says, and that before W3C baggage: the further away it was
said, the easier it is to lie.
"""

from collections.abc import Mapping
from typing import Final, cast

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from paddle_otel.guard import report
from paddle_otel.identity.configured import configured
from paddle_otel.identity.identity import NOBODY, Identity

_SAID: Final = otel_context.create_key("paddle-otel-identity")
_WHOLE: Final = otel_context.create_key("paddle-otel-whole-identity")
_CLAIMED: Final = otel_context.create_key("paddle-otel-claimed-identity")


def current_identity(context: Context | None = None) -> Identity:
    """Return who this code works for; never raises.

    Args:
        context: The current one unless given.

    Returns:
        One that knows nothing, where nobody said anything.
    """
    # The error boundary is written out: every request comes by here, and a call would be a tenth of it.
    try:
        if context is None:
            context = otel_context.get_current()
        known = said_identity(context)
        if _WHOLE in context:
            return known or NOBODY  # what else is here is of another request
        claimed: Identity | None = context.get(_CLAIMED)  # pyright: ignore[reportAssignmentType] - nothing else is ever there
        if claimed is not None:
            known = claimed if known is None else known.over(claimed)
        carried = baggage.get_all(context)
        if carried:  # read here, not when it arrives: most requests have none, and few ask
            found = _in_baggage(carried)
            known = found if known is None else known.over(found)
    except Exception as error:  # noqa: BLE001 - see above
        report("looking for who asked", error)
        return NOBODY
    else:
        return known or NOBODY


def with_identity(identity: Identity, context: Context | None = None) -> Context:
    """Return a context in which a program has said who it works for; all that it said, as this replaces the rest."""
    return otel_context.set_value(_SAID, identity, context)


def with_whole_identity(identity: Identity, context: Context) -> Context:
    """Return a context in which nobody but this identity is known."""
    return otel_context.set_value(_WHOLE, True, with_identity(identity, context))


def with_claimed_identity(identity: Identity, context: Context | None = None) -> Context:
    """Return a context in which the headers of a request have said who asks."""
    return otel_context.set_value(_CLAIMED, identity, context)


def is_claimed(context: Context) -> bool:
    """Tell whether the headers of a request have said who asks, or nobody else counts."""
    return _CLAIMED in context or _WHOLE in context


def said_identity(context: Context) -> Identity | None:
    """Return what the program itself has said, if anything."""
    return context.get(_SAID)  # pyright: ignore[reportReturnType] - nothing else is ever there


def _in_baggage(carried: Mapping[str, object]) -> Identity | None:
    found: dict[str, str] = {}
    for field, key in configured().baggage:
        if field not in found and (value := carried.get(key)):
            found[field] = cast("str", value)  # where it is none, an identity leaves it out
    return Identity(**found) if found else None
