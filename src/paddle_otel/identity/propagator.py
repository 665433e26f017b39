"""The propagator ``paddle_identity``: who asks is read from the headers of each request that arrives.

A *propagator* is what an OpenTelemetry web or gRPC instrumentation asks what a request brought along. With
``OTEL_PROPAGATORS=tracecontext,baggage,paddle_identity`` all of them ask this one, too, and no line of code changes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from opentelemetry.context import Context
from opentelemetry.propagators import textmap

from paddle_otel.guard import report
from paddle_otel.identity.current import with_claimed_identity
from paddle_otel.identity.headers import identity_in_headers
from paddle_otel.identity.identity import NOBODY


class IdentityPropagator(textmap.TextMapPropagator):
    """Reads the headers of ``PADDLE_OTEL_IDENTITY_HEADERS``; sends nothing along."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = textmap.default_getter,
    ) -> Context:
        """Return the context with what the headers say; never raises.

        Args:
            carrier: What has the headers.
            context: What the propagators before this one have found.
            getter: Reads a header.
        """
        context = Context() if context is None else context
        try:  # written out: every request comes by here
            # OpenTelemetry's own getter looks for what is iterable, which takes longer than all else here.
            if type(carrier) is dict and getter is textmap.default_getter:
                values_of: Callable[[str], Any] = carrier.get  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            else:
                values_of = partial(getter.get, carrier)
            identity = identity_in_headers(values_of)  # pyright: ignore[reportUnknownArgumentType]
        except Exception as error:  # noqa: BLE001 - an error boundary
            report("reading who asks from headers", error)
            return context
        return context if identity is NOBODY else with_claimed_identity(identity, context)

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = textmap.default_setter,
    ) -> None:
        """Send nothing along: whom the program calls is not to learn who asked, unless it says so."""

    @property
    def fields(self) -> set[str]:
        """The headers that are sent along: none."""
        return set()
