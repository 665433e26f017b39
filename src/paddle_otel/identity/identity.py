"""The identity of whoever asked for something."""

from types import MappingProxyType
from typing import Final

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.identity.values import known_id

FIELDS: Final = ("request", "session", "user", "tenant")
"""What an identity consists of."""


class Identity:
    """Who asked; ``None`` is unknown. Not changed once it is made; values are as :mod:`~.values` lets them be.

    Args:
        request: The request, as it arrived at the service.
        session: The conversation it belongs to.
        user: The person or program that asked.
        tenant: The customer or team that pays for it.
    """

    __slots__ = ("_attributes", "request", "session", "tenant", "user")

    def __init__(
        self,
        request: str | None = None,
        session: str | None = None,
        user: str | None = None,
        tenant: str | None = None,
    ) -> None:
        self.request = None if request is None else known_id(request)
        self.session = None if session is None else known_id(session)
        self.user = None if user is None else known_id(user)
        self.tenant = None if tenant is None else known_id(tenant)
        self._attributes: MappingProxyType[str, AttributeValue] | None = None

    @property
    def attributes(self) -> "MappingProxyType[str, AttributeValue]":
        """What is known, as attributes of spans and events."""
        # Not a cached_property, which takes a lock up to Python 3.11: two threads may make the same twice.
        made = self._attributes
        if made is not None:
            return made
        # One after the other: it is asked for at each request, and a loop costs three times as much.
        found: dict[str, AttributeValue] = {}
        if self.request is not None:
            found[a.PADDLE_REQUEST_ID] = self.request
        if self.session is not None:
            found[a.GEN_AI_CONVERSATION_ID] = self.session
        if self.user is not None:
            found[a.ENDUSER_ID] = self.user
        if self.tenant is not None:
            found[a.PADDLE_TENANT_ID] = self.tenant
        self._attributes = made = MappingProxyType(found)
        return made

    def over(self, other: "Identity | None") -> "Identity":
        """Return what this one knows, and of the rest what another one knows."""
        if other is None:
            return self
        merged = Identity()
        merged.request = self.request or other.request
        merged.session = self.session or other.session
        merged.user = self.user or other.user
        merged.tenant = self.tenant or other.tenant
        return merged

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        known = (f"{field}={value!r}" for field, value in zip(FIELDS, self._values(), strict=True) if value is not None)
        return f"Identity({', '.join(known)})"

    def _values(self) -> tuple[str | None, ...]:
        return self.request, self.session, self.user, self.tenant


NOBODY: Final = Identity()
"""Nothing is known."""
