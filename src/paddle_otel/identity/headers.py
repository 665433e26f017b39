"""Who asks, according to the headers of a request; which headers say so is ``PADDLE_OTEL_IDENTITY_HEADERS``.

They are claims of the client, unless a gateway in front of the service sets them and removes the client's own.
"""

from collections.abc import Callable, Iterable
from typing import cast

from paddle_otel.identity.configured import configured
from paddle_otel.identity.identity import NOBODY, Identity

_ALL_ALIKE = ","


def identity_in_headers(values_of: Callable[[str], Iterable[str] | str | None]) -> Identity:
    """Return who asks.

    Args:
        values_of: Returns the values of the header of this name, none or ``None`` where it is not there; a single text
            is one value, as some getters return it. What is no text is left out.
    """
    found: dict[str, str] = {}
    for field, name in configured().headers:
        if field in found or (values := values_of(name)) is None:
            continue
        # Nearly always there is one, and it needs no second look.
        value = values[0] if isinstance(values, list) and len(values) == 1 else values
        if not isinstance(value, str) or not value.isascii():
            value = _one(values)
        if value:
            found[field] = value
    return Identity(**found) if found else NOBODY


def _one(values: object) -> str:
    """Return one value of several as HTTP and WSGI servers do, so that a client cannot add a second one that wins."""
    # A carrier may be anybody's, and hold anything.
    several = isinstance(values, Iterable) and not isinstance(values, str)
    values = cast("Iterable[object]", values if several else (values,))
    return _as_written(_ALL_ALIKE.join(value for value in values if isinstance(value, str)))


def _as_written(value: str) -> str:
    """Return the text that was sent: WSGI hands on bytes as Latin-1, ASGI as UTF-8, and an id is one id."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
