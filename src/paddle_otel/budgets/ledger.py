"""Where tokens are counted: what every ledger can do, whether it counts in this process or for several."""

from typing import Final, NamedTuple, Protocol

from paddle_otel.budgets.budget import Budget, Scope, Window

PASSING: Final = "\0"
"""With it begins the subject of a request without an id: nobody spends from its account later."""


class Account:
    """One count: what one subject spends of one budget. Accounts with the same :attr:`key` are the same count.

    Args:
        budget: Name of the budget.
        scope: What the subject is.
        subject: Who spends: a tenant's name, a session's id, …; empty for the process.
        window: The time within which tokens are counted.
        is_closed: Whether nothing is granted while a shared ledger cannot be asked; no part of the key.
    """

    __slots__ = ("budget", "is_closed", "key", "page", "scope", "subject", "window")

    def __init__(self, budget: str, scope: Scope, subject: str, window: Window, *, is_closed: bool = False) -> None:
        self.budget: Final = budget
        self.scope: Final[Scope] = scope
        self.subject: Final = subject
        self.window: Final = window
        self.is_closed: Final = is_closed
        self.page: Final = f"{budget}\0{scope}\0{window.kind}\0{window.seconds}"
        """All subjects of one budget have it in common."""
        self.key: Final = f"{self.page}\0{subject}"
        """Tells this count from all others, in every process alike; not bounded in length, any unicode."""

    @classmethod
    def of(cls, budget: Budget, subject: str) -> "Account":
        """Return a subject's account of a budget."""
        closed = budget.on_failure == "closed"
        return cls(budget.name, budget.scope, subject, budget.window, is_closed=closed)


class Taken(NamedTuple):
    """What a ledger answers.

    Attributes:
        granted: Whether the tokens were taken.
        used: Tokens used within the window now, those included; ``None`` when the ledger does not know.
        bucket: Number of the stretch of time they were counted in: the window's index since 1970, 0 without a window.
    """

    granted: bool
    used: int | None
    bucket: int


class Ledger(Protocol):
    """Counts tokens. Every method may be called from any thread, also from a finalizer, and never raises.

    One that is outside of this process waits for no answer longer than it states. Where there is none it grants all,
    or nothing where :attr:`Account.is_closed`.
    """

    def opened(self, account: Account) -> None:
        """Note that a request begins to spend from an account; once per request, before its first :meth:`take`."""
        ...

    def take(self, account: Account, want: int, limit: int, since: float | None = None) -> Taken:
        """Take tokens if they fit, all or none of them.

        Args:
            account: Whose.
            want: How many; with 0 nothing is taken, and granted means that something is left (``used < limit``).
            limit: What the window allows; may differ from call to call.
            since: When the request or step that waits for this began to ask, ``time.monotonic()``; now unless given.
        """
        ...

    def add(self, account: Account, tokens: int) -> Taken:
        """Count tokens that were used already, whether they fit or not; always granted."""
        ...

    def give_back(self, account: Account, tokens: int, bucket: int) -> None:
        """Return tokens that were taken and not used.

        Args:
            account: Whose.
            tokens: How many, 1 or more. No count becomes less than 0.
            bucket: When they were taken; nothing happens once that time no longer counts.
        """
        ...

    def used(self, account: Account) -> int | None:
        """Return the tokens used within the window as last known, ``None`` when unknown; for metrics, asks nobody."""
        ...

    def retry_after(self, account: Account, want: int, limit: int) -> float | None:
        """Return in how many seconds tokens will fit if nobody else takes any, ``None`` for never or unknown."""
        ...

    def closed(self, account: Account) -> None:
        """Note that a request no longer spends from an account; once for each :meth:`opened`."""
        ...
