"""Says that budgets are nearly or wholly used up: as events, which do not repeat themselves, and as counts."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from paddle_otel.budgets.budget import Action, Budget, Window
from paddle_otel.budgets.ledger import Account, Taken
from paddle_otel.budgets.spending import Spender
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import events
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard

REMEMBERED: Final = 10_000
"""Subjects of each scope of which is remembered what was said of them; of one that is forgotten it is said again."""
_NAMED: Final = {60: "minute", 3600: "hour", 86_400: "day"}


class Reporter(Protocol):
    """Where the events of an operation go."""

    @property
    def logger(self) -> Logger:
        """The logger of its telemetry."""
        ...


class Occasion(NamedTuple):
    """In which request something is to be said.

    Attributes:
        spender: Who spends.
        reporter: Where the events go; ``None`` for nowhere.
        context: The context with the request's span; ``None`` for the current one.
    """

    spender: Spender
    reporter: Reporter | None
    context: Context | None


class Announcer:
    """Emits the events of all budgets of a process, and counts how often a request went beyond one."""

    def __init__(self) -> None:
        self.forget()
        call_in_forked_child(self.forget)

    def forget(self) -> None:
        """Begin anew, as a forked child does: the parent has said and counted its own."""
        self._lock = threading.RLock()  # a finalizer may run in the middle of it
        self._said: defaultdict[str, dict[tuple[str, str, int], int]] = defaultdict(dict)
        self._times: Counter[tuple[str, str, Action]] = Counter()

    def times(self) -> Mapping[tuple[str, str, Action], int]:
        """Return how often requests went beyond a budget: by its name, its scope and what was done."""
        with self._lock:
            return dict(self._times)

    def warn(self, occasion: Occasion, budget: Budget, account: Account, taken: Taken) -> None:
        """Say that a budget's threshold is reached: once for each subject and window."""
        if budget.warn_at is not None and self._is_new(account, events.BUDGET_THRESHOLD, budget.warn_at, taken.bucket):
            facts = {a.PADDLE_BUDGET_THRESHOLD: budget.warn_at}
            _emit(events.BUDGET_THRESHOLD, occasion, _facts(budget, taken) | facts)

    def exceed(self, occasion: Occasion, budget: Budget, account: Account, taken: Taken, action: Action) -> None:
        """Count that a request went beyond a budget, and say so: once for each subject and window.

        Of requests that are refused it is said once in a second.
        """
        with self._lock:
            self._times[budget.name, budget.scope, action] += 1
        when = int(time.monotonic()) if action == "refuse" else taken.bucket
        if self._is_new(account, f"{events.BUDGET_EXCEEDED} {action}", budget.limit, when):
            facts = {a.PADDLE_BUDGET_ACTION: action}
            _emit(events.BUDGET_EXCEEDED, occasion, _facts(budget, taken) | facts)

    def _is_new(self, account: Account, what: str, limit: int, when: int) -> bool:
        key = (account.key, what, limit)
        with self._lock:
            said = self._said[account.scope]
            if said.get(key) == when:
                return False
            if key not in said and len(said) >= REMEMBERED:
                said.pop(next(iter(said)), None)
            said[key] = when
        return True


def window_text(window: Window) -> str:
    """Return a window in the words of a budget file."""
    length = _NAMED.get(window.seconds, f"{window.seconds}s")
    match window.kind:
        case "none":
            return "none"
        case "fixed":
            return length
        case "sliding":
            return f"sliding {length}"


def _facts(budget: Budget, taken: Taken) -> dict[str, AttributeValue]:
    facts: dict[str, AttributeValue] = {
        a.PADDLE_BUDGET_NAME: budget.name,
        a.PADDLE_BUDGET_SCOPE: budget.scope,
        a.PADDLE_BUDGET_COUNTS: budget.counts,
        a.PADDLE_BUDGET_WINDOW: window_text(budget.window),
        a.PADDLE_BUDGET_LIMIT: budget.limit,
    }
    if taken.used is not None:
        facts[a.PADDLE_BUDGET_USED] = taken.used
    return facts


def _emit(name: str, occasion: Occasion, facts: Mapping[str, AttributeValue]) -> None:
    spender, reporter, context = occasion
    if reporter is None:
        return
    model = {} if spender.model is None else {a.GEN_AI_REQUEST_MODEL: spender.model}
    with guard("writing the event of a budget"):
        reporter.logger.emit(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.WARN,
            severity_text=SeverityNumber.WARN.name,
            event_name=name,
            attributes={**facts, **model, **spender.identity.attributes},
        )
