"""Which ledger counts a budget: what a request or this process spends stays here, all else may be shared."""

from collections.abc import Mapping
from typing import Final, Protocol

from paddle_otel.budgets.budget import Scope
from paddle_otel.budgets.ledger import Ledger
from paddle_otel.budgets.memory_ledger import MemoryLedger
from paddle_otel.settings import Settings

_STAY: Final = frozenset[Scope]({"request", "process"})


class Health(Protocol):
    """How a shared ledger is."""

    @property
    def name(self) -> str:
        """What metrics call it."""
        ...

    @property
    def available(self) -> bool | None:
        """Whether it answered when it was last asked; ``None`` before that."""
        ...

    @property
    def errors(self) -> Mapping[str, int]:
        """How often it could not be asked, by the kind of error."""
        ...


class SharedLedger(Ledger, Protocol):
    """A ledger outside of this process."""

    @property
    def health(self) -> Health:
        """How it is."""
        ...

    def shut(self) -> None:
        """Leave it."""
        ...


class Ledgers:
    """The ledger in memory, and the shared one where there is one.

    Args:
        memory: The one in memory.
    """

    def __init__(self, memory: MemoryLedger | None = None) -> None:
        self.memory: Final = MemoryLedger() if memory is None else memory
        self._shared: SharedLedger | None = None
        self._opened: tuple[str, float] = ("", 0.0)

    def load(self, settings: Settings) -> None:
        """Open the shared ledger that is set, and leave the one before."""
        wanted = (settings.budget_ledger, settings.budget_ledger_wait)
        if wanted == self._opened:
            return
        before, self._shared, self._opened = self._shared, None, wanted
        if before is not None:
            before.shut()
        if settings.budget_ledger:
            self._shared = _open(*wanted)

    def of(self, scope: Scope) -> Ledger:
        """Return the ledger of a scope."""
        return self.memory if self._shared is None or scope in _STAY else self._shared

    @property
    def shared_health(self) -> Health | None:
        """How the shared ledger is, ``None`` where there is none."""
        return None if self._shared is None else self._shared.health


def _open(address: str, wait: float) -> SharedLedger:
    from paddle_otel.budgets import shared_ledger  # noqa: PLC0415 - it and its library are for those who share

    return shared_ledger.SharedLedger(address, wait)
