"""Which tenants are told apart on metrics: those that the operator names, and never more than a stated number.

Every value of a metric's attribute is a series that is kept and paid for. A client that invents tenants must not be
able to make thousands of them.
"""

import threading
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.forking import call_in_forked_child
from paddle_otel.identity.patterns import ANY, matcher


class MetricTenants:
    """The tenants that metrics name.

    Args:
        allowed: Names separated by commas, with ``*`` in place of any letters; empty for none.
        maximum: How many are told apart. Those that are named without a ``*`` have their place; of the others the first
            that come.
    """

    def __init__(self, allowed: str, maximum: int) -> None:
        entries = [entry.strip() for entry in allowed.split(",") if entry.strip()]
        named = [entry for entry in dict.fromkeys(entries) if ANY not in entry]
        patterns = [entry for entry in entries if ANY in entry]
        self.is_active: Final = bool(entries)
        """Whether metrics have tenants at all."""
        self._maximum: Final = maximum
        self._first: Final = frozenset(named[:maximum])
        self._patterns: Final = tuple(map(matcher, patterns))
        self._begin()
        call_in_forked_child(self._begin)  # the child's series are its own

    def label(self, tenant: str | None) -> str | None:
        """Return what metrics call a tenant.

        Args:
            tenant: ``None`` for an unknown one.

        Returns:
            Its name, ``_OTHER`` for one that is not told apart, ``None`` where there is nothing to say: the tenant is
            unknown, or no tenants are allowed on metrics.
        """
        if tenant is None or not self.is_active:
            return None
        if tenant in self._told:
            return tenant
        if not any(fits(tenant) for fits in self._patterns):
            return a.TENANT_OTHER
        if len(self._told) < self._maximum:
            with self._lock:
                if len(self._told) < self._maximum:
                    self._told.add(tenant)
        return tenant if tenant in self._told else a.TENANT_OTHER

    def _begin(self) -> None:
        self._lock = threading.RLock()  # a finalizer may run in the middle of it
        self._told = set(self._first)
