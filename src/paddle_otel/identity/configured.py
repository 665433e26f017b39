"""The settings of identity, as this process was started with: read once, when they are first needed.

They are asked for where no instrumentor is near, in a propagator for instance, so they are not handed around.
"""

import logging
from typing import Final

from paddle_otel.identity.identity import FIELDS
from paddle_otel.identity.tenants import MetricTenants
from paddle_otel.settings import PREFIX, Settings

Sources = tuple[tuple[str, str], ...]
"""Fields of an identity, each with a name under which it arrives; of several for one the first that is there."""

_NONE: Final = "none"
_logger: Final = logging.getLogger("paddle_otel")


class Configured:
    """What the settings say.

    Args:
        settings: As read from the environment.

    Attributes:
        headers: Where fields are in the headers of a request.
        header_names: Their names, by what they are as bytes.
        baggage: Where fields are in W3C baggage.
        tenants: What metrics call tenants.
    """

    def __init__(self, settings: Settings) -> None:
        self.headers: Final = _sources("IDENTITY_HEADERS", settings.identity_headers, any_case=True)
        self.header_names: Final = {name.encode("latin-1", "replace"): name for _, name in self.headers}
        self.baggage: Final = _sources("IDENTITY_BAGGAGE", settings.identity_baggage)
        self.tenants: Final = MetricTenants(settings.metric_tenants, settings.metric_tenants_maximum)


_found: Final[list[Configured]] = []


def configured() -> Configured:
    """Return what the settings say; two threads may read them twice."""
    if not _found:
        _found.append(Configured(Settings.from_environment()))
    return _found[0]


def metric_tenant(tenant: str | None) -> str | None:
    """Return what the metrics of this process call a tenant, as :meth:`~.tenants.MetricTenants.label` does."""
    return configured().tenants.label(tenant)


def forget_configured() -> None:
    """Read the settings anew (for tests)."""
    _found.clear()


def _sources(name: str, raw: str, *, any_case: bool = False) -> Sources:
    if raw.strip().lower() == _NONE:
        return ()
    pairs = [tuple(part.strip() for part in entry.partition("=")[::2]) for entry in raw.split(",") if entry.strip()]
    wrong = [f"{field}={source}" if source else field for field, source in pairs if field not in FIELDS or not source]
    if wrong:
        _logger.warning(
            "%s%s: %s has no effect; expected %s, each followed by = and a name. The others are used.",
            PREFIX,
            name,
            ", ".join(wrong),
            ", ".join(FIELDS),
        )
    found = [(field, source) for field, source in pairs if field in FIELDS and source]
    # Names of headers have no case: carriers of other protocols than HTTP have them in small letters.
    return tuple((field, source.lower() if any_case else source) for field, source in found)
