"""One budget: who may use how many tokens in which time, and what happens then."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from paddle_otel.budgets import checks

Scope = Literal["request", "session", "tenant", "user", "model", "process"]
Counts = Literal["input", "output", "both"]
Action = Literal["observe", "stop", "refuse"]
WindowKind = Literal["none", "sliding", "fixed"]
OnFailure = Literal["open", "closed"]

MATCHED: Final = ("tenant", "user", "session", "model")
"""What a budget may be limited to."""
HIGHEST_LIMIT: Final = 2**53
"""Whole numbers above it are not exact in every ledger."""
LONGEST_WINDOW: Final = 366 * 86_400
"""Seconds."""


@dataclass(frozen=True)
class Window:
    """The time within which tokens are counted.

    Attributes:
        kind: ``none`` counts for ever, ``fixed`` from one full minute, hour or day (UTC) to the next, ``sliding`` the
            last seconds before now.
        seconds: Its length; 0 where there is none.

    Raises:
        ValueError: A value cannot be used; the message names the field.
    """

    kind: WindowKind = "none"
    seconds: int = 0

    def __post_init__(self) -> None:
        checks.one_of("kind", self.kind, get_args(WindowKind))
        checks.whole("seconds", self.seconds, 0, LONGEST_WINDOW)
        if (self.kind == "none") != (self.seconds == 0):
            raise ValueError(f"seconds: a window of the kind {self.kind!r} cannot have {self.seconds}")


@dataclass(frozen=True)
class Budget:
    """A budget.

    Attributes:
        name: Unique; on metrics and events.
        scope: Whose tokens are counted together: each request, session, tenant, user or model has its own count, a
            process one in all. Where the session, tenant or user of a request is unknown, the budget does not apply.
        limit: Tokens within the window; 0 allows none.
        window: The time.
        counts: Which tokens.
        actions: What happens when it is used up; ``stop`` and ``refuse`` go together.
        warn_at: Tokens from which on an event warns, once per window; ``None`` for never.
        match: Only for these (``tenant``, ``user``, ``session``, ``model``): exact values or patterns with ``*``, which
            stands for any letters.
        on_failure: What happens while the shared ledger cannot be asked: ``open`` counts in this process alone,
            ``closed`` stops and refuses.

    Raises:
        ValueError: A value cannot be used; the message begins with the field.
    """

    name: str
    scope: Scope
    limit: int
    window: Window = Window()
    counts: Counts = "both"
    actions: frozenset[Action] = frozenset({"observe"})
    warn_at: int | None = None
    match: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    on_failure: OnFailure = "open"

    def __post_init__(self) -> None:
        checks.text("name", self.name)
        checks.one_of("scope", self.scope, get_args(Scope))
        checks.whole("limit", self.limit, 0, HIGHEST_LIMIT)
        if not isinstance(self.window, Window):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller is checked
            raise ValueError(f"window: expected a Window, not {self.window!r}")  # noqa: TRY004 - one kind for all
        checks.one_of("counts", self.counts, get_args(Counts))
        object.__setattr__(self, "actions", _actions(self.actions))
        if self.warn_at is not None:
            checks.whole("warn_at", self.warn_at, 0, HIGHEST_LIMIT)
        object.__setattr__(self, "match", _match(self.match))
        checks.one_of("on_failure", self.on_failure, get_args(OnFailure))


def _actions(given: Any) -> frozenset[Action]:
    if isinstance(given, str) or not isinstance(given, Collection) or not given:
        raise ValueError(f"actions: expected a set of {checks.listed(get_args(Action))}, not {given!r}")
    actions: Collection[Any] = given  # pyright: ignore[reportUnknownVariableType] - each is looked at below
    for action in actions:
        checks.one_of("actions", action, get_args(Action))
    return frozenset(actions)


def _match(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise ValueError(f"match: expected a mapping, not {given!r}")  # noqa: TRY004 - one kind of error for all
    match: Mapping[Any, Any] = given  # pyright: ignore[reportUnknownVariableType] - each is looked at below
    for key, value in match.items():
        checks.one_of("match", key, MATCHED)
        checks.text(f"match.{key}", value)
    return dict(match)  # the caller's may change
