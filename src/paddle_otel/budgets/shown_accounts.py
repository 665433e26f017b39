"""Which counts of budgets are told apart on metrics."""

from typing import Final

from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.policy import Policy
from paddle_otel.conventions import attributes as a
from paddle_otel.identity.tenants import MetricTenants
from paddle_otel.settings import Settings

MAXIMUM: Final = 500
"""Accounts of one budget that are told apart."""


class ShownAccounts:
    """The process and the models always, tenants where the operator allows it; sessions, users and requests never."""

    def __init__(self) -> None:
        self._tenants = MetricTenants("", 1)
        self._loaded = ("", 1)

    def load(self, settings: Settings) -> None:
        """Learn which tenants metrics may name."""
        wanted = (settings.metric_tenants, settings.metric_tenants_maximum)
        if wanted != self._loaded:
            self._loaded = wanted
            self._tenants = MetricTenants(*wanted)

    def note(self, policy: Policy, account: Account) -> None:
        """Show an account from now on, if it may be shown."""
        shown = policy.shown
        if account.subject not in shown and self._may_show(account) and len(shown) < MAXIMUM:
            shown[account.subject] = account

    def _may_show(self, account: Account) -> bool:
        match account.scope:
            case "process" | "model":
                return True
            case "tenant":
                return self._tenants.label(account.subject) not in {None, a.TENANT_OTHER}
            case _:
                return False
